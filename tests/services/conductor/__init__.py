"""Dispatch, desired documents, leases."""
