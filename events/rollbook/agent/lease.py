"""May this process begin anything, and who says so?

The conductor: it lets one process at a time act for an agent, and lists the agent's
keys. While it is silent, what runs goes on running and nothing new is begun.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Final

import orjson
from pydantic import ValidationError

from rollbook.agent.config import Config
from rollbook.agent.outside import Outside
from rollbook.agent.promised import Promised
from rollbook.commands.desired import Lease, LeaseRequest
from rollbook.commands.wire import Problem
from rollbook.errors import Unavailable
from rollbook.ledger.edge import Edge

LIVES: Final = 3
"""A lease ends after so many renewals that did not come."""
ANOTHER_SESSION: Final = "another_session"
AWAY_TOO: Final = frozenset({"unavailable", "projection-behind", "internal-error"})
"""The conductor is there, but not what it needs."""
LOOK_AGAIN_SECONDS: Final = 1.0
FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 60.0
SHORTEST_PAUSE_SECONDS: Final = 0.2
STUCK_SECONDS: Final = 30.0
RENEW_SECONDS: Final = (0.1, 300.0)
"""What may be asked of an agent, at least and at most."""


class Standing(StrEnum):
    """How the agent stands with the conductor."""

    NEW = "new"
    """Nothing was heard yet."""
    HELD = "held"
    AWAY = "away"
    """Nobody answers."""
    STANDBY = "standby"
    """Another process acts for this agent."""
    REFUSED = "refused"


Woken = Callable[[str | None], None]
"""Gets a model of which more is promised; None: look at all, and at what runs."""


class LeaseKeeper:
    """Renews the lease, and knows what may be begun."""

    def __init__(
        self,
        config: Config,
        session: str,
        *,
        promised: Promised,
        outside: Outside,
        taken_over: Callable[[], None],
    ) -> None:
        """Take the place, this process's name, and what to fill.

        `taken_over` is called when another process had served before this one.
        """
        self._request = LeaseRequest(
            stage=config.stage, target=config.target, session=session
        )
        self._promised, self._outside = promised, outside
        self._taken_over = taken_over
        self._poked = asyncio.Event()
        self._renew_seconds = Lease().renew_seconds
        self._failures = 0
        self._granted_at: float | None = None
        self.standing = Standing.NEW
        self.is_drained = False
        self._turned_at = outside.monotonic()

    @property
    def age_seconds(self) -> float | None:
        """Return how long ago the lease was granted; None: never."""
        if self._granted_at is None:
            return None
        return self._outside.monotonic() - self._granted_at

    @property
    def is_turning(self) -> bool:
        """Tell whether the loop turned lately."""
        return self._outside.monotonic() - self._turned_at < STUCK_SECONDS

    def turn(self) -> None:
        """Say that the loop turns."""
        self._turned_at = self._outside.monotonic()

    def may_begin(self) -> bool:
        """Tell whether something new may be begun now."""
        age = self.age_seconds
        is_ours = self.standing in (Standing.HELD, Standing.AWAY)
        is_fresh = age is not None and age < LIVES * self._renew_seconds
        return is_ours and is_fresh and not self.is_drained

    def ask_soon(self) -> None:
        """Ask before it is due: what was promised does not come."""
        self._poked.set()

    def heard(self) -> None:
        """Ask soon where nobody had answered: somebody is there again."""
        if self.standing in (Standing.AWAY, Standing.NEW) and not self.may_begin():
            self.ask_soon()

    def miss(self, error: Unavailable) -> None:
        """Nobody answers."""
        self._stand(Standing.AWAY, str(error))

    async def keep(self, edge: Edge, woken: Woken) -> None:
        """Ask again and again, until the agent stops; call back with each reason."""
        while not self._outside.is_stopping():
            self._poked.clear()
            reconnects = edge.reconnects
            for home in await self.renew(edge):
                woken(home)
            await self._rest(edge, reconnects)

    async def renew(self, edge: Edge) -> Sequence[str | None]:
        """Ask once; return the models to look at, None: all, and what they run."""
        could = self.may_begin()
        try:
            answer = _read(await edge.lease(self._request.model_dump_json().encode()))
        except Unavailable as error:
            self.miss(error)
            return []
        if isinstance(answer, Problem):
            self._stand(_meaning(answer), f"{answer.message} [{answer.code}]")
            return []
        if self.standing is Standing.STANDBY:
            self._taken_over()
        self._grant(answer)
        news = self._promised.listed(answer.keys)
        return [None] if self.may_begin() and not could else sorted(news)

    def _grant(self, lease: Lease) -> None:
        least, most = RENEW_SECONDS
        self._renew_seconds = min(max(lease.renew_seconds, least), most)
        self._granted_at = self._outside.monotonic()
        self._stand(Standing.HELD, "")
        if lease.is_drained != self.is_drained:
            self.is_drained = lease.is_drained
            word = "drained" if lease.is_drained else "undrained"
            what = "what runs goes on, nothing new is begun" if lease.is_drained else ""
            self._outside.tell(word, what or "catching up with what is desired")

    def _stand(self, standing: Standing, why: str) -> None:
        """Tell each change once."""
        self._failures = 0 if standing is Standing.HELD else self._failures + 1
        before, self.standing = self.standing, standing
        if before is standing:
            return
        match standing:
            case Standing.HELD if before is not Standing.NEW:
                self._outside.tell("back", "Rollbook answers again")
            case Standing.AWAY:
                self._outside.tell(
                    "away", f"Rollbook unreachable, still serving what runs: {why}"
                )
            case Standing.STANDBY:
                self._outside.tell(
                    "standby", f"another process is this agent, waiting for it: {why}"
                )
            case Standing.REFUSED:
                self._outside.tell(
                    "unleased", f"no lease, still serving what runs: {why}"
                )
            case Standing.HELD | Standing.NEW:
                pass

    async def _rest(self, edge: Edge, reconnects: int) -> None:
        """Wait for the next time; less where the connection came back."""
        now = self._outside.monotonic
        until = now() + self._pause()
        while (left := until - now()) > 0 and not self._outside.is_stopping():
            self.turn()
            if edge.reconnects != reconnects:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, LOOK_AGAIN_SECONDS)):
                    await self._poked.wait()
                    until = min(until, now() + SHORTEST_PAUSE_SECONDS)
                    self._poked.clear()

    def _pause(self) -> float:
        """Come early rather than late, and never in step with others."""
        spread = 0.8 + self._outside.chance() / 5
        failed = FIRST_PAUSE_SECONDS * 2.0 ** min(self._failures - 1, 10)
        match self.standing:
            case Standing.HELD | Standing.NEW:
                return self._renew_seconds * spread
            case Standing.AWAY:
                return min(failed, self._renew_seconds) * spread
            case Standing.STANDBY:
                return self._renew_seconds / LIVES * spread
            case Standing.REFUSED:
                return min(failed, LONGEST_PAUSE_SECONDS) * spread


def _meaning(answer: Problem) -> Standing:
    if answer.reason == ANOTHER_SESSION:
        return Standing.STANDBY
    return Standing.AWAY if answer.code in AWAY_TOO else Standing.REFUSED


def _read(answer: bytes) -> Lease | Problem:
    try:
        raw = orjson.loads(answer)
        is_problem = isinstance(raw, dict) and raw.get("status") == "problem"
        kind = Problem if is_problem else Lease
        return kind.model_validate(raw)
    except (orjson.JSONDecodeError, ValidationError) as error:
        said = answer[:200].decode(errors="replace")
        raise Unavailable(f"the conductor's answer cannot be read: {said}") from error
