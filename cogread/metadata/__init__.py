"""Metadata of bands: colours, nodata, scale, names."""
