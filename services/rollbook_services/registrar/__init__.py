"""The write path: authenticate, load, decide, append."""
