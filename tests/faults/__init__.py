"""Every write and every process, killed in the middle."""
