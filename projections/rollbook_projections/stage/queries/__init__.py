"""What may be asked of the stage view, one file for each noun."""
