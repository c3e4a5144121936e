"""WMTS 1.0.0 (OGC 07-057r7): requests by key-value pairs and by paths, exceptions, the capabilities of all layers."""
