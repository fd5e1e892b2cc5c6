"""Gates, quorum and the built-in policy."""
