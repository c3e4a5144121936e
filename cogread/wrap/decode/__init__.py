"""Decoding of stored tiles to samples."""
