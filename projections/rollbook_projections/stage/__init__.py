"""What is live in each stage, now and at any time before."""
