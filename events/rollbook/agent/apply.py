"""How does a driver get to work, and what if it hangs, crashes or lies?"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Final, TypeVar

from rollbook.agent.driver import (
    AgentContext,
    Driver,
    Fault,
    Health,
    Interrupted,
    Observed,
    Plan,
    Unapplied,
)
from rollbook.agent.metrics import APPLIED
from rollbook.agent.outside import Outside
from rollbook.agent.wanted import STABLE, WHOLE, Share, Wanted
from rollbook.catalogue.lane import Variant
from rollbook.commands.desired import Target
from rollbook.errors import RollbookError
from rollbook.names import Digest, ModelName

LOOK_SECONDS: Final = 60.0
"""How long a driver may look at what runs."""
NOTHING: Final = Observed()
T = TypeVar("T")

Fetch = Callable[[Variant], Awaitable[Path]]


class Superseded(RollbookError):
    """A newer document is there: what was begun is left as it is."""


class Applier:
    """Makes what runs equal what is wanted; the caller sees to one at a time."""

    def __init__(
        self, driver: Driver, fetch: Fetch, outside: Outside, *, seconds: float
    ) -> None:
        """Take the driver, how artifacts come here, and a driver's time for one."""
        self._driver, self._outside, self._seconds = driver, outside, seconds
        self._context = AgentContext(is_stopping=outside.is_stopping, fetch=fetch)
        self._applied: dict[ModelName, Wanted] = {}

    async def apply(
        self, wanted: Wanted, *, is_superseded: Callable[[], bool]
    ) -> Observed:
        """Bring it about and return what runs then, which is what is wanted.

        Raises Unapplied, Superseded, or Interrupted when the agent is to stop.
        """
        began_at, outcome = self._outside.monotonic(), "interrupted"
        before = await self.observe(wanted.target) or NOTHING
        try:
            observed = await _guarded(
                self._bring(wanted, before, is_superseded), self._seconds
            )
            outcome = APPLIED
        except Unapplied as why:
            outcome = why.fault.value
            await self._serve_again(wanted, before)
            raise
        except Superseded:
            outcome = "superseded"
            raise
        finally:
            took = self._outside.monotonic() - began_at
            self._outside.metrics.count_apply(outcome, took)
        self._applied[wanted.target.model] = wanted
        return observed

    async def observe(self, target: Target) -> Observed | None:
        """Look at what runs; None where nobody can tell."""
        try:
            observed = await _guarded(self._driver.observe(target), LOOK_SECONDS)
        except Unapplied as why:
            self._outside.tell_once("unseen", target.model, str(why))
            return None
        self._outside.is_over("unseen", target.model)
        return observed

    async def _bring(
        self, wanted: Wanted, before: Observed, is_superseded: Callable[[], bool]
    ) -> Observed:
        plan = self._driver.plan(wanted, before)
        await self._carry_out(plan, is_superseded)
        return await self._check(wanted)

    async def _carry_out(self, plan: Plan, is_superseded: Callable[[], bool]) -> None:
        async with aclosing(self._driver.apply(plan, self._context)) as steps:
            async for step in steps:
                self._outside.tell(step.word, step.line)
                if self._outside.is_stopping():
                    raise Interrupted("stopped between two steps")
                if is_superseded():
                    raise Superseded("a newer document is there")

    async def _check(self, wanted: Wanted) -> Observed:
        """Look at what runs now: only that counts."""
        observed = await self._driver.observe(wanted.target)
        if not observed.equals(wanted):
            raise Unapplied(
                Fault.DIGEST_MISMATCH,
                f"{_spelled(observed.runs)} runs, wanted is "
                f"{_spelled(wanted.digests())}",
            )
        is_bad = await self._driver.health(wanted.target) is Health.BAD
        if wanted.shares and is_bad:
            raise Unapplied(Fault.HEALTH_FAILED, f"{wanted.target.model} is not well")
        return observed

    async def _serve_again(self, wanted: Wanted, before: Observed) -> None:
        """Go back to what was served, where a failed apply left nothing running.

        The one thing an agent does on its own (design/promotion.md §5.5).
        """
        earlier = self._earlier(wanted, before) if wanted.shares else None
        after = await self.observe(wanted.target) if earlier else None
        if earlier is None or after is None or after.runs:
            return
        self._outside.tell("back", f"{wanted.target.model}: nothing runs, going back")
        try:
            await _guarded(self._bring(earlier, after, lambda: False), self._seconds)
        except Unapplied as why:
            self._outside.tell("unapplied", f"{wanted.target.model}: {why}")

    def _earlier(self, wanted: Wanted, before: Observed) -> Wanted | None:
        """Find what ran before, exactly: never anything else."""
        earlier = self._applied.get(wanted.target.model)
        if earlier is None and wanted.event.previous is not None:
            whole = {STABLE: Share(wanted.event.previous, WHOLE)}
            earlier = Wanted(wanted.target, wanted.event, whole)
        is_it = earlier is not None and bool(before.runs) and before.equals(earlier)
        return earlier if is_it else None


async def _guarded(work: Awaitable[T], seconds: float) -> T:
    """Wait for a driver, whatever it does; all that goes wrong is Unapplied."""
    try:
        async with asyncio.timeout(seconds):
            return await work
    except (Unapplied, Interrupted, Superseded):
        raise
    except TimeoutError as error:
        raise Unapplied(
            Fault.DRIVER_TIMEOUT,
            f"the driver was not done after {seconds:g} s",
            is_passing=True,
        ) from error
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise Unapplied(Fault.DRIVER_ERROR, "the driver cancelled itself") from error
    except Exception as error:
        raise Unapplied(
            Fault.DRIVER_ERROR, f"{type(error).__name__}: {error}"
        ) from error


def _spelled(digests: Mapping[Digest, int | None] | Mapping[Digest, int]) -> str:
    shares = (
        digest if weight in (None, WHOLE) else f"{digest} {weight} %"
        for digest, weight in digests.items()
    )
    return ", ".join(shares) or "nothing"
