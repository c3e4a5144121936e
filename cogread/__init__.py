"""Reads Cloud Optimized GeoTIFFs by byte ranges and hands out their tiles as they are stored."""

__version__ = "0.1.0"
