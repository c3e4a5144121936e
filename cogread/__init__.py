"""Reads Cloud Optimized GeoTIFFs by byte ranges and hands out their tiles as they are stored."""

__version__ = "1.0.0.dev0"
"""The version of the whole project, the only place that states it."""
