"""Decisions and surfaces: rules, conductor, gateway, command line."""
