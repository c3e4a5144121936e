"""Documents by which GDAL opens a layer: a VRT over tiles, and a description for its WMS driver. They need PROJ."""
