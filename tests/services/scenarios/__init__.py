"""Stories of whole releases, as people would tell them."""
