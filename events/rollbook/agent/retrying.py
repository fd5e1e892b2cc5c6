"""When is another try worth it, and how long is waited before?

Pure: time and chance come in. What is the version's own fault never gets better.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from rollbook.agent.config import Retry
from rollbook.agent.desired import Mark
from rollbook.agent.driver import Fault, Unapplied

FINAL: Final = frozenset(
    {Fault.DIGEST_MISMATCH, Fault.LOAD_FAILED, Fault.HEALTH_FAILED}
)
MOST_DOUBLED: Final = 30


@dataclass(frozen=True, slots=True)
class Tries:
    """How often one document was tried in vain, and when it may be again."""

    mark: Mark
    began_at: float
    count: int = 0
    due_at: float = 0.0


def failed(
    before: Tries | None,
    why: Unapplied,
    retry: Retry,
    *,
    mark: Mark,
    began_at: float,
    now: float,
    chance: float,
) -> Tries | None:
    """Say when to try again; None: it is over, report it.

    `began_at` is when this try began. Pauses double, and each is cut by chance to
    between a half and the whole.
    """
    if before is None or before.mark != mark:
        before = Tries(mark, began_at)
    count = before.count + 1
    if not why.is_passing or why.fault in FINAL or count >= retry.tries:
        return None
    doubled = retry.first_pause * 2.0 ** min(count - 1, MOST_DOUBLED)
    longest = min(doubled, retry.longest_pause)
    due_at = now + longest * (0.5 + chance / 2)
    if due_at > before.began_at + retry.within:
        return None
    return replace(before, count=count, due_at=due_at)


def is_final(reason_code: str | None) -> bool:
    """Tell whether only a newer document is worth a try."""
    return reason_code in {fault.value for fault in FINAL}


def rest(tries: Mapping[str, Tries], now: float) -> float | None:
    """Return the seconds until the next try; None: nothing is tried again."""
    dues = [each.due_at for each in tries.values()]
    return max(0.0, min(dues) - now) if dues else None
