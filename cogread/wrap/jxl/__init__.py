"""JPEG XL: stored tiles, and JPEG tiles that are repacked."""
