"""Where facts are kept: append, load, follow, replay."""
