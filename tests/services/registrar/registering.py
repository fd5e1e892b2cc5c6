"""How does a test run registrars in this process, over one ledger and one clock?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rollbook import codec
from rollbook.catalogue.parts import Artifact
from rollbook.commands.model import RegisterModel
from rollbook.commands.version import RegisterVersion
from rollbook.commands.wire import AnyCommand, Request
from rollbook.envelope import Actor, Envelope
from rollbook.errors import Unacknowledged
from rollbook.event import Event
from rollbook.ledger.memory import MemoryLedger
from rollbook.ledger.protocol import Draft, Ledger
from rollbook.names import CommandId, Digest, ModelName
from rollbook.refusals import Refusal
from rollbook.subjects import Aggregate
from rollbook_services.keys import KeyFile
from rollbook_services.registrar.cache import Cache
from rollbook_services.registrar.command_handler import (
    CommandHandler,
    Edge,
    Recorded,
    Result,
)
from rollbook_services.registrar.genesis import open_ledger
from rollbook_services.registrar.snapshots import Snapshots, open_snapshots
from tests.support.scenario import person

ORIGIN = "test.rollbook"
SETTINGS = Digest("sha256:" + "5" * 64)
SIGNER = KeyFile(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
ANNA = person("a", "publisher", "release-manager", "reviewer", "access-admin")
FRAUD = ModelName("acme/fraud")


class Loss(StrEnum):
    """What becomes of an append that nobody answers."""

    LOST = "lost"
    KEPT = "kept"


class Faulty(MemoryLedger):
    """A ledger whose next append is not acknowledged."""

    loss: Loss | None = None

    async def append(
        self, drafts: Sequence[Draft], *, expected: Mapping[Aggregate, int]
    ) -> list[int]:
        loss, self.loss = self.loss, None
        if loss is Loss.LOST:
            raise Unacknowledged(drafts[0].aggregate, cause="lost")
        kept = await super().append(drafts, expected=expected)
        if loss is Loss.KEPT:
            raise Unacknowledged(drafts[0].aggregate, cause="kept")
        return kept


@dataclass(slots=True)
class Clock:
    """Time and chance, both counted."""

    now: datetime = datetime(2026, 11, 24, 9, tzinfo=UTC)
    drawn: int = 0

    def tell(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def draw(self) -> bytes:
        self.drawn += 1
        return self.drawn.to_bytes(16)

    @property
    def edge(self) -> Edge:
        return Edge(now=self.tell, entropy=self.draw)


@dataclass(slots=True)
class Desk:
    """One registrar's parts."""

    ledger: Ledger
    cache: Cache
    handler: CommandHandler
    snapshots: Snapshots = field(repr=False)

    async def ask(
        self, id_: str, command: AnyCommand, *, by: Actor = ANNA, dry_run: bool = False
    ) -> Result:
        """Handle one command."""
        request = Request(id=CommandId(id_), command=command, dry_run=dry_run)
        return await self.handler.handle(request, by)

    async def history(self) -> list[Envelope[Event]]:
        """Return every event of the ledger, in order; for ledgers of ours alone."""
        return [
            codec.read(codec.parse(message.body), message.body, message.sequence)
            async for batch in self.ledger.replay()
            for message in batch
        ]


async def desk(ledger: Ledger, folder: Path, clock: Clock, *, most: int = 100) -> Desk:
    """Start a registrar on a ledger; its snapshots lie in the folder."""
    folder.mkdir(exist_ok=True)  # noqa: ASYNC240 - of a test
    chain = await open_ledger(
        ledger,
        SIGNER,
        origin=ORIGIN,
        stream_settings=SETTINGS,
        at=clock.tell(),
        entropy=clock.draw(),
    )
    snapshots = open_snapshots(folder / "registrar.db")
    cache = Cache(ledger, chain, snapshots, most=most)
    await cache.warm()
    handler = CommandHandler(ledger, cache, SIGNER, origin=ORIGIN, edge=clock.edge)
    return Desk(ledger, cache, handler, snapshots)


def new_model(name: str = FRAUD) -> RegisterModel:
    """Ask for a model's name."""
    return RegisterModel(model=ModelName(name))


def new_version(fill: str = "a", **changes: object) -> RegisterVersion:
    """Ask for a number for some bytes."""
    artifact = Artifact(
        uri="file:///m", digest=Digest("sha256:" + fill * 64), size_bytes=5
    )
    command = RegisterVersion(model=FRAUD, artifact=artifact)
    return RegisterVersion.model_validate({**command.model_dump(), **changes})


def recorded(outcome: Result) -> Recorded:
    """Expect that a command is recorded."""
    assert isinstance(outcome, Recorded), outcome
    return outcome


def refused(outcome: Result) -> Refusal:
    """Expect a no."""
    assert isinstance(outcome, Refusal), outcome
    return outcome
