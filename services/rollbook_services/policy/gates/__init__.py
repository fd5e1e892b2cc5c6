"""One file for each gate."""
