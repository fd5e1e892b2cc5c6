"""Which documents may an agent act on?"""

import base64
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from rollbook import codec
from rollbook.agent.desired import Desired, Mark, Refused, Trusted, peek_revision, read
from rollbook.catalogue.lane import SlotTaken, Traffic, Variant
from rollbook.commands.desired import Document, Target, key_of
from rollbook.event import Event
from rollbook.names import ModelName, PromotionId, StageName, TargetName, Version
from rollbook_services.conductor.react.documents import documents
from tests.support.agents import (
    MODEL,
    STAGE,
    TARGET,
    TRUSTED,
    desired_set,
    sha256_of,
)
from tests.support.recorder import SEED, Recorder

SERVED = Variant(
    version=Version(1), digest=sha256_of(b"one"), size_bytes=3, uri="/models/one"
)
KEY = "production.main.acme.fraud"


def document(event: Event, *, model: ModelName = MODEL, **recorder: object) -> bytes:
    [message] = Recorder(**recorder).model(model, event)  # type: ignore[arg-type]
    return wrapped(message.body, model=model)


def wrapped(body: bytes, *, model: ModelName = MODEL) -> bytes:
    document = Document(
        event=base64.b64encode(body).decode(),
        model=model,
        sequence=2,
        written_for="production/main",
    )
    return document.model_dump_json().encode()


def judge(
    value: bytes,
    *,
    key: str = KEY,
    mark: Mark | None = None,
    trusted: Trusted = TRUSTED,
) -> Desired | Refused:
    return read(
        value,
        key=key,
        stage=STAGE,
        target=TARGET,
        trusted=trusted,
        mark=mark or Mark(),
    )


def reason(judged: Desired | Refused) -> str:
    assert isinstance(judged, Refused)
    return judged.reason


def newer(event: Event, changes: dict[str, Any]) -> bytes:
    """Sign an event as a newer release might write it."""
    [message] = Recorder().model(MODEL, event)
    fields = codec.parse(message.body)
    del fields["sig"]
    fields |= {**changes, "data": {**fields["data"], **changes.get("data", {})}}
    fields["dataschema"] = f"urn:rollbook:schema:{fields['type']}"
    key = Ed25519PrivateKey.from_private_bytes(SEED)
    body = codec.signed(fields, key.sign(codec.message_to_sign(fields)))
    return wrapped(body)


GENUINE = document(desired_set(SERVED, revision=5, token=3))


def test_a_genuine_document_says_what_to_serve() -> None:
    judged = judge(GENUINE)
    assert isinstance(judged, Desired)
    assert judged.weights == {"stable": 100}
    assert judged.event.variants == {"stable": SERVED}
    assert (judged.event.revision, judged.event.token) == (5, 3)
    assert peek_revision(GENUINE) == 5


def test_the_conductors_document_is_genuine() -> None:
    [message] = Recorder().model(MODEL, desired_set(SERVED))
    data = codec.data_of(codec.parse(message.body))
    [written] = documents(MODEL, message.body, data, sequence=message.sequence)
    assert written.key == KEY
    judged = judge(written.document.model_dump_json().encode())
    assert isinstance(judged, Desired)


def test_a_lane_beside_has_a_key_of_its_own_on_the_target() -> None:
    event = desired_set(
        SERVED, stage="experiments", beside=STAGE, traffic=Traffic.SHARE
    )
    judged = judge(document(event), key=f"{KEY}.experiments")
    assert isinstance(judged, Desired)
    assert judged.target == Target(StageName(STAGE), TargetName(TARGET), MODEL)
    assert judged.heading.lane == "experiments"
    for foreign in (KEY, f"{KEY}.other"):
        assert reason(judge(document(event), key=foreign)) == "foreign_target"


NEWER: dict[str, dict[str, Any]] = {
    "type": {"type": "io.rollbook.lane.desired_set.v99"},
    "field": {"data": {"colour": "blue"}},
    "strategy": {"data": {"traffic": "bandit"}},
    "policy": {"data": {"drift": "shrug"}},
}


@pytest.mark.parametrize("changes", NEWER.values(), ids=NEWER)
def test_what_a_newer_release_wrote_is_named_but_not_acted_on(
    changes: dict[str, Any],
) -> None:
    judged = judge(newer(desired_set(SERVED, revision=5, token=3), changes))
    assert reason(judged) == "unreadable_document"
    assert isinstance(judged, Refused)
    assert judged.heading is not None
    assert judged.heading.mark == Mark(5, 3)
    assert (judged.heading.lane, judged.heading.promotion) == (STAGE, 5)


