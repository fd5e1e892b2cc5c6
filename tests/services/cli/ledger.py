"""A whole ledger as `events export` writes it: really signed, from genesis on."""

from collections.abc import Iterable
from pathlib import Path

from rollbook.envelope import Envelope
from rollbook.event import Event
from tests.services.registrar.test_history import signed
from tests.support.builders import EXAMPLES
from tests.support.golden import message


def lines_of(envelopes: Iterable[Envelope[Event]]) -> list[bytes]:
    """Write events down as the ledger keeps them."""
    return [message(EXAMPLES["ledger.opened"]), *signed(envelopes)]


def export(path: Path, envelopes: Iterable[Envelope[Event]]) -> Path:
    """Write events into a file as they would be exported."""
    path.write_bytes(b"".join(line + b"\n" for line in lines_of(envelopes)))
    return path
