"""The right to read layers: tokens, signatures, and what the credentials of a request allow."""
