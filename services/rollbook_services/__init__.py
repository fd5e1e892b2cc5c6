"""Decisions and surfaces: what Rollbook does, and how people and programs meet it."""
