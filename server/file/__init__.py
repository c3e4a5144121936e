"""The file of a layer, for clients that read COGs by byte ranges."""
