"""How each event changes the conductor's memory, one file for each noun."""
