"""How each event changes the stage view, one file for each noun."""
