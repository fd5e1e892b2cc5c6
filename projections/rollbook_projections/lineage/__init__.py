"""What each version was made from, and what was made from it."""
