"""NATS as this project configures it."""
