"""Do facts become canonical signed bytes, and come back as they were?"""

import json
from datetime import UTC, datetime

import orjson
import pytest
import rfc8785
from cloudevents.core.bindings.http import HTTPMessage, from_structured_event
from hypothesis import given, settings
from hypothesis import strategies as st

from rollbook import codec
from rollbook.catalogue.version import VersionRegistered
from rollbook.envelope import ActorKind, Stamp, uuid7, written
from rollbook.errors import UnreadableEvent
from rollbook.event import Event
from rollbook.names import LARGEST_BODY
from rollbook.proof.validity import Accepted, check
from rollbook.subjects import Aggregate, subject
from tests.support import golden
from tests.support.builders import EXAMPLES, catalogued, digest
from tests.support.strategies import instances

NAMES = sorted(catalogued())


def read_back(body: bytes, event: Event) -> Event:
    """Read as every reader does: validity first."""
    to = subject(golden.aggregate_of(event))
    chain = golden.chain(golden.link_of(event))
    verdict = check(body, to, 7, chain)
    assert isinstance(verdict, Accepted), verdict
    assert verdict.raw == codec.parse(body)
    assert rfc8785.dumps(dict(verdict.raw)) == body
    return codec.read(verdict.raw, body, 7).event


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(deadline=None, max_examples=25)
def test_every_event_comes_back_as_it_was(name: str, data: st.DataObject) -> None:
    event = data.draw(instances(catalogued()[name]))
    body = golden.message(event)
    if len(body) <= LARGEST_BODY:
        again = read_back(body, event)
        assert again == event
        # What is read and written again is the same, to the byte.
        assert golden.message(again) == body


@pytest.mark.parametrize("name", NAMES)
def test_bulk_reading_sees_the_same_data(name: str) -> None:
    event = EXAMPLES[name]
    body = golden.message(event)
    raw, leaf = codec.parse(body), codec.leaf_hash(body)
    bulk = codec.read_data(raw, leaf, 7)
    single = codec.read(raw, body, 7)
    assert type(event).model_validate(bulk.event) == single.event
    assert (bulk.id, bulk.actor, bulk.at, bulk.leaf) == (
        single.id,
        single.actor,
        single.at,
        single.leaf,
    )


def test_the_envelope_says_who_when_and_which_command() -> None:
    event = EXAMPLES["version.registered"]
    body = golden.message(event)
    envelope = codec.read(codec.parse(body), body, 7)
    stamp = golden.STAMP
    assert envelope.id == stamp.event_id(0)
    assert envelope.at == stamp.at
    assert envelope.actor.id == stamp.actor.id
    assert envelope.actor.kind is ActorKind.WORKLOAD
    assert envelope.actor.roles == ("auditor", "publisher")
    assert envelope.command_id == stamp.command_id
    assert envelope.command_digest == stamp.command_digest
    assert envelope.correlation_id == stamp.correlation_id
    assert envelope.causation_id == stamp.causation_id
    assert (envelope.rev, envelope.sequence) == (2, 7)
    assert envelope.leaf == codec.leaf_hash(body)
    assert envelope.aggregate == "model.fraud.scorer"


def test_the_credential_is_in_the_bytes_and_not_in_the_fact() -> None:
    event = EXAMPLES["version.retired"]
    body = golden.message(event)
    assert json.loads(body)["data"]["credential"]["method"] == "token"
    assert read_back(body, event) == event


@pytest.mark.parametrize("event", catalogued().values())
def test_no_event_has_a_field_where_the_credential_goes(event: type[Event]) -> None:
    assert codec.CREDENTIAL not in event.model_fields


@pytest.mark.parametrize("number", [2.0**53, 2.0**60, 1e20, 1e21, 5e-324, 1e-7, -0.0])
def test_every_double_is_read_alike_by_both_readers(number: float) -> None:
    event = EXAMPLES["version.registered"]
    assert isinstance(event, VersionRegistered)
    changed = event.model_dump() | {"metrics": {"m": number}}
    odd = VersionRegistered.model_validate(changed)
    assert read_back(golden.message(odd), odd) == odd


