"""One file, read through the tiers."""
