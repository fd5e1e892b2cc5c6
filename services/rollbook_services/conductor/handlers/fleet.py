"""Which agents are there, and which of them hold their leases?"""

from collections.abc import Mapping
from typing import Final

from rollbook.envelope import Envelope
from rollbook.event import Data
from rollbook_projections.projection import Handler
from rollbook_projections.reading import spoken_of
from rollbook_projections.rows import Row, Rows
from rollbook_services.conductor.handlers.stir import stir
from rollbook_services.conductor.react.memory import Kind


def enrolled(rows: Rows, envelope: Envelope[Data]) -> None:
    """Enter an agent; of one that comes back nothing else is known."""
    data = envelope.event
    rows.put(
        "agents",
        {
            "agent": data["agent"],
            "stage": data["place"]["stage"],
            "target": data["place"]["target"],
            "public_key": data["public_key"],
            "is_revoked": False,
            "is_drained": False,
            "is_present": False,
            "session": None,
            "event": envelope.id,
        },
    )


def revoked(rows: Rows, envelope: Envelope[Data]) -> None:
    """Keep its name: whoever asks under it is told so."""
    gone = {"is_revoked": True, "is_present": False}
    rows.put("agents", {**_spoken_of(rows, envelope), **gone})


def drained(rows: Rows, envelope: Envelope[Data]) -> None:
    """It is told to begin nothing; what waited for its target may go on."""
    agent = _spoken_of(rows, envelope)
    rows.put("agents", {**agent, "is_drained": True})
    name = f"{Kind.FLEET.value} {agent['stage']}"
    stir(rows, envelope, kind=Kind.FLEET, name=name, stages=[agent["stage"]])


def undrained(rows: Rows, envelope: Envelope[Data]) -> None:
    """It takes part again."""
    rows.put("agents", {**_spoken_of(rows, envelope), "is_drained": False})


def lost(rows: Rows, envelope: Envelope[Data]) -> None:
    """Nobody hears it."""
    gone = {"is_present": False, "event": envelope.id}
    rows.put("agents", {**_spoken_of(rows, envelope), **gone})


def recovered(rows: Rows, envelope: Envelope[Data]) -> None:
    """It holds its lease."""
    there = {
        "is_present": True,
        "session": envelope.event["session"],
        "event": envelope.id,
    }
    rows.put("agents", {**_spoken_of(rows, envelope), **there})


def _spoken_of(rows: Rows, envelope: Envelope[Data]) -> Row:
    return spoken_of(rows, envelope, "agents", envelope.event["agent"])


HANDLERS: Final[Mapping[str, Handler]] = {
    "agent.enrolled": enrolled,
    "agent.revoked": revoked,
    "agent.drained": drained,
    "agent.undrained": undrained,
    "agent.lost": lost,
    "agent.recovered": recovered,
}
