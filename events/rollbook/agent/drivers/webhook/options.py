"""What may be said to the driver `webhook`?"""

import os
from ipaddress import ip_address
from pathlib import Path
from typing import Self

from pydantic import HttpUrl, model_validator

from rollbook.agent.config import Seconds
from rollbook.agent.drivers._delegated import Delegating
from rollbook.agent.drivers.webhook.signature import secret
from rollbook.agent.web import is_public
from rollbook.errors import Misconfigured

OTHERS = 0o077


class WebhookOptions(Delegating):
    """The table `[driver]` with `name = "webhook"`."""

    url: HttpUrl
    observe_url: HttpUrl
    """Asked with `stage`, `target` and `model` what runs."""
    health_url: HttpUrl | None = None
    """Asked alike for health: 2xx is good."""
    secret_file: Path | None = None
    secret_env: str | None = None
    """The name of a variable, instead of a file."""
    ca_file: Path | None = None
    """Who vouches for the server; without it, whom the machine trusts."""
    allow_private: bool = False
    """Whether the server may be in one's own network, and speak plain http."""
    deadline: Seconds = 300.0
    """From the order to its end."""
    timeout: Seconds = 30.0
    """For one answer."""
    poll: Seconds = 1.0
    """Between two questions after 202, where the server does not say how long."""
    fetch: bool = False

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if (self.secret_file is None) == (self.secret_env is None):
            raise ValueError("name one of secret_file and secret_env")
        if not self.allow_private:
            for url in filter(None, (self.url, self.observe_url, self.health_url)):
                _check_public(url)
        return self

    def secret(self) -> bytes:
        """Read the secret; Misconfigured says what is wrong with it."""
        setting = f"driver.{'secret_file' if self.secret_file else 'secret_env'}"
        try:
            return secret(self._text())
        except (OSError, ValueError) as error:
            raise Misconfigured(setting, str(error)) from error

    def _text(self) -> str:
        if self.secret_file is None:
            return os.environ.get(self.secret_env or "", "")
        if self.secret_file.stat().st_mode & OTHERS:
            raise ValueError(f"others can read {self.secret_file}: chmod it to 0600")
        return self.secret_file.read_text()


def _check_public(url: HttpUrl) -> None:
    """Refuse at the start what would be refused at each request."""
    remedy = "set allow_private = true if the server is yours"
    if url.scheme != "https":
        raise ValueError(f"{url} is not secret on its way: {remedy}")
    try:
        is_fine = is_public(ip_address((url.host or "").strip("[]")))
    except ValueError:
        return  # it is a name, and looked up when it is asked
    if not is_fine:
        raise ValueError(f"{url.host} is no public address: {remedy}")
