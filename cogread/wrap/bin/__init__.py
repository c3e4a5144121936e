"""Samples: from tiles of any codec that keeps or bounds them to bytes that clients read as numbers."""
