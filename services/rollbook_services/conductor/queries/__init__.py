"""What the conductor's memory answers: what may be due, and what agents are told."""
