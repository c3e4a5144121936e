"""Coordinate reference systems: from GeoKeys to PROJ."""
