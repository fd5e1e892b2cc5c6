"""What was an aggregate, and what was the time, at an earlier place of the ledger?"""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from rollbook.codec import Link
from rollbook.ledger.protocol import Ledger, Message
from rollbook.ledger.whole import read_until
from rollbook.proof import canonical
from rollbook.proof.validity import Accepted, Chain, check
from rollbook.subjects import PREFIX
from rollbook_services.registrar.folded import BEFORE_ALL, Folded, take

LOOKED_AT: Final = 100  # messages that may be foreign, one after another


async def folded_until(
    ledger: Ledger, start: Folded, sequence: int, *, chain: Chain
) -> Folded:
    """Read on from an earlier state up to a place of the ledger, and no further."""
    last = await ledger.last(start.aggregate)
    until = min(sequence, last.sequence if last else 0)
    folded = start
    if until > start.sequence:
        tail = await read_until(
            ledger, start.aggregate, after=start.sequence, until=until
        )
        for message in tail:
            if message.sequence <= sequence:
                folded = take(folded, message, chain)
    return folded


async def time_at(ledger: Ledger, sequence: int, *, chain: Chain) -> datetime:
    """Return the time of the last event of ours at or before a place of the ledger."""
    for place in range(sequence, max(0, sequence - LOOKED_AT), -1):
        message = await ledger.at(place)
        at = _time_of(message, chain) if message is not None else None
        if at is not None:
            return at
    return BEFORE_ALL


def _time_of(message: Message, chain: Chain) -> datetime | None:
    """Read when an event of ours was recorded; None where it is not ours."""
    try:
        raw: dict[str, Any] = canonical.read(message.body)
    except canonical.NotCanonical:
        return None
    aggregate, rev = raw.get("subject"), raw.get("rev")
    if not isinstance(aggregate, str) or not isinstance(rev, int):
        return None
    # Its signature counts here, not its place: what came before is its own word.
    own = replace(chain, links={aggregate: Link(rev - 1, raw.get("prev"))})
    verdict = check(message.body, f"{PREFIX}{aggregate}", message.sequence, own)
    is_ours = isinstance(verdict, Accepted) and message.subject == PREFIX + aggregate
    return datetime.fromisoformat(raw["time"]) if is_ours else None
