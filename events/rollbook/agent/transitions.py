"""What is remembered of a document, and reported with it, when it comes further?

Each transition is on the disk, with its report, before the next step begins: a kill
at any point is followed by the same steps again, and drivers repeat them safely.
"""

from collections.abc import Callable, Mapping
from typing import Final

from rollbook.agent import reports
from rollbook.agent.desired import Desired, Heading, Mark
from rollbook.agent.outside import Outside
from rollbook.agent.state import KeyState, Outcome, StateFile
from rollbook.commands.target import ReportedState
from rollbook.names import Digest, Line, Version

_OUTCOMES: Final = {
    ReportedState.ACKNOWLEDGED: Outcome.PENDING,
    ReportedState.APPLIED: Outcome.APPLIED,
    ReportedState.UNAPPLIED: Outcome.UNAPPLIED,
    ReportedState.DRIFTED: Outcome.APPLIED,
    ReportedState.CONVERGED: Outcome.APPLIED,
}


class Transitions:
    """Moves keys on, each together with the report of it."""

    def __init__(
        self,
        agent: str,
        state: StateFile,
        outside: Outside,
        queued: Callable[[], None],
    ) -> None:
        """Take who reports, the memory, and whom to call when a report waits."""
        self._agent, self._state, self._outside = agent, state, outside
        self._queued = queued
        self._least = 0

    def count_from_now(self) -> None:
        """Number reports behind those of another process that served meanwhile."""
        self._least = self._clock()

    def known(self, heading: Heading) -> KeyState | None:
        """Return what is remembered of this very document, not of one before it."""
        known = self._state.remembered.keys.get(heading.key)
        return known if known and known.mark == heading.mark else None

    def mark(self, key: str) -> Mark:
        """Say how far a key has come."""
        known = self._state.remembered.keys.get(key)
        return known.mark if known else Mark()

    def applied_revision(self, key: str) -> int:
        """Return the last revision of a key that was applied."""
        known = self._state.remembered.keys.get(key)
        return known.applied_revision if known else 0

    def give_up(
        self, heading: Heading, observed: Mapping[Line, Digest], *, reason_code: str
    ) -> None:
        """Report a document as not applied, once for the same reason."""
        known = self.known(heading)
        if known is None or known.reason_code != reason_code:
            self.move(
                ReportedState.UNAPPLIED, heading, observed, reason_code=reason_code
            )

    def move(
        self,
        state: ReportedState,
        heading: Heading,
        observed: Mapping[Line, Digest],
        *,
        served: Mapping[Digest, Version] | None = None,
        reason_code: str | None = None,
        drifted: str | None = None,
    ) -> None:
        """Remember a transition together with the report of it.

        `served` is what was applied; None leaves what was applied before.
        """
        remembered = self._state.remembered
        model, before = heading.target.model, remembered.keys.get(heading.key)
        # A number is never used again, nor by another lane of the model; a lost file
        # begins at the clock, and then counts.
        used = max((known.seq for known in remembered.of_model(model)), default=0)
        seq = max(used + 1, self._least) if used else self._clock()
        applied = before.applied_revision if before else 0
        moved = KeyState(
            model=model,
            revision=heading.revision,
            token=heading.token,
            outcome=_OUTCOMES[state],
            seq=seq,
            reason_code=reason_code,
            applied_revision=applied if served is None else heading.revision,
            served=(before.served if before else {}) if served is None else served,
            drifted=drifted,
        )
        report = reports.make(
            heading,
            observed,
            state,
            agent=self._agent,
            seq=seq,
            at=self._outside.now(),
            reason_code=reason_code,
        )
        self._state.remember(remembered.with_key(heading.key, moved, report=report))
        self._queued()

    def _clock(self) -> int:
        return int(self._outside.now().timestamp() * 1000)


def served(desired: Desired) -> Mapping[Digest, Version]:
    """List what a document names for its target."""
    variants = desired.event.variants
    return {
        variants[name].digest: variants[name].version
        for name, weight in desired.weights.items()
        if weight and name in variants
    }
