"""Which recorded messages must every release read, byte for byte?

`python -m tests.support.golden` writes the message of each event that has none yet.
It never touches a file that is there: those bytes were signed.
"""

import sys
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rollbook import codec, subjects
from rollbook.codec import Link
from rollbook.envelope import Actor, ActorKind, Stamp
from rollbook.event import Event
from rollbook.names import CommandId, Digest, ModelName, Principal, RoleName
from rollbook.proof.validity import Chain, key_id
from rollbook.subjects import Aggregate
from tests.support.builders import EXAMPLES, NOON, digest, event_id

FOLDER: Final = Path(__file__).parents[1] / "events" / "golden"
ORIGIN: Final = "ledger.example.com/prod"
SEED: Final = bytes(range(64, 96))
KEY: Final = Ed25519PrivateKey.from_private_bytes(SEED)
PUBLIC: Final = KEY.public_key()
KID: Final = key_id(PUBLIC.public_bytes_raw())
BEFORE: Final = Link(1, digest("a"))
STAMP: Final = Stamp(
    at=NOON,
    actor=Actor(
        Principal("svc:train-fraud"),
        ActorKind.WORKLOAD,
        (RoleName("publisher"), RoleName("auditor")),
        {"method": "token", "jti": "aaaqeayeaudaocaj"},
    ),
    command_id=CommandId("01990000-0000-7000-9000-000000000002"),
    command_digest=Digest("sha256:" + "9" * 64),
    correlation_id="fraud/scorer:31",
    causation_id=event_id(1),
    entropy=bytes(range(16)),
)


def path(event: type[Event], version: int | None = None) -> Path:
    """Name the file of one version of an event."""
    return FOLDER / f"{event.recorded_as}.v{version or event.schema_version}.json"


def aggregate_of(event: Event) -> Aggregate:
    """Say where an example is recorded."""
    only = subjects.home(event.recorded_as)
    return subjects.model(ModelName("fraud/scorer")) if only is None else only


def link_of(event: Event) -> Link:
    """Say what comes before an example: nothing before genesis."""
    return Link() if event.recorded_as == "ledger.opened" else BEFORE


def message(event: Event, *, stamp: Stamp = STAMP, link: Link | None = None) -> bytes:
    """Write an event as the ledger keeps it, signed with the test key."""
    fields = codec.unsigned(
        event,
        stamp,
        index=0,
        aggregate=aggregate_of(event),
        origin=ORIGIN,
        link=link_of(event) if link is None else link,
        kid=KID,
    )
    return sign(fields)


def sign(fields: dict[str, object]) -> bytes:
    """Sign a CloudEvents object with the test key, whatever is in it."""
    return codec.signed(fields, KEY.sign(codec.message_to_sign(fields)))


def chain(before: Link = BEFORE) -> Chain:
    """Make the prefix in which a golden message stands."""
    return Chain(origin=ORIGIN, keys={KID: PUBLIC}, find=lambda aggregate: before)


def main() -> None:
    """Write what is missing, and say what was written."""
    FOLDER.mkdir(exist_ok=True)
    for event in EXAMPLES.values():
        file = path(type(event))
        if not file.exists():
            file.write_bytes(message(event))
            sys.stdout.write(f"{file.name}\n")


if __name__ == "__main__":
    main()
