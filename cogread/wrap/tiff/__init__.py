"""One-tile GeoTIFFs around stored tiles."""
