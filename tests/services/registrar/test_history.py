"""A ledger is read as it is stored or as it was exported, and nothing is believed."""

from collections.abc import Iterable
from typing import Any

import pytest

from rollbook.codec import Link, leaf_hash, parse, unsigned
from rollbook.envelope import Envelope, Stamp
from rollbook.errors import InvalidLedger
from rollbook.event import Event
from rollbook.proof.validity import Chain
from rollbook.subjects import Aggregate, subject
from rollbook_services.registrar.hindsight.history import read_exported, read_history
from rollbook_services.registrar.hindsight.recompute import recompute
from tests.services.registrar.ledgers import Book, registered
from tests.support.builders import EXAMPLES
from tests.support.golden import KID, ORIGIN, PUBLIC, message, sign


def exported() -> list[bytes]:
    """Version 1 runs in production; genesis comes first."""
    book = Book()
    book.tell(registered(2))
    book.tell(lambda model: model.in_production(1).in_staging(2))
    return [message(EXAMPLES["ledger.opened"]), *signed(book.envelopes)]


def signed(envelopes: Iterable[Envelope[Event]]) -> list[bytes]:
    """Write events as the ledger keeps them, signed with the test key."""
    links: dict[Aggregate, Link] = {}
    bodies = []
    for each in envelopes:
        link = links.get(each.aggregate, Link())
        fields: dict[str, Any] = unsigned(
            each.event,
            Stamp(each.at, each.actor, each.command_id, each.command_digest),
            index=0,
            aggregate=each.aggregate,
            origin=ORIGIN,
            link=link,
            kid=KID,
        )
        body = sign({**fields, "id": each.id})
        links[each.aggregate] = Link(link.rev + 1, leaf_hash(body))
        bodies.append(body)
    return bodies


def test_what_was_exported_is_recomputed_offline() -> None:
    report = recompute(read_exported(body + b"\n" for body in exported()))
    assert report.disagreements == ()
    assert report.agreed == report.decisions > 5


def test_a_line_is_named_that_was_changed_left_out_or_is_none() -> None:
    lines = exported()
    changed = [each.replace(b"staging", b"stagind") for each in lines]
    first = next(n for n, each in enumerate(changed, 1) if each != lines[n - 1])
    with pytest.raises(InvalidLedger, match=rf"line {first} .*\(signature\)"):
        list(read_exported(changed))
    with pytest.raises(InvalidLedger, match=r"line 2 .*\(rev\)"):
        list(read_exported([lines[0], *lines[2:]]))
    with pytest.raises(InvalidLedger, match=r"line 2 .*\(json\)"):
        list(read_exported([lines[0], b"[]", *lines[1:]]))
    with pytest.raises(InvalidLedger, match=r"line 1 .*\(source\)"):
        list(read_exported(lines[1:]))


def test_whoever_knows_the_key_needs_no_genesis() -> None:
    known = Chain(origin=ORIGIN, keys={KID: PUBLIC})
    lines = exported()[1:]
    assert len(list(read_exported(lines, known))) == len(lines)


def test_a_foreign_message_keeps_its_place_and_changes_nothing() -> None:
    bodies = [*exported()[:3], b"foreign", *exported()[3:]]
    messages = [
        (number, subject(parse(body)["subject"]) if body != b"foreign" else "x", body)
        for number, body in enumerate(bodies, start=1)
    ]
    read = list(read_history(messages))
    assert [each.sequence for each in read] == [
        number for number in range(1, len(bodies) + 1) if number != 4
    ]
    assert recompute(read).disagreements == ()
