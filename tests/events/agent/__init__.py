"""Agents: what they read, verify, apply and report."""
