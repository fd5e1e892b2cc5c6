"""Is every event that can be recorded complete, exemplified, golden and described?"""

import json
import re
import types
from pathlib import Path
from typing import get_args

import pytest

from rollbook import codec
from rollbook.catalogue.access import AccessEvent
from rollbook.catalogue.bundle import BundlesEvent
from rollbook.catalogue.calendar import CalendarEvent
from rollbook.catalogue.fleet import FleetEvent
from rollbook.catalogue.keys import KeysEvent
from rollbook.catalogue.model import ModelEvent
from rollbook.catalogue.policy import PoliciesEvent
from rollbook.event import Event, upcast
from rollbook.names import ModelName
from rollbook.proof.validity import Accepted, check
from rollbook.subjects import (
    ACCESS,
    BUNDLES,
    CALENDAR,
    FLEET,
    KEYS,
    POLICIES,
    Aggregate,
    is_at_home,
    model,
    subject,
)
from tests.support import golden
from tests.support.builders import EXAMPLES, catalogued
from tests.support.page import PAGE, page

MODEL = model(ModelName("fraud/scorer"))
EVENTS = list(catalogued().values())
FILES = sorted(golden.FOLDER.glob("*.json"))


def named(event: type[Event]) -> str:
    return event.recorded_as


@pytest.mark.parametrize("event", EVENTS, ids=named)
def test_every_event_has_an_example(event: type[Event]) -> None:
    assert type(EXAMPLES.get(event.recorded_as)) is event, "add one to builders.py"


HAPPENING_TO = {
    MODEL: ModelEvent,
    ACCESS: AccessEvent,
    POLICIES: PoliciesEvent,
    CALENDAR: CalendarEvent,
    BUNDLES: BundlesEvent,
    FLEET: FleetEvent,
    KEYS: KeysEvent,
}


def members(aggregate: Aggregate) -> tuple[type[Event], ...]:
    kind = HAPPENING_TO[aggregate]
    return get_args(kind) if isinstance(kind, types.UnionType) else (kind,)


def test_every_event_belongs_to_one_kind_of_aggregate() -> None:
    found = [event for aggregate in HAPPENING_TO for event in members(aggregate)]
    assert sorted(map(named, found)) == sorted(map(named, EVENTS))


@pytest.mark.parametrize("aggregate", HAPPENING_TO)
def test_an_event_is_at_home_on_its_own_aggregate_only(aggregate: Aggregate) -> None:
    for event in EVENTS:
        is_its_own = event in members(aggregate)
        assert is_at_home(event.recorded_as, aggregate) == is_its_own, event


@pytest.mark.parametrize("event", EVENTS, ids=named)
def test_every_version_of_every_event_has_a_golden_message(event: type[Event]) -> None:
    missing = [
        version
        for version in range(1, event.schema_version + 1)
        if not golden.path(event, version).exists()
    ]
    assert not missing, "run `python -m tests.support.golden`"


@pytest.mark.parametrize("event", EVENTS, ids=named)
def test_every_old_version_has_an_upcaster(event: type[Event]) -> None:
    for version in range(1, event.schema_version):
        body = golden.path(event, version).read_bytes()
        upcast(f"io.rollbook.{event.recorded_as}.v{version}", json.loads(body)["data"])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_golden_message_is_still_accepted_and_read(file: Path) -> None:
    body = file.read_bytes()
    raw = codec.parse(body)
    assert raw["type"] == f"io.rollbook.{file.stem}"
    example = EXAMPLES[file.stem.rpartition(".")[0]]
    chain = golden.chain(golden.link_of(example))
    verdict = check(body, subject(golden.aggregate_of(example)), 7, chain)
    assert isinstance(verdict, Accepted), verdict
    assert type(codec.read(verdict.raw, body, 7).event) is type(example)


@pytest.mark.parametrize("event", EVENTS, ids=named)
def test_todays_example_is_written_as_its_golden_message(event: type[Event]) -> None:
    """A changed shape under an unchanged version breaks here."""
    kept = golden.path(event).read_bytes()
    example = EXAMPLES[event.recorded_as]
    assert golden.message(example) == kept
    assert codec.read(codec.parse(kept), kept, 7).event == example


@pytest.mark.parametrize("event", EVENTS, ids=named)
def test_every_event_says_what_happened(event: type[Event]) -> None:
    assert re.match(r"[A-Z].*\.$", event.__doc__ or "", re.DOTALL)
    assert event.__doc__ != Event.__doc__


def test_the_page_of_all_events_is_current() -> None:
    assert PAGE.read_text() == page(), "run `python -m tests.support.page`"
