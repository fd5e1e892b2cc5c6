"""What is due, given what is true?"""

import base64

import pytest

from rollbook import codec
from rollbook.commands.promotion import DispatchPromotion
from rollbook.names import EventId, ModelName, PromotionId, StageName
from rollbook_services.conductor.react import (
    Lane,
    Trigger,
    Waiting,
    dispatches,
    documents,
    stored_bytes,
)
from tests.support.agents import MODEL, desired_set
from tests.support.recorder import Recorder


def trigger(sequence: int) -> Trigger:
    return Trigger(
        EventId(f"01990000-0000-7000-8000-{sequence:012d}"), sequence, "acme/fraud:1"
    )


def waiting(promotion: int, readied: int) -> Waiting:
    return Waiting(
        ModelName(MODEL), StageName("prod"), PromotionId(promotion), trigger(readied)
    )


@pytest.mark.parametrize(
    ("lane", "promotion", "cause"),
    [
        pytest.param(Lane([waiting(1, 10)]), 1, 10, id="nobody ever held it"),
        pytest.param(
            Lane([waiting(1, 10)], freed=trigger(5)), 1, 10, id="free when it got ready"
        ),
        pytest.param(
            Lane([waiting(1, 10)], freed=trigger(20)), 1, 20, id="freed while it waited"
        ),
        pytest.param(
            Lane([waiting(3, 12), waiting(4, 11)]), 4, 11, id="the oldest comes first"
        ),
    ],
)
def test_the_oldest_that_waits_is_dispatched(
    lane: Lane, promotion: int, cause: int
) -> None:
    [request] = dispatches([lane])
    assert request.command == DispatchPromotion(
        model=MODEL, promotion=PromotionId(promotion)
    )
    assert request.id == f"{trigger(cause).event}/dispatch/{promotion}"
    assert request.causation_id == trigger(cause).event
    assert request.correlation_id == "acme/fraud:1"


def test_nobody_waits_nothing_is_due() -> None:
    assert dispatches([Lane([])]) == []


def test_each_lane_has_its_own_queue() -> None:
    due = dispatches([Lane([waiting(1, 10)]), Lane([waiting(2, 11)])])
    assert len(due) == 2


def test_after_a_no_the_next_one_has_its_turn() -> None:
    lane = Lane([waiting(1, 10), waiting(2, 11)], freed=trigger(20))
    [first] = dispatches([lane])
    [second] = dispatches([lane], {first.id})
    assert second.command == DispatchPromotion(model=MODEL, promotion=PromotionId(2))
    assert second.id != first.id
    assert dispatches([lane], {first.id, second.id}) == []


def test_a_document_holds_the_very_bytes_of_its_event() -> None:
    [message] = Recorder().model(MODEL, desired_set(None))
    raw = codec.parse(message.body)
    assert stored_bytes(raw) == message.body
    [written] = documents(MODEL, message.body, codec.data_of(raw), sequence=2)
    assert base64.b64decode(written.document.event) == message.body
    assert written.key == "production.main.acme.fraud"
    assert written.wake_subject == "rollbook.wake.production.main"


def test_a_stage_without_targets_gets_no_document() -> None:
    event = desired_set(None).model_copy(update={"targets": {}})
    [message] = Recorder().model(MODEL, event)
    data = codec.data_of(codec.parse(message.body))
    assert documents(MODEL, message.body, data, sequence=2) == []
