"""The driver `webhook`: a web server is told what to serve."""

from rollbook.agent.drivers.webhook.driver import WebhookDriver

__all__ = ["WebhookDriver"]
