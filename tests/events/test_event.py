"""Are events declared once, lifted step by step, and revived as today's class?"""

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from rollbook import codec
from rollbook.errors import UnreadableEvent
from rollbook.event import Data, Event, declared, parse_type, revive, upcast, upcasts
from tests.support import golden


class KettleBoiled(Event, recorded_as="kettle.boiled", schema_version=3):
    """An event that changed its shape twice."""

    litres: float
    lid: str | None


@upcasts(KettleBoiled, from_version=1)
def _litres_were_millilitres(data: Data) -> Data:
    """v1 counted millilitres."""
    rest = {name: value for name, value in data.items() if name != "ml"}
    return {**rest, "litres": data["ml"] / 1000}


@upcasts(KettleBoiled, from_version=2)
def _the_lid_was_not_asked(data: Data) -> Data:
    """v2 did not know about lids."""
    return {**data, "lid": None}


def recorded(version: int, data: Mapping[str, Any]) -> bytes:
    """Write what an older release wrote."""
    fields = codec.unsigned(
        KettleBoiled(litres=1, lid=None),
        golden.STAMP,
        index=0,
        aggregate=golden.aggregate_of(KettleBoiled(litres=1, lid=None)),
        origin=golden.ORIGIN,
        link=golden.BEFORE,
        kid=golden.KID,
    )
    type_ = f"io.rollbook.kettle.boiled.v{version}"
    schema = f"urn:rollbook:schema:{type_}"
    return golden.sign({**fields, "type": type_, "dataschema": schema, "data": data})


@pytest.mark.parametrize(
    ("version", "data"),
    [(1, {"ml": 1500}), (2, {"litres": 1.5}), (3, {"litres": 1.5, "lid": None})],
)
def test_every_old_shape_is_read_as_todays(version: int, data: Data) -> None:
    body = recorded(version, data)
    raw = codec.parse(body)
    envelope = codec.read(raw, body, 7)
    assert envelope.event == KettleBoiled(litres=1.5, lid=None)
    # What was signed stays what it was.
    assert envelope.raw["data"] == data
    assert envelope.type == f"io.rollbook.kettle.boiled.v{version}"
    bulk = codec.read_data(raw, codec.leaf_hash(body), 7)
    assert bulk.event == {"litres": 1.5, "lid": None}


def test_an_event_from_the_future_is_unreadable() -> None:
    with pytest.raises(
        UnreadableEvent, match=r"reads io\.rollbook\.kettle\.boiled\.v3"
    ):
        upcast("io.rollbook.kettle.boiled.v4", {})


def test_old_data_that_cannot_be_lifted_is_unreadable() -> None:
    with pytest.raises(UnreadableEvent, match="lifted"):
        upcast("io.rollbook.kettle.boiled.v1", {"litres": 1})
    with pytest.raises(UnreadableEvent, match="lifted"):
        upcast("io.rollbook.kettle.boiled.v1", {"ml": "much"})


def test_lifting_does_not_change_what_was_read() -> None:
    data = {"ml": 1500}
    upcast("io.rollbook.kettle.boiled.v1", data)
    assert data == {"ml": 1500}


def test_data_of_another_shape_is_unreadable_and_names_the_place() -> None:
    with pytest.raises(UnreadableEvent, match="litres"):
        revive("io.rollbook.kettle.boiled.v3", {"litres": "many", "lid": None})


def test_a_name_is_declared_once() -> None:
    with pytest.raises(TypeError, match="declared twice"):

        class Again(Event, recorded_as="kettle.boiled"):
            """A second class for one name."""


@pytest.mark.parametrize(
    "name", ["Kettle.boiled", "kettle", "kettle.boiled.dry", "kettle.boiled "]
)
def test_a_name_that_no_reader_would_know_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match=r"noun\.happened"):

        class Odd(Event, recorded_as=name):
            """A name outside the grammar."""

    assert name not in declared()


def test_one_step_is_upcast_once() -> None:
    with pytest.raises(TypeError, match="upcast twice"):
        upcasts(KettleBoiled, from_version=1)(lambda data: data)


def test_an_event_cannot_be_changed() -> None:
    boiled = KettleBoiled(litres=1, lid=None)
    with pytest.raises(ValidationError):
        setattr(boiled, "litres", 2)  # noqa: B010
    with pytest.raises(ValidationError):
        KettleBoiled.model_validate({"litres": 1, "lid": None, "colour": "red"})


@pytest.mark.parametrize(
    ("type_", "parsed"),
    [
        ("io.rollbook.version.registered.v1", ("version.registered", 1)),
        ("io.rollbook.lane.slot_taken.v12", ("lane.slot_taken", 12)),
        ("io.rollbook.version.registered", None),
        ("io.rollbook.version.registered.v0", None),
        ("io.rollbook.version.registered.v01", None),
        ("io.rollbook.version.registered.v1\n", None),
        ("com.example.version.registered.v1", None),
    ],
)
def test_a_type_says_name_and_version(type_: str, parsed: object) -> None:
    assert parse_type(type_) == parsed
