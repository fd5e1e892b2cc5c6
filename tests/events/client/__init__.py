"""The thin client."""
