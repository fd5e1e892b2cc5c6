"""Facts: what happened to a model, how it is written down, and how it is checked."""
