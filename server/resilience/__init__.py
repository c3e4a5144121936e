"""Deadlines, bulkheads, circuit breakers, remembered failures, parallel work."""