def test_an_old_one_that_nobody_can_read_is_old() -> None:
    value = newer(desired_set(SERVED, revision=5), NEWER["type"])
    assert reason(judge(value, mark=Mark(6, 5))) == "old_revision"


@pytest.mark.parametrize("data", [{"stage": 7}, {"revision": "x"}, {"stage": "other"}])
def test_what_does_not_even_say_which_it_is_is_not_named(data: dict[str, Any]) -> None:
    judged = judge(newer(desired_set(SERVED), {"data": {**data, "traffic": "new"}}))
    assert isinstance(judged, Refused)
    assert judged.heading is None


def test_fields_of_the_envelope_that_nobody_knows_are_ignored() -> None:
    value = orjson.dumps({**orjson.loads(GENUINE), "not_after": "2030-01-01"})
    assert isinstance(judge(value), Desired)


@pytest.mark.parametrize("mark", [Mark(), Mark(5, 3), Mark(4, 3), Mark(5, 2)])
def test_what_is_not_older_is_accepted(mark: Mark) -> None:
    assert isinstance(judge(GENUINE, mark=mark), Desired)


def test_an_older_revision_is_refused() -> None:
    assert reason(judge(GENUINE, mark=Mark(6, 3))) == "old_revision"


def test_an_older_token_is_refused() -> None:
    assert reason(judge(GENUINE, mark=Mark(5, 4))) == "old_token"


@pytest.mark.parametrize(
    "event",
    [
        desired_set(SERVED, stage="staging"),
        desired_set(SERVED, target="elsewhere"),
    ],
)
def test_another_place_is_refused(event: Event) -> None:
    assert reason(judge(document(event))) == "foreign_target"


def test_another_models_document_is_refused() -> None:
    value = document(desired_set(SERVED), model=ModelName("acme/other"))
    assert reason(judge(value)) == "foreign_target"


def test_a_document_relabelled_for_another_model_is_refused() -> None:
    genuine = Document.model_validate_json(GENUINE)
    relabelled = genuine.model_copy(update={"model": "acme/other"})
    key = "production.main.acme.other"
    value = relabelled.model_dump_json().encode()
    assert reason(judge(value, key=key)) == "unsigned"


def test_another_key_is_refused() -> None:
    value = document(desired_set(SERVED), seed=bytes(32))
    assert reason(judge(value)) == "unsigned"


def test_another_ledger_is_refused() -> None:
    value = document(desired_set(SERVED), origin="other.test")
    assert reason(judge(value)) == "unsigned"


def test_another_kind_of_event_is_refused() -> None:
    event = SlotTaken(stage=StageName(STAGE), promotion=PromotionId(1), token=1)
    assert reason(judge(document(event))) == "unreadable_document"


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"nonsense",
        b"[]",
        b'{"event":"!","model":"a","sequence":1,"written_for":"x"}',
        b'{"event":"W10=","model":"a","sequence":1,"written_for":"x"}',
        b'{"event":"eyJyZXYiOiJ4In0=","model":"a","sequence":1,"written_for":"x"}',
        b'{"event":"","model":"a","sequence":1,"written_for":"x"}',
        wrapped(b'{"data":{"revision":1e999}}'),
    ],
)
def test_nonsense_is_refused(value: bytes) -> None:
    assert isinstance(judge(value), Refused)
    assert peek_revision(value) == 0


@given(place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_no_flipped_bit_of_the_event_is_accepted(place: int, bit: int) -> None:
    genuine = Document.model_validate_json(GENUINE)
    body = bytearray(base64.b64decode(genuine.event))
    body[place % len(body)] ^= 1 << bit
    flipped = genuine.model_copy(update={"event": base64.b64encode(body).decode()})
    assert isinstance(judge(flipped.model_dump_json().encode()), Refused)


@given(value=st.binary(max_size=200))
def test_no_bytes_raise(value: bytes) -> None:
    assert isinstance(judge(value), Refused)


def test_a_key_spells_odd_names_without_percent() -> None:
    target = Target(StageName("prod"), TargetName("eu-1"), ModelName("fraud"))
    assert key_of(target) == "prod.eu-1.default.fraud"
