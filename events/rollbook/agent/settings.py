"""What must an agent be told, and where does it find its secrets?

`credentials.json` is what `rollbook up` leaves in its data directory; only its owner
may be able to read it.
"""

import base64
import binascii
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from rollbook.agent.config import Config
from rollbook.agent.desired import Trusted
from rollbook.errors import Misconfigured

CREDENTIALS_FILE: Final = "credentials.json"
OTHERS: Final = 0o077
PUBLIC_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything one agent needs: its configuration, its trust, its identity."""

    config: Config
    nats_url: str
    trusted: Trusted
    user: str
    seed: str = field(repr=False)
    token: str = field(repr=False)
    nats_ca: str = ""
    """PEM text; empty where the machine trusts NATS's certificate already."""

    @property
    def place(self) -> str:
        """Name the place it serves."""
        return f"{self.config.stage}/{self.config.target}"


class _Identity(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    user: str
    seed: str
    token: str


class _Credentials(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    nats_url: str
    nats_ca: str = ""
    event_key: str
    origin: str
    agents: dict[str, _Identity]


def load(credentials: Path, config: Config) -> Settings:
    """Add the secrets to the configuration; Misconfigured says what is wrong."""
    found = _read(credentials)
    place = f"{config.stage}/{config.target}"
    identity = found.agents.get(place)
    if identity is None:
        known = ", ".join(sorted(found.agents)) or "none"
        raise Misconfigured(
            f"agent {place}",
            f"{credentials} has no identity for it, but for: {known}",
        )
    return Settings(
        config=config,
        nats_url=found.nats_url,
        nats_ca=found.nats_ca,
        trusted=Trusted(found.origin, _public(found.event_key, credentials)),
        user=identity.user,
        seed=identity.seed,
        token=identity.token,
    )


def _read(credentials: Path) -> _Credentials:
    try:
        status = credentials.stat()
        if status.st_mode & OTHERS or status.st_uid != os.geteuid():
            raise Misconfigured(
                str(credentials),
                "it holds secrets: chown it to the user that runs the agent "
                "and chmod it to 0600",
            )
        return _Credentials.model_validate_json(credentials.read_bytes())
    except FileNotFoundError as missing:
        raise Misconfigured(
            str(credentials),
            "it is not there: start `rollbook up`, or name the file it wrote",
        ) from missing
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise Misconfigured(
            str(credentials), f"{place or 'it'} cannot be read: write it anew"
        ) from error


def _public(text: str, credentials: Path) -> bytes:
    try:
        public = base64.b64decode(text, validate=True)
    except binascii.Error:
        public = b""
    if len(public) != PUBLIC_KEY_BYTES:
        raise Misconfigured(
            f"{credentials}, event_key", "it has to be base64 of the 32 public bytes"
        )
    return public
