"""After any history of requests about agents, each was lost and found in turn."""

from dataclasses import dataclass, field
from typing import Final

from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

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
    FleetCommand,
    MarkAgent,
    RevokeAgent,
    UndrainAgent,
)
from rollbook.event import Event
from rollbook.names import AgentName, StageName, TargetName
from rollbook.refusals import Reason as Why
from rollbook.refusals import Refusal
from rollbook.subjects import FLEET
from rollbook_services.registrar.surroundings import Fleet
from tests.services.invariants.requests import evenly
from tests.services.invariants.turns import WHY
from tests.support.scenario import CONDUCTOR, DAVE
from tests.support.together import ADMIN, World, begun

NAMES: Final = tuple(AgentName(f"agent-{letter}") for letter in "abc")
PLACES: Final = tuple(
    Place(stage=StageName("live"), target=TargetName(f"eu-{number}"))
    for number in (1, 2)
)
KINDS: Final = (*("mark",) * 6, *("enrol",) * 3, *("drain",) * 3, "revoke", "undrain")
DOUBLED: Final = {
    Why.ALREADY_EXISTS,
    Why.TARGET_TAKEN,
    Why.ALREADY_REVOKED,
    Why.ALREADY_DRAINED,
    Why.NOT_DRAINED,
    Why.UNKNOWN_AGENT,
}


@dataclass
class Account:
    """The agents as their events tell it."""

    places: dict[AgentName, Place] = field(default_factory=dict)
    drained: set[AgentName] = field(default_factory=set)
    present: set[AgentName] = field(default_factory=set)
    was: dict[AgentName, Place] = field(default_factory=dict)

    def see(self, event: Event) -> None:
        match event:
            case AgentEnrolled(agent=agent, place=place):
                assert agent not in self.places
                assert place not in self.places.values(), "one agent for one target"
                assert self.was.get(agent, place) == place
                self.places[agent] = place
                self.drained.discard(agent)
                self.present.discard(agent)
            case AgentRevoked(agent=agent):
                self.was[agent] = self.places.pop(agent)
            case AgentDrained(agent=agent):
                assert agent in self.places.keys() - self.drained
                self.drained.add(agent)
            case AgentUndrained(agent=agent):
                assert agent in self.places
                self.drained.remove(agent)
            case AgentRecovered(agent=agent):
                assert agent in self.places.keys() - self.present, "found when lost"
                self.present.add(agent)
            case AgentLost(agent=agent):
                assert agent in self.places
                self.present.remove(agent)
            case _:
                raise AssertionError(event.recorded_as)

    def agrees(self, fleet: Fleet) -> None:
        live = {n: each for n, each in fleet.agents.items() if not each.is_revoked}
        assert {name: each.place for name, each in live.items()} == self.places
        assert {n for n, each in live.items() if each.is_present} == (
            self.present & live.keys()
        )
        assert fleet.drained() == {
            (place.stage, place.target)
            for name, place in self.places.items()
            if name in self.drained
        }


def asked(number: int) -> FleetCommand:
    """Read a request from a number."""
    number, kind = divmod(number, len(KINDS))
    number, name = divmod(number, len(NAMES))
    session, place = divmod(number, len(PLACES))
    agent = NAMES[name]
    match KINDS[kind]:
        case "enrol":
            return EnrolAgent(agent=agent, place=PLACES[place])
        case "revoke":
            return RevokeAgent(agent=agent, reason=WHY)
        case "drain":
            return DrainAgent(agent=agent, reason=WHY)
        case "undrain":
            return UndrainAgent(agent=agent, reason=WHY)
        case _:
            is_present, which = bool(place), f"session-{session}"
            return MarkAgent(agent=agent, is_present=is_present, session=which)


def take(world: World, command: FleetCommand) -> World:
    if isinstance(command, MarkAgent):
        return world.when(command, by=CONDUCTOR)
    is_access = isinstance(command, EnrolAgent | RevokeAgent)
    return world.when(command, by=ADMIN if is_access else DAVE)


def known(world: World) -> Fleet:
    fleet = world.state(FLEET)
    assert isinstance(fleet, Fleet)
    return fleet


requests: Final = evenly(len(KINDS) * len(NAMES) * len(PLACES) * 3).map(asked)


@given(history=st.lists(requests, min_size=40, max_size=120))
def test_agents_are_lost_and_found_in_turn_and_each_target_has_one(
    history: list[FleetCommand],
) -> None:
    world, account = begun(), Account()
    for command in history:
        before, world = world, take(world, command)
        if isinstance(world.outcome, Refusal):
            assert world.outcome.reason in DOUBLED
            assert world.ledger == before.ledger
        for each in world.placed:
            account.see(each.event)
        account.agrees(known(world))
        if isinstance(command, MarkAgent):
            assert take(world, command).placed == (), "what is known is recorded once"
    fleet = known(world)
    kept = TypeAdapter(Fleet)
    assert kept.validate_json(kept.dump_json(fleet)) == fleet
