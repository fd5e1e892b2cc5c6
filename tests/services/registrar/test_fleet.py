"""The rules of agents: who speaks for which target, who answers, who stands aside."""

from typing import Any, cast

import pytest

from rollbook.catalogue.access import Place
from rollbook.catalogue.fleet import (
    AgentDrained,
    AgentEnrolled,
    AgentLost,
    AgentRecovered,
    AgentRevoked,
    AgentUndrained,
)
from rollbook.commands.fleet import (
    DrainAgent,
    EnrolAgent,
    MarkAgent,
    RevokeAgent,
    UndrainAgent,
)
from rollbook.commands.wire import AnyCommand
from rollbook.envelope import Actor
from rollbook.names import (
    AgentName,
    Reason,
    StageName,
    TargetName,
    TokenId,
)
from rollbook.refusals import Reason as Why
from rollbook.subjects import FLEET
from rollbook_services.registrar.genesis import REGISTRAR
from rollbook_services.registrar.surroundings import Agent, Fleet
from tests.services.registrar.installation import (
    ADMIN,
    COMMANDER,
    EVERYBODY,
    MANAGER,
    Installation,
    nobody_acted,
)
from tests.support.scenario import CONDUCTOR, START

EU1 = AgentName("agent-prod-eu-1")
EU2 = AgentName("agent-prod-eu-2")
WHY = Reason("its disk is being replaced")
KEY = "U" + "A" * 55
OTHER_KEY = "U" + "B" * 55


def place(target: str = "eu-1", stage: str = "prod") -> Place:
    return Place(stage=StageName(stage), target=TargetName(target))


def enrol(agent: AgentName = EU1, at: Place | None = None, **more: Any) -> EnrolAgent:
    return EnrolAgent(agent=agent, place=at or place(), **more)


def revoke(agent: AgentName = EU1) -> RevokeAgent:
    return RevokeAgent(agent=agent, reason=WHY)


def drain(agent: AgentName = EU1) -> DrainAgent:
    return DrainAgent(agent=agent, reason=WHY)


def undrain(agent: AgentName = EU1) -> UndrainAgent:
    return UndrainAgent(agent=agent, reason=WHY)


def seen(agent: AgentName = EU1, session: str = "s1") -> MarkAgent:
    return MarkAgent(agent=agent, is_present=True, session=session)


def gone(agent: AgentName = EU1, session: str = "s1") -> MarkAgent:
    return MarkAgent(
        agent=agent, is_present=False, session=session, last_heard_at=START
    )


def fleet(house: Installation) -> Fleet:
    return cast("Fleet", house.states[FLEET])


def known(house: Installation, agent: AgentName = EU1) -> Agent:
    return fleet(house).agents[agent]


@pytest.fixture
def house() -> Installation:
    return nobody_acted().given(
        enrol(public_key=KEY, token=TokenId("a" * 16)), by=ADMIN
    )


def test_an_agent_speaks_for_one_target(house: Installation) -> None:
    house.then(AgentEnrolled)
    assert house.event(AgentEnrolled).place == place()
    assert known(house) == Agent(place(), KEY, TokenId("a" * 16))
    assert fleet(house).rev == 1
    assert known(house).is_present is None


def test_an_installation_enrols_agents_at_its_own_start() -> None:
    nobody_acted().given(enrol(), by=REGISTRAR).then(AgentEnrolled)


@pytest.mark.parametrize(
    ("command", "allowed"),
    [
        (enrol(EU2, place("eu-2")), (ADMIN,)),
        (revoke(), (ADMIN,)),
        (drain(), (MANAGER, COMMANDER)),
        (undrain(), (MANAGER, COMMANDER)),
        (seen(), (CONDUCTOR,)),
    ],
)
def test_each_request_takes_its_own_role(
    house: Installation, command: AnyCommand, allowed: tuple[Actor, ...]
) -> None:
    if isinstance(command, UndrainAgent):
        house = house.given(drain(), by=MANAGER)
    for actor in (*EVERYBODY, CONDUCTOR):
        then = house.when(command, by=actor)
        if actor in allowed:
            assert then.events
        else:
            then.then_refused(Why.FORBIDDEN)


def test_a_name_in_use_is_taken_and_one_is_told_for_what(house: Installation) -> None:
    for at in (place(), place("eu-2")):
        then = house.when(enrol(EU1, at, public_key=OTHER_KEY), by=ADMIN)
        then.then_refused(Why.ALREADY_EXISTS, agent=EU1, place="prod/eu-1")
        assert "revoke it first" in then.refusal.message


def test_two_agents_for_one_target_are_refused_by_name(house: Installation) -> None:
    then = house.when(enrol(EU2), by=ADMIN)
    then.then_refused(Why.TARGET_TAKEN, agent=EU1, place="prod/eu-1")
    assert f"rollbook agent revoke {EU1}" in then.refusal.message
    house.given(enrol(EU2, place(stage="staging")), by=ADMIN).then(AgentEnrolled)
    free = house.given(revoke(), by=ADMIN).given(enrol(EU2), by=ADMIN)
    free.when(enrol(EU1), by=ADMIN).then_refused(Why.TARGET_TAKEN, agent=EU2)


