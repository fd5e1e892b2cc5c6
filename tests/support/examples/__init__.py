"""One example of every recorded event, one file for each kind."""
