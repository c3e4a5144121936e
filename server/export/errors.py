"""The error of exports."""


class ExportError(Exception):
    """The target cannot be written; the message is for the user."""
