"""Who did what, when, why and under which rules."""
