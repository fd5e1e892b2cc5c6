"""Which documents does a lane's desire make?"""

import base64

from rollbook import codec
from rollbook_services.conductor.react.documents import documents, stored_bytes
from tests.support.agents import MODEL, desired_set
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
