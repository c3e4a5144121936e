"""All stored tiles of a file at once: their places, large reads, and files that are made of them."""
