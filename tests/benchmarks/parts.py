"""How is a million signed events written beforehand, by several processes?

Each process leads its own models through their lives and writes one file, decision
by decision; whoever seeds the ledger takes from the files in turn.
"""

import gc
import struct
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import BinaryIO, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rollbook import catalogue, codec
from rollbook.ledger.protocol import Draft
from rollbook.names import EventId
from rollbook.subjects import Aggregate
from rollbook_services.keys import open_key
from tests.benchmarks.author import Author
from tests.benchmarks.life import life
from tests.benchmarks.workload import model_name

PROCESSES: Final = 2
EVENTS_PER_MODEL: Final = 500
_DECISION: Final = struct.Struct("<H")
_EVENT: Final = struct.Struct("<36sHI")


@dataclass(frozen=True, slots=True)
class Lot:
    """One process's share of the work."""

    number: int
    models: int
    events: int
    path: Path
    key: bytes
    origin: str


def event_key(folder: Path) -> bytes:
    """Make the installation's key in this data directory; return its private bytes."""
    file = folder / "keys" / "event.pem"
    open_key(file)
    key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    assert isinstance(key, Ed25519PrivateKey)
    return key.private_bytes_raw()


def write_parts(folder: Path, *, events: int, key: bytes, origin: str) -> list[Path]:
    """Write this many events, and a few more to end the last decisions."""
    catalogue.load()
    models = max(1, events // EVENTS_PER_MODEL // PROCESSES)
    lots = [
        Lot(number, models, events // PROCESSES, folder / f"{number}.part", key, origin)
        for number in range(PROCESSES)
    ]
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        list(pool.map(write_part, lots))
    return [lot.path for lot in lots]


def write_part(lot: Lot) -> None:
    """Write one file; the first one begins with genesis."""
    catalogue.load()
    gc.disable()  # nothing here makes cycles
    author = Author(
        Ed25519PrivateKey.from_private_bytes(lot.key), lot.origin, lot.number + 1
    )
    opening = author.open()
    begin = lot.number * lot.models
    lives = [life(author, model_name(begin + at)) for at in range(lot.models)]
    with lot.path.open("wb") as file:
        written = 0
        if lot.number == 0:
            for body in opening:
                written += _write(file, [body])
        while written < lot.events:
            for each in lives:
                written += _write(file, next(each))


def read_parts(paths: Sequence[Path]) -> Iterator[list[Draft]]:
    """Read one decision after another, from the files in turn."""
    with ExitStack() as stack:
        files = [stack.enter_context(path.open("rb")) for path in paths]
        while files:
            for file in list(files):
                decision = _read(file)
                if decision:
                    yield decision
                else:
                    files.remove(file)


def _write(file: BinaryIO, bodies: Sequence[bytes]) -> int:
    file.write(_DECISION.pack(len(bodies)))
    for body in bodies:
        raw = codec.parse(body)
        subject = raw["subject"].encode()
        file.write(_EVENT.pack(raw["id"].encode(), len(subject), len(body)))
        file.write(subject)
        file.write(body)
    return len(bodies)


def _read(file: BinaryIO) -> list[Draft]:
    head = file.read(_DECISION.size)
    if not head:
        return []
    [count] = _DECISION.unpack(head)
    return [_read_event(file) for _ in range(count)]


def _read_event(file: BinaryIO) -> Draft:
    id_, subject, body = _EVENT.unpack(file.read(_EVENT.size))
    aggregate = file.read(subject).decode()
    return Draft(Aggregate(aggregate), EventId(id_.decode()), file.read(body))
