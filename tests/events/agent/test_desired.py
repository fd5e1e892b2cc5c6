"""Which documents may an agent act on?"""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook import codec
from rollbook.agent.desired import Desired, Mark, Refused, Trusted, peek_revision, read
from rollbook.catalogue.lane import SlotTaken, Variant
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
from tests.support.recorder import Recorder

SERVED = Variant(
    version=Version(1), digest=sha256_of(b"one"), size_bytes=3, uri="/models/one"
)
KEY = "production.main.acme.fraud"


def document(event: Event, *, model: ModelName = MODEL, **recorder: object) -> bytes:
    [message] = Recorder(**recorder).model(model, event)  # type: ignore[arg-type]
    return (
        Document(
            event=base64.b64encode(message.body).decode(),
            model=model,
            sequence=message.sequence,
            written_for="production/main",
        )
        .model_dump_json()
        .encode()
    )


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


GENUINE = document(desired_set(SERVED, revision=5, token=3))


def test_a_genuine_document_says_what_to_serve() -> None:
    judged = judge(GENUINE)
    assert isinstance(judged, Desired)
    assert judged.served == ("stable", SERVED)
    assert (judged.event.revision, judged.event.token) == (5, 3)
    assert peek_revision(GENUINE) == 5


def test_the_conductors_document_is_genuine() -> None:
    [message] = Recorder().model(MODEL, desired_set(SERVED))
    data = codec.data_of(codec.parse(message.body))
    [written] = documents(MODEL, message.body, data, sequence=message.sequence)
    assert written.key == KEY
    judged = judge(written.document.model_dump_json().encode())
    assert isinstance(judged, Desired)


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


@pytest.mark.parametrize("weights", [{"stable": 50, "canary": 50}, {"other": 100}])
def test_shared_traffic_is_no_single_version(weights: dict[str, int]) -> None:
    event = desired_set(SERVED).model_copy(update={"targets": {TARGET: weights}})
    target = Target(StageName(STAGE), TargetName(TARGET), MODEL)
    with pytest.raises(ValueError, match="one whole variant"):
        _ = Desired(KEY, target, event, 1).served
