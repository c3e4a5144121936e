"""PNG: from samples to a file."""
