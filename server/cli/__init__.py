"""The command `rawcog`."""
