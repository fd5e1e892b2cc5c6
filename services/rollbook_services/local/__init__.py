"""All of Rollbook in one process, over an embedded nats-server."""
