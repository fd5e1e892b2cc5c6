"""The audit view."""
