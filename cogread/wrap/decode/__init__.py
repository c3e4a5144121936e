"""Decoders of stored tiles."""
