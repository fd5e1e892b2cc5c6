"""I8: whoever asks for what and when, every waived gate is accounted for."""

from datetime import timedelta
from typing import Final, TypeVar

import hypothesis.strategies as st
from hypothesis import given

from rollbook.catalogue.model import ModelEvent
from rollbook.catalogue.waiver import GateWaived, ReviewOpened, WaiverRequested
from rollbook.commands.waiver import CloseReview
from rollbook.envelope import Actor, Envelope
from rollbook.names import EventId
from rollbook_services.registrar.surroundings import Access
from tests.services.registrar.breaking import (
    AUDITOR,
    ERIN,
    HEAD,
    PEOPLE,
    SEV1,
    SEV2,
    around,
    confirm,
    policy,
    waiting,
    waive,
)
from tests.support.scenario import (
    BOB,
    CAROL,
    DAVE,
    FRAUD,
    PRODUCTION,
    Scenario,
    person,
)

DAVE_S_OTHER: Final = person("f", "incident-commander")
PLAYERS: Final = (BOB, CAROL, DAVE, DAVE_S_OTHER, ERIN, HEAD, AUDITOR)
ACTORS: Final = {each.id: each for each in (*PEOPLE, DAVE_S_OTHER)}
AROUND: Final = around(people=list(ACTORS.values()), persons={DAVE_S_OTHER.id: DAVE.id})

E = TypeVar("E", GateWaived, ReviewOpened, WaiverRequested)

acts: Final = st.tuples(
    st.sampled_from(("waive", "confirm", "close")),
    st.sampled_from(PLAYERS),
    st.sampled_from(("sev1", "sev2")),
    st.sampled_from((1, 30, 90, 300, 1500)).map(lambda many: timedelta(minutes=many)),
)


@given(story=st.lists(acts, max_size=12))
def test_every_waived_gate_has_its_class_people_and_one_review(
    story: list[tuple[str, Actor, str, timedelta]],
) -> None:
    model = waiting(AROUND)
    for what, who, under, after in story:
        model = act(model, what, who, under=under, after=after)
    waivers = asked(model)
    waived = [each for each in model.history if isinstance(each.event, GateWaived)]
    for each in waived:
        is_accounted_for(each, waivers, model.context.access)
    granted = {event.waiver for event in said(model, GateWaived)}
    reviewed = [event.waiver for event in said(model, ReviewOpened)]
    assert sorted(reviewed) == sorted(granted)


def act(
    model: Scenario, what: str, who: Actor, *, under: str, after: timedelta
) -> Scenario:
    if what == "waive":
        return model.when(waive(under=under), by=who, after=after)
    if what == "confirm" and said(model, WaiverRequested):
        return model.when(confirm(model), by=who, after=after)
    if what == "close" and said(model, ReviewOpened):
        close = {
            "model": FRAUD,
            "review": model.id_of(ReviewOpened),
            "finding": "not_justified",
            "notes": "it could have waited",
        }
        return model.when(CloseReview.model_validate(close), by=who, after=after)
    return model


def said(model: Scenario, kind: type[E]) -> list[E]:
    return [each.event for each in model.history if isinstance(each.event, kind)]


def asked(model: Scenario) -> dict[EventId, tuple[Actor, WaiverRequested]]:
    return {
        each.id: (each.actor, each.event)
        for each in model.history
        if isinstance(each.event, WaiverRequested)
    }


def is_accounted_for(
    recorded: Envelope[ModelEvent],
    waivers: dict[EventId, tuple[Actor, WaiverRequested]],
    access: Access,
) -> None:
    waived = recorded.event
    assert isinstance(waived, GateWaived)
    asker, wish = waivers[waived.waiver]
    stage = policy(SEV1, SEV2).stage(PRODUCTION)
    glass = stage.glass(waived.break_glass) if stage else None
    assert glass is not None
    assert (waived.asked_by, waived.reason) == (asker.id, wish.reason)
    assert set(asker.roles).intersection(glass.roles)
    assert recorded.at < waived.until == wish.until
    assert wish.needs_second_person or not glass.second_person
    assert (waived.second_person is not None) == wish.needs_second_person
    if waived.second_person is not None:
        assert access.person(waived.second_person) != access.person(asker.id)
        roles = set(ACTORS[waived.second_person].roles)
        assert roles.intersection((*glass.roles, "head-of-risk"))
