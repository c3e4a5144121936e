"""What is said of layers: JSON, TileJSON, GDAL's XML, TMS, and what lists and pages show."""
