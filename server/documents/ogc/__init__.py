"""The documents of OGC API Tiles 1.0 (OGC 20-057) and Common, as plain data. Some need PROJ: import them late."""
