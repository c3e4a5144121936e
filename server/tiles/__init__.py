"""Tile requests: parsing, planning, reading, replying."""
