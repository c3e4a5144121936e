"""What a file says of its bands: colours, nodata, scale, names."""
