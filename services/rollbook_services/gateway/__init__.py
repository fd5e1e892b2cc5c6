"""The HTTP face: answers questions from the views, passes commands on."""
