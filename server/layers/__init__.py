"""Layers: the catalog, versions of a layer, grids and summaries."""
