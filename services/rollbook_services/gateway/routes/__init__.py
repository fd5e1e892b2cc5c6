"""One file for each resource of the HTTP API."""
