"""What is remembered of agents?"""

from collections.abc import Sequence
from typing import Any

import pytest

from rollbook.catalogue.fleet import (
    AgentDrained,
    AgentLost,
    AgentRecovered,
    AgentRevoked,
    AgentUndrained,
)
from rollbook.event import Event
from rollbook.names import AgentName
from rollbook.subjects import FLEET
from rollbook_projections.projector import Projector
from rollbook_services.conductor.queries import fleet
from rollbook_services.conductor.react.memory import Kind
from tests.services.conductor.happening import PLACE, WHY, enrolled
from tests.services.conductor.remembering import remembered
from tests.support.conducting import Registrar

NAME = AgentName("agent")
RECOVERED = AgentRecovered(agent=NAME, session="first")
LOST = AgentLost(agent=NAME, session="first", last_heard_at=None)
DRAINED = AgentDrained(agent=NAME, reason=WHY)
UNDRAINED = AgentUndrained(agent=NAME, reason=WHY)
REVOKED = AgentRevoked(agent=NAME, reason=WHY)


@pytest.mark.parametrize(
    ("events", "known", "said_by"),
    [
        ([], {"is_present": False, "session": None}, 0),
        ([RECOVERED], {"is_present": True, "session": "first"}, 1),
        ([RECOVERED, LOST], {"is_present": False, "session": "first"}, 2),
        ([RECOVERED, DRAINED], {"is_present": True, "is_drained": True}, 1),
        ([DRAINED, RECOVERED, UNDRAINED], {"is_drained": False}, 2),
        ([RECOVERED, REVOKED], {"is_revoked": True, "is_present": False}, 1),
        (
            [RECOVERED, DRAINED, REVOKED, enrolled()],
            {"is_revoked": False, "is_drained": False, "session": None},
            4,
        ),
    ],
)
async def test_an_agent_is_known_by_its_last_events(
    view: Projector,
    registrar: Registrar,
    events: Sequence[Event],
    known: dict[str, Any],
    said_by: int,
) -> None:
    ids = [
        (await registrar.record_on(FLEET, each))[0] for each in (enrolled(), *events)
    ]
    await view.catch_up(registrar.ledger)
    [agent] = await view.database.read(fleet.agents)
    assert {name: getattr(agent, name) for name in known} == known
    assert agent.event == ids[said_by]
    assert await view.database.read(fleet.agent, "agent") == agent


async def test_what_waits_for_a_target_is_looked_at_when_it_is_drained(
    view: Projector, registrar: Registrar
) -> None:
    await registrar.record_on(FLEET, enrolled(), RECOVERED)
    assert not (await remembered(view, registrar)).stirs
    [event] = await registrar.record_on(FLEET, DRAINED)
    [stir] = (await remembered(view, registrar)).stirs
    assert (stir.kind, stir.event, stir.stages) == (Kind.FLEET, event, (PLACE.stage,))


async def test_each_agent_speaks_for_its_place(
    view: Projector, registrar: Registrar
) -> None:
    key = "U" + "A" * 55
    await registrar.record_on(FLEET, enrolled("b", public_key=key), enrolled("a"))
    await view.catch_up(registrar.ledger)
    first, second = await view.database.read(fleet.agents)
    assert (first.agent, first.public_key) == ("a", None)
    assert (second.agent, second.public_key) == ("b", key)
    assert (first.stage, first.target) == (PLACE.stage, PLACE.target)
    assert await view.database.read(fleet.agent, "nobody") is None