def test_two_agents_do_not_share_a_key(house: Installation) -> None:
    twin = enrol(EU2, place("eu-2"), public_key=KEY)
    house.when(twin, by=ADMIN).then_refused(Why.TARGET_TAKEN, agent=EU1)
    house.given(enrol(EU2, place("eu-2")), by=ADMIN)
    after = house.given(revoke(), by=ADMIN).given(twin, by=ADMIN)
    assert known(after, EU2).public_key == KEY
    keyless = nobody_acted().given(enrol(), by=ADMIN)
    keyless.given(enrol(EU2, place("eu-2")), by=ADMIN).then(AgentEnrolled)


def test_a_revoked_agent_comes_back_to_its_own_target_only(house: Installation) -> None:
    then = house.given(seen(), by=CONDUCTOR).given(drain(), by=MANAGER)
    then = then.given(revoke(), by=ADMIN).then(AgentRevoked)
    elsewhere = then.when(enrol(EU1, place("eu-2")), by=ADMIN)
    elsewhere.then_refused(Why.ALREADY_EXISTS, agent=EU1, place="prod/eu-1")
    back = then.given(enrol(EU1, public_key=OTHER_KEY), by=ADMIN).then(AgentEnrolled)
    assert known(back) == Agent(place(), OTHER_KEY, None)


def test_who_is_revoked_can_be_revoked_drained_and_heard_no_more(
    house: Installation,
) -> None:
    then = house.given(revoke(), by=ADMIN)
    then.when(revoke(), by=ADMIN).then_refused(Why.ALREADY_REVOKED, agent=EU1)
    for command, by in ((drain(), MANAGER), (undrain(), MANAGER), (seen(), CONDUCTOR)):
        told = then.when(command, by=by).then_refused(Why.UNKNOWN_AGENT, agent=EU1)
        assert "revoked" in told.refusal.message


def test_of_an_unknown_agent_the_nearest_is_told(house: Installation) -> None:
    typo = AgentName("agent-prod-eu1")
    for command, by in (
        (revoke(typo), ADMIN),
        (drain(typo), MANAGER),
        (undrain(typo), COMMANDER),
        (seen(typo), CONDUCTOR),
    ):
        told = house.when(command, by=by)
        told.then_refused(Why.UNKNOWN_AGENT, agent=typo, agents=[EU1])
        assert f"did you mean {EU1}?" in told.refusal.message
    gone_too = house.given(revoke(), by=ADMIN)
    gone_too.when(drain(typo), by=MANAGER).then_refused(Why.UNKNOWN_AGENT, agents=[])


def test_an_agent_stands_aside_once_and_takes_part_again_once(
    house: Installation,
) -> None:
    house.when(undrain(), by=MANAGER).then_refused(Why.NOT_DRAINED, agent=EU1)
    then = house.given(drain(), by=MANAGER).then(AgentDrained)
    assert fleet(then).drained() == {("prod", "eu-1")}
    then.when(drain(), by=COMMANDER).then_refused(Why.ALREADY_DRAINED, agent=EU1)
    then = then.given(undrain(), by=COMMANDER).then(AgentUndrained)
    assert fleet(then).drained() == frozenset()
    assert known(then) == known(house)


def test_a_revoked_agent_is_not_drained(house: Installation) -> None:
    then = house.given(enrol(EU2, place("eu-2")), by=ADMIN)
    then = then.given(drain(), by=MANAGER).given(drain(EU2), by=MANAGER)
    assert fleet(then).drained() == {("prod", "eu-1"), ("prod", "eu-2")}
    then = then.given(revoke(), by=ADMIN)
    assert fleet(then).drained() == {("prod", "eu-2")}


def test_an_agent_is_found_lost_and_found_again(house: Installation) -> None:
    then = house.given(gone(), by=CONDUCTOR).then()  # it was never there
    then = then.given(seen(), by=CONDUCTOR).then(AgentRecovered)
    assert then.event(AgentRecovered).session == "s1"
    then = then.given(gone(), by=CONDUCTOR).then(AgentLost)
    assert then.event(AgentLost).last_heard_at == START
    assert known(then).is_present is False
    then = then.given(seen(session="s2"), by=CONDUCTOR).then(AgentRecovered)
    assert (known(then).is_present, known(then).session) == (True, "s2")


def test_what_is_known_of_an_agent_is_recorded_once(house: Installation) -> None:
    then = house.given(seen(), by=CONDUCTOR)
    then.given(seen(), by=CONDUCTOR).then()
    restarted = then.given(seen(session="s2"), by=CONDUCTOR).then()
    assert fleet(restarted) is fleet(then)
    lost = then.given(gone(), by=CONDUCTOR)
    lost.given(gone(), by=CONDUCTOR).then()
    lost.given(gone(session="s2"), by=CONDUCTOR).then()


def test_a_drained_agent_is_still_heard(house: Installation) -> None:
    then = house.given(drain(), by=MANAGER).given(seen(), by=CONDUCTOR)
    assert (known(then).is_present, known(then).is_drained) == (True, True)
