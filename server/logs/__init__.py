"""The request log and what it counts."""
