"""TIFF and BigTIFF structure."""
