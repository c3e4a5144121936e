"""Ranged GETs over pooled connections with a deadline: the common part of all schemes over HTTP."""
