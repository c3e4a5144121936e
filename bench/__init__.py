"""Measures rawcog and its peers in one run: `make bench`, or `python -m bench`; see README.md here."""
