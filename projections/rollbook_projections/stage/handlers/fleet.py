"""How do agents that come, go and rest change the stage view?"""

from collections.abc import Mapping
from typing import Any, Final

from rollbook.envelope import Envelope
from rollbook.event import Data
from rollbook_projections.projection import Handler
from rollbook_projections.reading import spoken_of, time_of
from rollbook_projections.rows import Rows


def enrolled(rows: Rows, envelope: Envelope[Data]) -> None:
    """Enter an agent; nobody has heard of it yet."""
    data, at = envelope.event, time_of(envelope)
    rows.put(
        "agents",
        {
            "agent": data["agent"],
            "stage": data["place"]["stage"],
            "target": data["place"]["target"],
            "public_key": data["public_key"],
            "token": data["token"],
            "state": "enrolled",
            "state_since": at,
            "session": None,
            "last_heard_at": None,
            "drained": False,
            "drained_at": None,
            "reason": None,
            "changed_by": None,
            "enrolled_at": at,
            "enrolled_by": envelope.actor.id,
            "enrolled_seq": rows.sequence,
        },
    )


def revoked(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note that an agent speaks for nothing any more; it keeps its row."""
    _become(rows, envelope, "revoked", {"session": None, **_said(envelope)})


def drained(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note that no change waits for an agent."""
    rests = {"drained": True, "drained_at": time_of(envelope)}
    _change(rows, envelope, {**rests, **_said(envelope)})


def undrained(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note that an agent takes part again."""
    works = {"drained": False, "drained_at": None}
    _change(rows, envelope, {**works, **_said(envelope)})


def lost(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note that an agent's lease ran out."""
    data = envelope.event
    heard = {"session": data["session"], "last_heard_at": data["last_heard_at"]}
    _become(rows, envelope, "lost", heard)


def recovered(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note that an agent holds its lease."""
    heard = {"session": envelope.event["session"], "last_heard_at": None}
    _become(rows, envelope, "present", heard)


def _said(envelope: Envelope[Data]) -> dict[str, Any]:
    return {"reason": envelope.event["reason"], "changed_by": envelope.actor.id}


def _become(
    rows: Rows, envelope: Envelope[Data], state: str, changed: Mapping[str, Any]
) -> None:
    at = time_of(envelope)
    _change(rows, envelope, {"state": state, "state_since": at, **changed})


def _change(rows: Rows, envelope: Envelope[Data], changed: Mapping[str, Any]) -> None:
    agent = spoken_of(rows, envelope, "agents", envelope.event["agent"])
    rows.put("agents", {**agent, **changed})


HANDLERS: Final[Mapping[str, Handler]] = {
    "agent.enrolled": enrolled,
    "agent.revoked": revoked,
    "agent.drained": drained,
    "agent.undrained": undrained,
    "agent.lost": lost,
    "agent.recovered": recovered,
}
