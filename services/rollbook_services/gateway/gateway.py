"""What does the gateway stand on? Everything its routes need, wired by `main.py`."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from rollbook.ledger.commands import CommandSender
from rollbook.ledger.protocol import Ledger
from rollbook_projections.database import Database
from rollbook_projections.projection import Projection
from rollbook_projections.projector import Projector
from rollbook_services.gateway.jobs import Jobs
from rollbook_services.gateway.people import People
from rollbook_services.gateway.tokens import Tokens

ViewName = Literal["stage", "lineage", "audit"]


@dataclass(frozen=True, slots=True)
class Source:
    """One view as the gateway reads it."""

    projection: Projection
    database: Database
    projector: Projector
    ledger: Ledger
    """The ledger as this view's user may replay it."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that `doctor` looks at."""

    name: str
    ok: bool
    detail: str
    fix: str = ""
    """What to do when it is not ok."""


@dataclass(frozen=True, slots=True)
class Installation:
    """How agents reach NATS; empty where this process was not told."""

    nats_url: str = ""
    nats_ca: str = ""
    """PEM text of who signed NATS's certificate."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """The parts; the routes hold nothing else."""

    sender: CommandSender
    sources: Mapping[ViewName, Source]
    people: People
    jobs: Jobs
    now: Callable[[], datetime]
    stopping: asyncio.Event
    """Set when the server stops: every open stream ends."""
    checks: Sequence[Callable[[], Awaitable[Sequence[Check]]]] = ()
    """What else `doctor` looks at."""
    tokens: Tokens = field(default_factory=Tokens)
    installation: Installation = Installation()

    async def head(self) -> int:
        """Ask for the ledger's last sequence; raises Unavailable."""
        return await self.sources["audit"].ledger.head()
