"""Which lanes want something else than runs, though nothing is under way?

Pure. A foreign artifact is the business of the target's own lane.
"""

from collections.abc import Sequence

from rollbook.agent.desired import Desired
from rollbook.agent.driver import Observed
from rollbook.agent.wanted import Wanted


def off(lanes: Sequence[Desired], wanted: Wanted, observed: Observed) -> list[Desired]:
    """List the lanes that have drifted; `wanted` joins them, the first is the own."""
    if observed.equals(wanted):
        return []
    own, *beside = lanes
    found = [lane for lane in beside if _misses(lane, wanted, observed)]
    is_own = _misses(own, wanted, observed) or bool(
        observed.runs.keys() - wanted.digests().keys()
    )
    return [own, *found] if is_own or not found else found


def _misses(lane: Desired, wanted: Wanted, observed: Observed) -> bool:
    """Tell whether a lane's part does not run, or gets another share."""
    digests = wanted.digests()
    named = {
        variant.digest
        for name, variant in lane.event.variants.items()
        if lane.weights.get(name)
    }
    return any(
        digest not in observed.runs
        or observed.runs[digest] not in (None, digests.get(digest))
        for digest in named
    )


def seen(observed: Observed) -> str:
    """Spell what runs, so that the same is not reported twice."""
    shares = (
        digest if weight is None else f"{digest} {weight} %"
        for digest, weight in sorted(observed.runs.items())
    )
    return ", ".join(shares) or "nothing"
