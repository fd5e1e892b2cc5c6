"""How does a test run registrars in this process, over one ledger and one clock?"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rollbook.commands.wire import AnyCommand, Request
from rollbook.envelope import Actor
from rollbook.ledger.protocol import Ledger
from rollbook.names import CommandId, Digest
from rollbook.refusals import Refusal
from rollbook.subjects import ACCESS
from rollbook_services.keys import KeyFile
from rollbook_services.registrar.cache import Cache
from rollbook_services.registrar.command_handler import CommandHandler, Edge, Recorded
from rollbook_services.registrar.genesis import open_ledger
from rollbook_services.registrar.snapshots import Snapshots, open_snapshots
from tests.support.scenario import person

ORIGIN = "test.rollbook"
SETTINGS = Digest("sha256:" + "5" * 64)
SIGNER = KeyFile(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
ANNA = person("a", "publisher", "release-manager", "reviewer", "access-admin")


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
        self, id_: str, command: AnyCommand, *, by: Actor = ANNA
    ) -> Recorded | Refusal:
        """Handle one command."""
        request = Request(id=CommandId(id_), command=command)
        return await self.handler.handle(request, by)


async def desk(ledger: Ledger, folder: Path, clock: Clock, *, most: int = 100) -> Desk:
    """Start a registrar on a ledger; its snapshots lie in the folder."""
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
    await cache.refresh(ACCESS)
    handler = CommandHandler(ledger, cache, SIGNER, origin=ORIGIN, edge=clock.edge)
    return Desk(ledger, cache, handler, snapshots)
