"""Who acts in the demo? Each has a token of their own and the roles it names."""

import os
import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from rollbook.client.errors import ProblemError
from rollbook.client.exchange import Json
from rollbook.client.transport import Transport
from rollbook.tokens import new_token
from rollbook_services.local.demo.narrator import UntrueClaim, wait_for

MODEL: Final = "digits"
_PATH: Final = f"/v1/models/default/{MODEL}"
_LIFETIME: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Player:
    """A person or a program that talks to the server over HTTP, as users do."""

    name: str
    principal: str
    transport: Transport
    company: list["Player"] = field(default_factory=list)
    """Who hears at once of what this one did, so that they see it too."""

    def read(self, path: str, **params: Any) -> Any:
        """Read one of the model's resources."""
        return self.transport.get(f"{_PATH}{path}", **params)["data"]

    def do(self, path: str, body: Mapping[str, Any], *, key: str | None = None) -> Json:
        """Send a command about the model."""
        answer = self.transport.post(f"{_PATH}{path}", body, key=key)
        self._tell(answer)
        return answer

    def ask_for(self, version: int, stage: str, reason: str) -> int:
        """Request a promotion, saying what was seen to run there; return its number."""
        body = {
            "stage": stage,
            "version": version,
            "expected_incumbent": self.stable(stage),
            "reason": reason,
        }
        return number_in(self.do("/promotions", body))

    def approve(self, promotion: int, comment: str) -> Json:
        """Vote for a promotion as it is shown now."""
        binding = self.read(f"/promotions/{promotion}")["binding"]
        body = {"binding": binding, "comment": comment}
        return self.do(f"/promotions/{promotion}/approvals", body)

    def send(self, path: str, body: Mapping[str, Any]) -> Json:
        """Send a command that is about no single model."""
        answer = self.transport.post(f"/v1{path}", body)
        self._tell(answer)
        return answer

    def _tell(self, answer: Json) -> None:
        """Let everybody see from now on what was recorded."""
        for other in self.company:
            other.transport.seen = max(other.transport.seen, answer["seq"])

    def why(self, promotion: int) -> dict[str, Any]:
        """Ask what keeps a promotion, and what would change that."""
        answer: dict[str, Any] = self.read(f"/promotions/{promotion}/why")
        return answer

    def roll_back(self, stage: str, reason: str) -> Json:
        """Go back to what was stable before."""
        return self.do(f"/lanes/{stage}/rollbacks", {"reason": reason})

    def stable(self, stage: str) -> int | None:
        """Return what last proved itself in a stage."""
        board = self.transport.get("/v1/lanes", model=MODEL)["data"]
        lanes = [lane for lane in board if lane["stage"] == stage and lane["stable"]]
        return int(lanes[0]["stable"]["version"]) if lanes else None

    def wait_until(self, promotion: int, state: str) -> Mapping[str, Any]:
        """Wait until a promotion is in a state; it ends the wait to end elsewhere."""

        def is_there(found: Mapping[str, Any]) -> bool:
            if found["ended_seq"] is not None and found["state"] != state:
                raise UntrueClaim(f"{MODEL}:{promotion} becomes {state}", found)
            return bool(found["state"] == state)

        def look() -> Mapping[str, Any]:
            found: Mapping[str, Any] = self.read(f"/promotions/{promotion}")
            return found

        return wait_for(f"{MODEL}:{promotion} is {state}", look, is_there)

    def wait_until_live(self, promotion: int, stage: str) -> Mapping[str, Any]:
        """Wait until a promotion succeeded and its lane shows it."""
        found = self.wait_until(promotion, "SUCCEEDED")
        # The events of one decision reach a view one after another.
        wait_for(
            f"{MODEL}#{stage} shows {MODEL}:{promotion}",
            lambda: self.read(f"/lanes/{stage}")["stable"] or {},
            lambda stable: stable.get("promotion") == promotion,
        )
        return found


def operator(credentials: Mapping[str, Any], tokens: Path) -> Player:
    """Return whoever started the installation, whose token is kept as others' are."""
    _keep(tokens / "operator.token", credentials["token"])
    transport = Transport(credentials["url"], token=credentials["token"])
    return Player("operator", "", transport)


def engage(
    by: Player, name: str, roles: tuple[str, ...], *, tokens: Path, is_service: bool
) -> Player:
    """Give somebody a token; only its hash is sent, the secret stays in a file."""
    if is_service:
        principal = f"svc:{name}"
    else:
        named = by.transport.post("/v1/access/people", {"name": name})
        principal = named["principal"]
    made = new_token(secrets.token_bytes(10), secrets.token_bytes(32))
    until = datetime.now(UTC) + _LIFETIME  # noqa: TID251
    issued = {
        "token": made.id,
        "sha256": made.sha256,
        "principal": principal,
        "roles": roles,
        "until": until.isoformat(),
    }
    by.transport.post("/v1/access/tokens", issued, key=str(uuid.uuid4()))
    _keep(tokens / f"{name}.token", made.text)
    transport = Transport(by.transport.url, token=made.text)
    hired = Player(name, principal, transport, by.company)
    by.company.append(hired)
    return hired


def number_in(answer: Mapping[str, Any]) -> int:
    """Return the number of the promotion that a request recorded."""
    for event in answer["events"]:
        if event["type"].startswith("io.rollbook.promotion.requested."):
            return int(event["data"]["promotion"])
    raise UntrueClaim("a request records a promotion", answer)


def refusal_of(attempt: Callable[[], object]) -> ProblemError:
    """Return the refusal an attempt meets; raises UntrueClaim when it succeeds."""
    try:
        done = attempt()
    except ProblemError as refused:
        return refused
    raise UntrueClaim("this is refused", done)


def _keep(file: Path, token: str) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(token + "\n")
