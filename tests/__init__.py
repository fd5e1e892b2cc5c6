"""The three folders' tests, and those that cross them."""
