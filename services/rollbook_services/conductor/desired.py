"""How do documents get into the bucket so that an older one never replaces a newer?"""

from typing import Final

import structlog
from pydantic import ValidationError

from rollbook.commands.desired import Document
from rollbook.errors import AppendConflict, Unavailable
from rollbook.ledger.bucket import NOTHING, DesiredBucket, Entry
from rollbook.ledger.pauses import until
from rollbook_services.conductor.react.documents import Written

CONFLICT_SECONDS: Final = 2.0

log = structlog.stdlib.get_logger(__name__)


async def write(bucket: DesiredBucket, written: Written) -> bool:
    """Write a document unless the bucket holds it, or a newer one; tell if it did.

    Raises Unavailable when NATS is away, or others keep writing.
    """
    value = written.document.model_dump_json().encode()
    pauses = until(CONFLICT_SECONDS)
    while not pauses.is_over:
        held = await bucket.get(written.key)
        if _sequence(held) > written.document.sequence or held.value == value:
            return False
        try:
            await bucket.put(written.key, value, expected=held.sequence)
        except AppendConflict:
            log.info("desired_written_elsewhere", key=written.key)
            await pauses.take()
        else:
            log.info(
                "desired_written",
                key=written.key,
                revision=written.wake.revision,
                sequence=written.document.sequence,
            )
            return True
    raise Unavailable(f"others keep writing {written.key}")


def _sequence(held: Entry) -> int:
    """Read how new a held document is; what nobody can read is older than all."""
    if held.value is None or held == NOTHING:
        return 0
    try:
        return Document.model_validate_json(held.value).sequence
    except ValidationError:
        return 0
