"""How does one desired document become what runs, and what is reported of it?

Each transition is on the disk, with its report, before the next step begins: a kill
at any point is followed by the same steps again, and drivers repeat them safely.
"""

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime

from rollbook.agent import reports
from rollbook.agent.desired import Desired, Mark, Refused, read
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
from rollbook.agent.settings import Settings
from rollbook.agent.state import KeyState, Outcome, StateFile
from rollbook.catalogue.lane import Variant
from rollbook.commands.target import ReportedState

_OUTCOMES = {
    ReportedState.ACKNOWLEDGED: Outcome.PENDING,
    ReportedState.APPLIED: Outcome.APPLIED,
    ReportedState.UNAPPLIED: Outcome.UNAPPLIED,
}


@dataclass(frozen=True, slots=True)
class Outside:
    """What the agent is given: a clock, a place to tell people, when to stop."""

    now: Callable[[], datetime]
    tell: Callable[[str, str], None]
    is_stopping: Callable[[], bool]
    queued: Callable[[], None]
    """Called when a report waits to be sent."""


class Applier:
    """Applies documents, one at a time."""

    def __init__(
        self, settings: Settings, driver: Driver, state: StateFile, outside: Outside
    ) -> None:
        """Take the place to serve, its driver, its memory and the outside."""
        self._settings, self._driver = settings, driver
        self._state, self._outside = state, outside
        self._refused: dict[str, Refused] = {}

    async def bring(
        self, key: str, value: bytes, *, is_superseded: Callable[[int], bool]
    ) -> bool:
        """Make what runs equal a document; False when a newer one should be read.

        What may not be acted on changes nothing and is told once.
        """
        known = self._state.remembered.keys.get(key)
        desired = read(
            value,
            key=key,
            stage=self._settings.stage,
            target=self._settings.target,
            trusted=self._settings.trusted,
            mark=known.mark if known else Mark(),
        )
        if isinstance(desired, Refused):
            self._tell_refused(key, desired)
            return True
        self._refused.pop(key, None)
        try:
            if not await self._is_due(desired, known):
                return True
            return await self._apply(desired, is_superseded)
        except Interrupted:
            return True

    def _tell_refused(self, key: str, refused: Refused) -> None:
        if self._refused.get(key) != refused:
            self._refused[key] = refused
            self._outside.tell("refused", f"{key}: {refused.reason}, {refused.detail}")

    async def _is_due(self, desired: Desired, known: KeyState | None) -> bool:
        """Begin a new document; go on with a pending one; mend what drifted."""
        event = desired.event
        observed = await self._driver.observe(desired.target)
        if known is None or known.mark != Mark(event.revision, event.token):
            self._tell_desired(desired)
            self._move(desired, ReportedState.ACKNOWLEDGED, observed)
            return True
        if known.outcome is not Outcome.APPLIED:
            # What was reported unapplied is over: only a newer document is tried.
            return known.outcome is Outcome.PENDING
        if observed.digest == known.digest:
            return False
        self._outside.tell(
            "drifted", f"{desired.target.model} runs {observed.digest or 'nothing'}"
        )
        return True

    async def _apply(
        self, desired: Desired, is_superseded: Callable[[int], bool]
    ) -> bool:
        try:
            plan = self._driver.plan(
                desired, await self._driver.observe(desired.target)
            )
            if not await self._carry_out(plan, is_superseded):
                return False
            await self._check(plan)
        except Unapplied as why:
            await self._give_up(desired, why)
        except OSError as error:
            await self._give_up(desired, Unapplied(Fault.DRIVER_ERROR, str(error)))
        else:
            observed = await self._driver.observe(desired.target)
            self._move(desired, ReportedState.APPLIED, observed)
        return True

    async def _carry_out(
        self, plan: Plan, is_superseded: Callable[[int], bool]
    ) -> bool:
        context = AgentContext(is_stopping=self._outside.is_stopping)
        async with aclosing(self._driver.apply(plan, context)) as steps:
            async for step in steps:
                self._outside.tell(step.word, step.line)
                if self._outside.is_stopping():
                    raise Interrupted("stopped between two steps")
                if is_superseded(plan.revision):
                    return False
        return True

    async def _check(self, plan: Plan) -> None:
        """Look at what runs now: only that counts."""
        observed = await self._driver.observe(plan.target)
        wanted = plan.variant.digest if plan.variant else None
        if observed.digest != wanted:
            raise Unapplied(
                Fault.DIGEST_MISMATCH, f"{observed.digest} runs, desired is {wanted}"
            )
        if wanted and await self._driver.health(plan.target) is Health.BAD:
            raise Unapplied(Fault.HEALTH_FAILED, f"{plan.target.model} is not well")

    async def _give_up(self, desired: Desired, why: Unapplied) -> None:
        self._outside.tell("unapplied", str(why))
        observed = await self._observed_or_nothing(desired)
        self._move(
            desired, ReportedState.UNAPPLIED, observed, reason_code=why.fault.value
        )

    async def _observed_or_nothing(self, desired: Desired) -> Observed:
        try:
            return await self._driver.observe(desired.target)
        except OSError:
            return Observed()

    def _move(
        self,
        desired: Desired,
        state: ReportedState,
        observed: Observed,
        *,
        reason_code: str | None = None,
    ) -> None:
        """Remember a transition together with the report of it."""
        now, remembered = self._outside.now(), self._state.remembered
        known = remembered.keys.get(desired.key)
        # A lost file must not use a number again: begin at the clock, then count.
        seq = known.seq + 1 if known else int(now.timestamp() * 1000)
        variant = None if state is ReportedState.UNAPPLIED else _variant(desired)
        moved = KeyState(
            model=desired.target.model,
            revision=desired.event.revision,
            token=desired.event.token,
            version=variant.version if variant else None,
            digest=variant.digest if variant else None,
            outcome=_OUTCOMES[state],
            seq=seq,
        )
        report = reports.make(
            desired,
            observed,
            state,
            agent=self._settings.user,
            seq=seq,
            at=now,
            reason_code=reason_code,
        )
        self._state.remember(remembered.with_key(desired.key, moved, report=report))
        self._outside.queued()

    def _tell_desired(self, desired: Desired) -> None:
        event = desired.event
        what = ", ".join(
            f"{desired.target.model}@{variant.version}"
            for name, variant in event.variants.items()
            if desired.weights.get(name)
        )
        self._outside.tell(
            "desired",
            f"{desired.target.model}#{event.stage}  {what or 'nothing'}   "
            f"revision {event.revision}, promotion "
            f"{desired.target.model}:{event.promotion}, position {desired.sequence}",
        )


def _variant(desired: Desired) -> Variant | None:
    """Name what is to be served, where it is one thing."""
    try:
        return served[1] if (served := desired.served) else None
    except ValueError:
        return None
