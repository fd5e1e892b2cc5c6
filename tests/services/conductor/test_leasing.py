"""Who is said to have come or gone, by the leases that are held?"""

from collections.abc import Mapping
from datetime import datetime

import pytest

from rollbook.commands.fleet import MarkAgent
from rollbook.names import AgentName, StageName, TargetName
from rollbook_services.conductor.react.due import Due
from rollbook_services.conductor.react.leasing import Agent, Lease, key_of, marks
from tests.services.conductor.remembering import event, minute

NAME = AgentName("agent-eu-1")
KEY = "prod.eu-1.agent-eu-1"
HELD = {KEY: Lease(session="first", at=minute(3))}


def agent(*, is_present: bool = False, is_revoked: bool = False) -> Agent:
    return Agent(
        agent=NAME,
        stage=StageName("prod"),
        target=TargetName("eu-1"),
        is_present=is_present,
        session="first" if is_present else None,
        event=event(7),
        is_revoked=is_revoked,
    )


def marked(
    known: Agent,
    held: Mapping[str, Lease] = HELD,
    *,
    heard_at: Mapping[str, datetime] | None = None,
    is_sure: bool = True,
) -> list[Due]:
    return list(marks([known], held, heard_at=heard_at or {}, is_sure=is_sure))


def test_an_agent_has_one_lease_at_its_place() -> None:
    assert key_of("prod", "eu-1", "agent-eu-1") == agent().key == KEY


@pytest.mark.parametrize("is_sure", [True, False])
def test_who_holds_a_lease_has_come(is_sure: bool) -> None:
    [due] = marked(agent(), is_sure=is_sure)
    assert due.command == MarkAgent(agent=NAME, is_present=True, session="first")
    assert (due.id, due.cause) == (f"{event(7)}/recovered/agent-eu-1", event(7))


def test_who_holds_none_any_more_is_lost() -> None:
    [due] = marked(agent(is_present=True), {}, heard_at={KEY: minute(2)})
    assert due.command == MarkAgent(
        agent=NAME, is_present=False, session="first", last_heard_at=minute(2)
    )
    assert (due.id, due.cause) == (f"{event(7)}/lost/agent-eu-1", event(7))


def test_nobody_is_lost_while_somebody_may_have_been_kept_from_renewing() -> None:
    assert marked(agent(is_present=True), {}, is_sure=False) == []


@pytest.mark.parametrize(
    ("known", "held"),
    [
        pytest.param(agent(is_present=True), HELD, id="there, as is known"),
        pytest.param(agent(), {}, id="never came"),
        pytest.param(agent(is_revoked=True), HELD, id="revoked"),
        pytest.param(agent(is_present=True, is_revoked=True), {}, id="revoked, gone"),
    ],
)
def test_what_is_known_is_not_said(known: Agent, held: Mapping[str, Lease]) -> None:
    assert marked(known, held) == []


def test_another_process_of_one_that_never_went_is_no_news() -> None:
    held = {KEY: Lease(session="second", at=minute(4))}
    assert marked(agent(is_present=True), held) == []
