"""The bodies of the rules, one file for each noun."""
