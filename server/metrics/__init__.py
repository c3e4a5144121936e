"""Metrics of the process, counted in plain memory, and their form for Prometheus."""
