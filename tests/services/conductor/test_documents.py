"""Which documents does a lane's desire make?"""

import base64

from rollbook import codec
from rollbook.names import StageName, TargetName
from rollbook_services.conductor.react.documents import documents, stored_bytes
from tests.support.agents import MODEL, STAGE, TARGET, desired_set
from tests.support.recorder import Recorder


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


BESIDE = desired_set(None).model_copy(
    update={
        "stage": StageName("shadow"),
        "beside": StageName(STAGE),
        "targets": {TargetName(TARGET): {}, TargetName("eu-1"): {}},
    }
)


def test_a_lane_beside_another_is_written_for_that_ones_targets() -> None:
    [message] = Recorder().model(MODEL, BESIDE)
    data = codec.data_of(codec.parse(message.body))
    written = documents(MODEL, message.body, data, sequence=2)
    assert [(each.key, each.wake_subject) for each in written] == [
        ("production.eu-1.acme.fraud.shadow", "rollbook.wake.production.eu-1"),
        ("production.main.acme.fraud.shadow", "rollbook.wake.production.main"),
    ]
    assert [each.document.written_for for each in written] == [
        "production/eu-1",
        "production/main",
    ]
    assert {each.wake.key for each in written} == {each.key for each in written}


def test_an_event_of_before_there_were_such_lanes_is_read() -> None:
    [message] = Recorder().model(MODEL, desired_set(None))
    data = codec.data_of(codec.parse(message.body))
    old = {name: data[name] for name in data if name not in ("beside", "traffic")}
    [written] = documents(
        MODEL, message.body, {**old, "targets": {TARGET: {}}}, sequence=2
    )
    assert written.key == "production.main.acme.fraud"
