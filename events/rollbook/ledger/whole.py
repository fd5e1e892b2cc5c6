"""How is a history read so far that nothing acknowledged is missing?

A history comes from any replica, and one that lags behind ends early without a word.
"""

from rollbook.errors import Unavailable
from rollbook.ledger.protocol import Ledger, Message
from rollbook.subjects import Aggregate


async def read_until(
    ledger: Ledger,
    aggregate: Aggregate,
    *,
    after: int,
    until: int,
    most: int | None = None,
) -> list[Message]:
    """Read an aggregate's messages above `after`, at least up to the one at `until`.

    `until` is a sequence that the leader told; what a replica does not have yet, the
    leader is asked for. Raises Unavailable when it does not have it either.
    """
    found = await ledger.history(aggregate, after=after, most=most)
    while (reached := found[-1].sequence if found else after) < until:
        missing = await ledger.next(aggregate, after=reached)
        if missing is None:
            raise Unavailable(f"message {until} of the ledger, of {aggregate},")
        found.append(missing)
    return found