def test_an_unknown_type_is_unreadable_and_says_what_to_do() -> None:
    raw = codec.parse(golden.message(EXAMPLES["version.retired"]))
    for type_ in ("io.rollbook.version.forgotten.v1", "io.rollbook.version.retired.v2"):
        with pytest.raises(UnreadableEvent, match="upgrade Rollbook"):
            codec.read({**raw, "type": type_}, b"", 1)
        with pytest.raises(UnreadableEvent, match="upgrade Rollbook"):
            codec.read_data({**raw, "type": type_}, digest("0"), 1)


@pytest.mark.parametrize(
    "change", [{"version": 0}, {"version": "x"}, {"reason": None}, {"more": 1}]
)
def test_data_that_does_not_fit_is_unreadable(change: dict[str, object]) -> None:
    raw = codec.parse(golden.message(EXAMPLES["version.retired"]))
    with pytest.raises(UnreadableEvent):
        codec.read({**raw, "data": {**raw["data"], **change}}, b"", 1)


@pytest.mark.parametrize(
    ("name", "aggregate"),
    [
        ("policy.activated", "access"),
        ("policy.activated", "model.default.policies"),
        ("freeze.lifted", "policies"),
        ("token.issued", "model.fraud.scorer"),
        ("version.retired", "bundles"),
    ],
)
def test_an_event_out_of_its_place_is_valid_but_nobody_reads_it(
    name: str, aggregate: str
) -> None:
    raw = codec.parse(golden.message(EXAMPLES[name]))
    fields = {name: each for name, each in raw.items() if name != "sig"}
    body = golden.sign(fields | {"subject": aggregate})
    verdict = check(body, subject(Aggregate(aggregate)), 7, golden.chain())
    assert isinstance(verdict, Accepted)  # every release agrees on the chain
    with pytest.raises(UnreadableEvent, match="does not belong"):
        codec.read(verdict.raw, body, 7)
    with pytest.raises(UnreadableEvent, match="does not belong"):
        codec.read_data(verdict.raw, codec.leaf_hash(body), 7)


def test_other_cloudevents_readers_read_our_bytes() -> None:
    body = golden.message(EXAMPLES["version.registered"])
    message = HTTPMessage({"content-type": "application/cloudevents+json"}, body)
    event = from_structured_event(message)
    assert event.get_type() == "io.rollbook.version.registered.v1"
    assert event.get_source() == "//ledger.example.com/prod"
    assert event.get_subject() == "model.fraud.scorer"
    assert event.get_extension("rev") == 2
    assert event.get_extension("commandid") == golden.STAMP.command_id
    assert event.get_data() == orjson.loads(body)["data"]


def test_ids_sort_by_time_and_differ_within_a_decision() -> None:
    at = datetime(2026, 11, 20, tzinfo=UTC)
    first, second = (
        Stamp(
            at=instant,
            actor=golden.STAMP.actor,
            command_id=golden.STAMP.command_id,
            command_digest=golden.STAMP.command_digest,
            entropy=bytes(16),
        )
        for instant in (at, at.replace(second=1))
    )
    assert first.event_id(0) < second.event_id(0)
    assert len({first.event_id(index) for index in range(100)}) == 100


def test_an_id_is_a_uuid_of_version_7() -> None:
    at = datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)  # RFC 9562, appendix A.6
    chance = bytes.fromhex("0cc318c4dc0c0c07398f")
    assert uuid7(at, chance) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


def test_instants_are_written_in_utc_with_three_decimals() -> None:
    east = datetime.fromisoformat("2026-11-20T13:00:02.123999+01:00")
    assert written(east) == "2026-11-20T12:00:02.123Z"
