"""The whole system, as people and programs meet it."""
