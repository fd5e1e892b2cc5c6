"""What can be checked with no network and no clock."""
