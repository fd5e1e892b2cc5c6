"""What makes decisions happen: it sends commands and writes desired documents."""
