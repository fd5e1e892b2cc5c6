"""The rules of aliases that a policy guards, or lets follow a lane."""

from dataclasses import replace
from typing import Any

import pytest

from rollbook.catalogue.alias import AliasMoved
from rollbook.catalogue.model import ModelEvent
from rollbook.commands.alias import MoveAlias
from rollbook.envelope import Stamp
from rollbook.names import AliasName, CommandId, StageName, Version
from rollbook.refusals import Reason as Why
from rollbook_services.policy.document import BUILT_IN, Policy
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.evolve import fold
from rollbook_services.registrar.rules.alias import follow
from rollbook_services.registrar.state import Model
from rollbook_services.registrar.surroundings import Context, Governing
from tests.support.scenario import (
    ALICE,
    CAROL,
    CONDUCTOR,
    FRAUD,
    PIPELINE,
    PRODUCTION,
    STAGING,
    Scenario,
    digest,
    fraud,
    roll_back,
)


def under(model: Scenario, **aliases: Any) -> Scenario:
    """Let a policy speak of aliases."""
    written = BUILT_IN.model_dump(mode="json", by_alias=True)
    written["spec"]["aliases"] = aliases
    governing = Governing(Policy.model_validate(written), None, None)
    return replace(model, context=Context(model.context.access, governing))


def point(version: int | None, *, expected: int | None = None) -> MoveAlias:
    return MoveAlias(
        model=FRAUD,
        alias=AliasName("champion"),
        version=None if version is None else Version(version),
        expected_previous=None if expected is None else Version(expected),
    )


def followed(model: Scenario, stage: StageName, state: Model) -> list[ModelEvent]:
    stamp = Stamp(model.at, CONDUCTOR, CommandId("follow"), digest(9))
    decision = Decision(state, model.context, stamp, fold=fold)
    follow(decision, stage)
    once = list(decision.events)
    follow(decision, stage)
    assert decision.events == once
    return once


def moves(events: list[ModelEvent]) -> list[tuple[str, int | None, int | None]]:
    return [
        (each.alias, each.from_version, each.to_version)
        for each in events
        if isinstance(each, AliasMoved)
    ]


def test_a_protected_alias_is_moved_by_release_managers_only() -> None:
    model = under(fraud(1), protected=["champion"])
    for who in (PIPELINE, ALICE):
        model.when(point(1), by=who).then_refused(
            Why.ALIAS_PROTECTED, alias="champion", needed=["release-manager"]
        )
    moved = model.when(point(1), by=CAROL).then(AliasMoved).event(AliasMoved)
    assert moved.protected


def test_an_alias_that_no_policy_names_is_free() -> None:
    model = under(fraud(1), protected=["other"], follow={"live": PRODUCTION})
    moved = model.when(point(1), by=PIPELINE).then(AliasMoved).event(AliasMoved)
    assert not moved.protected


@pytest.mark.parametrize("version", [1, None])
def test_nobody_moves_an_alias_that_follows_a_lane(version: int | None) -> None:
    guarded = {"protected": ["champion"], "follow": {"champion": PRODUCTION}}
    model = under(fraud(1), **guarded)
    for who in (PIPELINE, CAROL):
        model.when(point(version), by=who).then_refused(
            Why.ALIAS_FOLLOWS, alias="champion", stage=PRODUCTION
        )


def test_following_aliases_name_what_is_stable_in_their_stage() -> None:
    model = fraud(1).in_staging(1)
    model = under(
        model,
        protected=["live"],
        follow={"champion": STAGING, "live": STAGING, "far": PRODUCTION},
    )
    events = followed(model, STAGING, model.model)
    assert moves(events) == [("champion", None, 1), ("live", None, 1)]
    assert [getattr(each, "protected", None) for each in events] == [False, True]
    assert followed(model, PRODUCTION, model.model) == []


def test_an_alias_that_follows_an_emptied_lane_names_nothing() -> None:
    model = fraud(1).given(point(1), by=PIPELINE)
    model = under(model, follow={"champion": STAGING})
    assert moves(followed(model, STAGING, model.model)) == [("champion", 1, None)]


def test_a_promotion_takes_the_following_alias_along_and_a_rollback_back() -> None:
    model = under(fraud(2), follow={"champion": STAGING})
    model = model.in_staging(1)
    assert moves(list(model.events)) == [("champion", None, 1)]
    model = model.in_staging(2).given(roll_back(STAGING), by=CAROL).applied(STAGING)
    assert moves(list(model.events)) == [("champion", 2, 1)]
