"""The log, and the counters of a request."""
