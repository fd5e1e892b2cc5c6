"""The rules, one file for each noun."""
