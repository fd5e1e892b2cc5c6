"""Who may enter an installation, and where do its secrets lie?

One 0600 file in the data directory, which the CLI finds by itself. Tokens are
renewed at a start that finds them near their end; the ledger keeps their hashes.
"""

import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from rollbook import tokens
from rollbook.catalogue.access import Place
from rollbook.commands.access import IssueToken
from rollbook.commands.fleet import EnrolAgent
from rollbook.errors import Misconfigured
from rollbook.names import (
    AgentName,
    Principal,
    RoleName,
    StageName,
    TargetName,
    TokenId,
)

LIFETIME: Final = timedelta(days=90)
RENEW_BEFORE: Final = timedelta(days=30)
CONDUCTOR: Final = Principal("rollbook:conductor")
OPERATOR_ROLES: Final = tuple(
    RoleName(role)
    for role in (
        "publisher",
        "reviewer",
        "release-manager",
        "incident-commander",
        "policy-owner",
        "access-admin",
        "auditor",
    )
)


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody or something that gets a token of its own."""

    principal: Principal
    roles: tuple[RoleName, ...]
    place: Place | None = None


@dataclass(slots=True)
class Credentials:
    """The secrets of one installation, and where it is; kept in one file."""

    file: Path
    content: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def _tokens(self) -> dict[str, dict[str, str]]:
        held: dict[str, dict[str, str]] = self.content.setdefault("tokens", {})
        return held

    def token(self, principal: str) -> str:
        """Return the token of a principal."""
        held = self._tokens.get(principal)
        if held is None:
            raise Misconfigured(
                str(self.file),
                f"it holds no token for {principal}: start a registrar on this data "
                "directory first, or copy its file here",
            )
        return held["token"]

    def operator_token(self) -> str:
        """Return the token of the person who runs this installation."""
        return next(
            self.token(principal)
            for principal in self._tokens
            if principal.startswith("prn:")
        )

    def renew(self, holders: Iterable[Holder], *, now: datetime) -> list[IssueToken]:
        """Make the tokens that are missing or end soon; return what must be issued."""
        return [
            self._make(holder, until=now + LIFETIME)
            for holder in holders
            if not self._lasts(holder.principal, now + RENEW_BEFORE)
        ]

    def note(self, **places: object) -> None:
        """Write the file with these entries: whole or not at all, for nobody else."""
        self.content.update(places)
        draft = self.file.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(self.content, file, indent=2)
            file.flush()
            os.fsync(descriptor)
        draft.replace(self.file)

    def _lasts(self, principal: str, instant: datetime) -> bool:
        held = self._tokens.get(principal)
        return held is not None and datetime.fromisoformat(held["until"]) > instant

    def _make(self, holder: Holder, *, until: datetime) -> IssueToken:
        text, id_, sha256 = tokens.new_token(
            secrets.token_bytes(10), secrets.token_bytes(32)
        )
        self._tokens[holder.principal] = {"token": text, "until": until.isoformat()}
        return IssueToken(
            token=TokenId(id_),
            sha256=sha256,
            principal=holder.principal,
            roles=holder.roles,
            place=holder.place,
            until=until,
        )


def read_credentials(file: Path) -> Credentials:
    """Read an installation's secrets, or start without any."""
    return Credentials(file, json.loads(file.read_text()) if file.exists() else {})


def agent_name(stage: StageName, target: TargetName) -> str:
    """Name the agent that serves a stage on a target, for NATS and the ledger."""
    return f"agent-{stage}-{target}"


def holders(
    operator: Principal, places: Iterable[tuple[StageName, TargetName]]
) -> list[Holder]:
    """List who gets a token at the first start."""
    return [
        Holder(operator, OPERATOR_ROLES),
        Holder(CONDUCTOR, (RoleName("viewer"),)),
        *(
            Holder(
                Principal(f"svc:{agent_name(stage, target)}"),
                (RoleName("agent"),),
                Place(stage=stage, target=target),
            )
            for stage, target in places
        ),
    ]


def enrolments(
    credentials: Credentials, places: Iterable[tuple[StageName, TargetName]]
) -> list[EnrolAgent]:
    """List the agents that speak for these places, with the tokens they have.

    Their NATS keys stay out of the ledger: who runs NATS knows them, from their seeds.
    """
    return [_enrolment(credentials, stage, target) for stage, target in places]


def _enrolment(
    credentials: Credentials, stage: StageName, target: TargetName
) -> EnrolAgent:
    name = agent_name(stage, target)
    read = tokens.read_token(credentials.token(f"svc:{name}"))
    return EnrolAgent(
        agent=AgentName(name),
        place=Place(stage=stage, target=target),
        token=TokenId(read[0]) if read else None,
    )
