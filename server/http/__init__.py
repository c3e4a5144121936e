"""HTTP values: replies, errors and their status, public URLs."""
