"""Does the ledger know which agents are there?

By level: every few seconds all live leases are compared with it. What one look
misses, the next one sees; what two conductors say, is recorded once.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy.exc import DBAPIError

from rollbook.commands.wire import Problem
from rollbook.errors import Unavailable
from rollbook.ledger.bucket import LeaseBucket
from rollbook_projections.database import Database
from rollbook_services.conductor.answers import KEPT, WORTH_ANOTHER_TRY
from rollbook_services.conductor.conductor import Sender
from rollbook_services.conductor.leases import LEASE_SECONDS, RENEWALS, read_lease
from rollbook_services.conductor.queries import fleet
from rollbook_services.conductor.react.due import Due
from rollbook_services.conductor.react.leasing import Agent, Lease, marks

SHORTEST_PAUSE_SECONDS: Final = 0.1  # between two looks, however many agents come

log = structlog.stdlib.get_logger(__name__)


class Watch:
    """Says which agents came and went."""

    def __init__(
        self,
        database: Database,
        sender: Sender,
        bucket: LeaseBucket,
        *,
        credential: str,
        now: Callable[[], datetime],
        lease_seconds: int = LEASE_SECONDS,
    ) -> None:
        """Take what is known, the way to the registrar, and where leases lie."""
        self._database, self._sender, self._bucket = database, sender, bucket
        self._credential, self._now = credential, now
        self._life = timedelta(seconds=lease_seconds)
        self._pause_seconds = lease_seconds / RENEWALS
        self._noticed = asyncio.Event()
        self._looked_at: datetime | None = None
        self._sure_at = now()
        self._heard_at: dict[str, datetime] = {}
        self._answered: set[str] = set()

    def notice(self) -> None:
        """Look soon: somebody is there that the ledger does not know of."""
        self._noticed.set()

    async def run(self) -> None:
        """Look for ever, at leases and at what the ledger thinks of them."""
        while True:
            self._noticed.clear()
            try:
                await self.look()
            except (Unavailable, DBAPIError) as error:
                log.warning("leases_not_compared", error=str(error))
            await asyncio.sleep(SHORTEST_PAUSE_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause_seconds):
                    await self._noticed.wait()

    async def look(self) -> None:
        """Compare once; Unavailable when something is away."""
        agents = await self._database.read(fleet.agents)
        held = await self._held(agents)
        is_sure = self._is_sure(self._now())
        for due in marks(agents, held, heard_at=self._heard_at, is_sure=is_sure):
            if due.id not in self._answered:
                await self._send(due)
        self._heard_at |= {key: lease.at for key, lease in held.items()}

    async def _held(self, agents: Sequence[Agent]) -> dict[str, Lease]:
        try:
            entries = await self._bucket.read([agent.key for agent in agents])
        except Unavailable:
            self._looked_at = None  # agents may have been kept from renewing, too
            raise
        leases = {key: read_lease(entry) for key, entry in entries.items()}
        return {key: lease for key, lease in leases.items() if lease is not None}

    def _is_sure(self, now: datetime) -> bool:
        """Tell whether everybody could renew for a whole time-to-live.

        A start, NATS away, a process that slept: after each of them leases may have
        run out that agents would have kept.
        """
        before, self._looked_at = self._looked_at, now
        most = 2 * self._life / RENEWALS
        if before is None or not before <= now <= before + most:
            self._sure_at = now + self._life
        return now >= self._sure_at

    async def _send(self, due: Due) -> None:
        """Say it; what is answered for good is not said again."""
        answer = await self._sender.send(due.request(), credential=self._credential)
        if isinstance(answer, Problem):
            if answer.code in WORTH_ANOTHER_TRY:
                raise Unavailable(answer.message)
            log.info("mark_refused", id=due.id, message=answer.message)
        if len(self._answered) >= KEPT:
            self._answered.clear()
        self._answered.add(due.id)
