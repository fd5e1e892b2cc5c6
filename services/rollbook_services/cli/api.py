"""How does the command line ask the server: which paths, and what follows an answer?"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rollbook.client.errors import Unavailable
from rollbook.client.exchange import Json
from rollbook.client.resources import digest_of, model_path, version_question
from rollbook.client.settings import Server
from rollbook.client.transport import Transport
from rollbook.reference import ModelReference, parse_version
from rollbook_services.cli.context import remember, remembered
from rollbook_services.cli.output import Output


@dataclass(frozen=True, slots=True)
class Resolved:
    """A reference brought down to a number and its bytes."""

    model: ModelReference
    version: int
    digest: str

    def __str__(self) -> str:
        """Write the version's number."""
        return f"{self.model}@{self.version}"


class Api:
    """The server's resources; each command reads what the one before it wrote."""

    def __init__(self, server: Server, *, as_of: str | None, output: Output) -> None:
        """Open no connection yet; remember how far this user has written."""
        self._server, self._as_of, self._output = server, as_of, output
        self.transport = Transport(server.url, token=server.token)
        self.transport.seen = remembered(server, os.environ)

    def read(self, path: str, **params: Any) -> Json:
        """Read a resource as of the chosen moment; learns the names of people."""
        asked = {"as_of": self._as_of, **params}
        try:
            answer = self.transport.get(path, **asked)
        except Unavailable as error:
            if error.code != "projection-behind":
                raise
            # Also what a ledger answers that began anew at the same address.
            self._output.note("note: the view lags behind what you wrote last")
            self.transport.seen = 0
            answer = self.transport.get(path, **asked)
        self._output.people.update(answer.get("people") or {})
        return answer

    def write(
        self, path: str, body: Mapping[str, Any], *, key: str | None = None
    ) -> Json:
        """Record something; fields that are None are left out."""
        given = {name: value for name, value in body.items() if value is not None}
        return self.write_exactly(path, given, key=key)

    def write_exactly(
        self, path: str, body: Mapping[str, Any], *, key: str | None = None
    ) -> Json:
        """Record something in which None has a meaning of its own."""
        answer = self.transport.post(path, body, key=key)
        remember(self._server, self.transport.seen, os.environ)
        return answer

    def rehearse(self, path: str, body: Mapping[str, Any]) -> Json:
        """Ask what would be recorded; a refusal is raised, nothing is recorded."""
        return self.transport.post(path, body, dry_run=True)

    def saw(self, sequence: int) -> None:
        """Keep how far an answer went, so that the next command sees that too."""
        self.transport.seen = max(self.transport.seen, sequence)
        remember(self._server, self.transport.seen, os.environ)

    def resolve(self, reference: str) -> Resolved:
        """Find the number and digest that a reference stands for."""
        named = parse_version(reference)
        path, asked = version_question(named)
        found = self.read(path, **asked)["data"]
        return Resolved(named.model, int(found["version"]), digest_of(found))


def version_path(version: Resolved) -> str:
    """Return the path of a version."""
    return f"{model_path(version.model)}/versions/{version.version}"
