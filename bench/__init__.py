"""Measures rawcog beside others in one run: `make bench`, or `python -m bench`; see README.md here."""
