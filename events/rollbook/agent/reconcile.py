"""In which order do the documents of one model become what runs?

The target's own lane first, so that a lane beside it never stands in the way; then
each of those, added to what runs already. Only what is due is touched.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from rollbook.agent import drift, reports, retrying, telling
from rollbook.agent.apply import NOTHING, Applier
from rollbook.agent.config import Retry
from rollbook.agent.desired import Desired, Heading
from rollbook.agent.documents import Documents
from rollbook.agent.driver import Fault, Observed, Unapplied
from rollbook.agent.outside import Outside
from rollbook.agent.state import KeyState, Outcome
from rollbook.agent.transitions import Transitions, served
from rollbook.agent.wanted import Wanted, wanted
from rollbook.catalogue.lane import DriftPolicy
from rollbook.commands.target import ReportedState
from rollbook.names import Digest, Line

Newer = Callable[[], bool]


class Reconciler:
    """Brings the documents of one model about, again and again."""

    def __init__(
        self,
        applier: Applier,
        transitions: Transitions,
        outside: Outside,
        retry: Retry,
    ) -> None:
        """Take what applies, what remembers and reports, and how often to try."""
        self._applier, self._transitions = applier, transitions
        self._outside, self._retry = outside, retry
        self._tries: dict[str, retrying.Tries] = {}
        self._documents = Documents(None)

    async def turn(
        self, documents: Documents, *, is_resync: bool, is_superseded: Newer
    ) -> float | None:
        """Do what is due; return the seconds until a next try, None: until a reason.

        Raises Superseded when a newer document is to be read first, or Interrupted.
        """
        self._documents = documents
        for heading in documents.unreadable:
            await self._cannot_read(heading)
        own = documents.own
        if own is None or own.key in documents.late:
            return None
        for lane in documents.all:
            await self._begin(lane)
        for lane in documents.all:
            can_be = lane is own or self._is_settled(own)
            if can_be and self._is_due(lane, is_resync=is_resync):
                await self._bring(own, lane, is_superseded)
        if is_resync and self._is_at_rest(own):
            await self._look(own, is_superseded)
        return retrying.rest(self._tries, self._outside.monotonic())

    async def _cannot_read(self, heading: Heading) -> None:
        """Report it once; another release of the agent may read it."""
        known = self._transitions.known(heading)
        if known is None or known.outcome is not Outcome.APPLIED:
            observed = await self._applier.observe(heading.target) or NOTHING
            self._transitions.give_up(
                heading,
                reports.by_variant(None, observed),
                reason_code=Fault.UNREADABLE.value,
            )

    async def _begin(self, lane: Desired) -> None:
        """Acknowledge what nothing was said of yet."""
        if self._known(lane) is None and not self._is_past(lane):
            self._outside.tell("desired", telling.desired(lane))
            observed = await self._applier.observe(lane.target) or NOTHING
            self._say(ReportedState.ACKNOWLEDGED, lane, observed)

    def _is_due(self, lane: Desired, *, is_resync: bool) -> bool:
        known = self._known(lane)
        if known is None or self._is_past(lane):
            return False
        match known.outcome:
            case Outcome.PENDING:
                tries = self._tries.get(lane.key)
                is_same = tries is not None and tries.mark == known.mark
                now = self._outside.monotonic()
                return tries is None or not is_same or now >= tries.due_at
            case Outcome.UNAPPLIED:
                return is_resync and not retrying.is_final(known.reason_code)
            case Outcome.APPLIED:
                return False

    async def _bring(self, own: Desired, lane: Desired, is_superseded: Newer) -> None:
        began_at = self._outside.monotonic()
        try:
            if lane is own:
                observed = await self._apply_own(own, is_superseded)
            else:
                whole = joined(own, [*self._settled_beside(), lane])
                observed = await self._applier.apply(whole, is_superseded=is_superseded)
        except Unapplied as why:
            await self._fail(own, lane, why, began_at)
            return
        self._tries.pop(lane.key, None)
        self._outside.is_over("unapplied", lane.key)
        self._say(ReportedState.APPLIED, lane, observed)

    async def _apply_own(self, own: Desired, is_superseded: Newer) -> Observed:
        """Apply with what runs beside; where that is in the way, without it."""
        beside = fitting(own, self._settled_beside())
        whole = joined(own, beside)
        try:
            observed = await self._applier.apply(whole, is_superseded=is_superseded)
        except Unapplied:
            if not beside:
                raise
            beside, whole = [], joined(own, [])
            observed = await self._applier.apply(whole, is_superseded=is_superseded)
        for lane in self._settled_beside():
            if lane not in beside:
                why = Unapplied(Fault.UNSUPPORTED, "the target's own lane left no room")
                self._give_up(lane, observed, why)
        return observed

    async def _fail(
        self, own: Desired, lane: Desired, why: Unapplied, began_at: float
    ) -> None:
        """Try again later, or report it and leave what is served as it was."""
        known = self._known(lane)
        tries = None
        if known is not None and known.outcome is Outcome.PENDING:
            tries = retrying.failed(
                self._tries.get(lane.key),
                why,
                self._retry,
                mark=known.mark,
                began_at=began_at,
                now=self._outside.monotonic(),
                chance=self._outside.chance(),
            )
        if tries is not None:
            self._tries[lane.key] = tries
            seconds = tries.due_at - self._outside.monotonic()
            self._outside.tell("retrying", f"{lane.key}: {why}; in {seconds:.1f} s")
            return
        self._tries.pop(lane.key, None)
        observed = await self._applier.observe(lane.target) or NOTHING
        self._give_up(lane, observed, why)
        if lane is not own:
            await self._clear(own, observed)

    def _give_up(self, lane: Desired, observed: Observed, why: Unapplied) -> None:
        self._outside.tell_once("unapplied", lane.key, str(why))
        named = self._named(lane, observed)
        self._transitions.give_up(lane.heading, named, reason_code=why.fault.value)

    async def _clear(self, own: Desired, observed: Observed) -> None:
        """Take away what a lane beside left half done."""
        whole = joined(own, fitting(own, self._settled_beside()))
        if not observed.equals(whole):
            await self._mend(whole, lambda: False)

    async def _look(self, own: Desired, is_superseded: Newer) -> None:
        """Report what drifted or is well again; mend it where that is the policy."""
        lanes = [own, *fitting(own, self._settled_beside())]
        whole = joined(own, lanes[1:])
        observed = await self._applier.observe(own.target)
        if observed is None:
            return
        off = drift.off(lanes, whole, observed)
        for lane in off:
            self._tell_drift(lane, drift.seen(observed), observed)
        if any(lane.event.drift is DriftPolicy.CORRECT for lane in off):
            mended = await self._mend(whole, is_superseded)
            observed, off = mended or observed, [] if mended else off
        for lane in lanes:
            if lane not in off and self._is_drifted(lane):
                self._outside.tell("converged", f"{lane.key} runs as desired again")
                self._say(ReportedState.CONVERGED, lane, observed)

    async def _mend(self, whole: Wanted, is_superseded: Newer) -> Observed | None:
        try:
            observed = await self._applier.apply(whole, is_superseded=is_superseded)
        except Unapplied as why:
            self._outside.tell_once("unmended", whole.target.model, str(why))
            return None
        self._outside.is_over("unmended", whole.target.model)
        return observed

    def _tell_drift(self, lane: Desired, seen: str, observed: Observed) -> None:
        known = self._known(lane)
        if known is not None and known.drifted != seen:
            self._outside.tell("drifted", f"{lane.key} runs {seen}")
            self._say(ReportedState.DRIFTED, lane, observed, drifted=seen)

    def _say(
        self,
        state: ReportedState,
        lane: Desired,
        observed: Observed,
        *,
        drifted: str | None = None,
    ) -> None:
        is_begun = state is ReportedState.ACKNOWLEDGED
        self._transitions.move(
            state,
            lane.heading,
            self._named(lane, observed),
            served=None if is_begun else served(lane),
            drifted=drifted,
        )

    def _named(self, lane: Desired, observed: Observed) -> Mapping[Line, Digest]:
        return reports.by_variant(lane, observed, known=self._documents.digests)

    def _known(self, lane: Desired) -> KeyState | None:
        return self._transitions.known(lane.heading)

    def _is_past(self, lane: Desired) -> bool:
        """Tell whether a newer one was seen since, which nobody here can read."""
        mark = self._transitions.mark(lane.key)
        event = lane.event
        return event.revision < mark.revision or event.token < mark.token

    def _is_settled(self, lane: Desired) -> bool:
        """Tell whether a document is what runs."""
        if self._is_past(lane):
            return self._transitions.applied_revision(lane.key) == lane.event.revision
        known = self._known(lane)
        return known is not None and known.outcome is Outcome.APPLIED

    def _settled_beside(self) -> list[Desired]:
        return [lane for lane in self._documents.beside if self._is_settled(lane)]

    def _is_at_rest(self, own: Desired) -> bool:
        """Tell whether nothing is under way, and everything known."""
        states = [self._known(lane) for lane in self._documents.all]
        is_open = any(state and state.outcome is Outcome.PENDING for state in states)
        return self._documents.is_whole and self._is_settled(own) and not is_open

    def _is_drifted(self, lane: Desired) -> bool:
        known = self._known(lane)
        return known is not None and known.drifted is not None


def joined(own: Desired, beside: Sequence[Desired]) -> Wanted:
    """Join the documents of one model; Unapplied where they make no sense."""
    try:
        return wanted(own, beside)
    except ValueError as error:
        fault = Fault.UNSUPPORTED if beside else Fault.UNREADABLE
        raise Unapplied(fault, str(error)) from error


def fitting(own: Desired, beside: Iterable[Desired]) -> list[Desired]:
    """Keep the lanes beside for which the own one leaves room, in their order."""
    found: list[Desired] = []
    for lane in beside:
        try:
            wanted(own, [*found, lane])
        except ValueError:
            continue
        found.append(lane)
    return found
