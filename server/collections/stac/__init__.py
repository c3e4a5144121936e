"""STAC: documents, the places that they may lead to, and the rule of a collection by them."""
