"""What holds after every history."""
