"""What may be asked, one file for each noun."""
