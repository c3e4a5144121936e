"""Bulkheads, circuit breakers, remembered failures, parallel work."""
