"""A running Rollbook for the client's tests: `rollbook up`, two agents, four people."""

import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rollbook.client.client import Client
from rollbook.client.transport import Transport
from rollbook.tokens import new_token
from rollbook_services.local.demo.machinery import Installation, agent, installation


@dataclass(frozen=True, slots=True)
class House:
    """Where it is, and who is let in with which token."""

    data: Path
    url: str
    alice: str
    bob: str
    carol: str
    dave: str

    def client(self, token: str | None = None) -> Client:
        """Connect as somebody, as the operator if nobody is named."""
        return Client(data=self.data, token=token)


@contextmanager
def house(folder: Path) -> Iterator[House]:
    """Run everything while the context is open."""
    with ExitStack() as running:
        up = running.enter_context(installation(folder / "data", folder / "up.log"))
        for stage in ("staging", "production"):
            log = folder / f"{stage}.log"
            secrets_ = up.data / "credentials.json"
            running.enter_context(
                agent(stage, folder / stage, log, credentials=secrets_)
            )
        url = str(up.credentials["url"])
        alice = _token(up, url, "alice", "publisher", "reviewer")
        bob = _token(up, url, "bob", "reviewer")
        rules = ("policy-owner", "incident-commander", "release-manager")
        carol, dave = (_token(up, url, name, *rules) for name in ("carol", "dave"))
        yield House(up.data, url, alice, bob, carol, dave)


def _token(up: Installation, url: str, name: str, *roles: str) -> str:
    until = datetime.fromtimestamp(time.time(), UTC) + timedelta(days=1)
    token = new_token(secrets.token_bytes(10), secrets.token_bytes(32))
    with Transport(url, token=up.credentials["token"]) as operator:
        person = operator.post("/v1/access/people", {"name": name})["principal"]
        operator.post(
            "/v1/access/tokens",
            {
                "token": token.id,
                "sha256": token.sha256,
                "principal": person,
                "roles": roles,
                "until": until.isoformat(),
            },
        )
        operator.get("/v1/models")  # waits until the token is known
    return token.text
