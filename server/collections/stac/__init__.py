"""STAC: documents, and the rule of a collection by them."""
