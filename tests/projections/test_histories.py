"""Do both views hold for every history, at every moment of it?"""

from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rollbook import catalogue
from rollbook.catalogue.bundle import BundlesEvent
from rollbook.catalogue.calendar import CalendarEvent
from rollbook.catalogue.fleet import FleetEvent
from rollbook.catalogue.model import ModelEvent
from rollbook.catalogue.policy import PoliciesEvent
from rollbook.event import declared
from rollbook_projections.compare import dump
from rollbook_projections.lineage.declaration import LINEAGE
from rollbook_projections.lineage.queries.blast import blast_radius
from rollbook_projections.lineage.queries.graph import graph
from rollbook_projections.lineage.queries.node import find
from rollbook_projections.stage.declaration import STAGE
from rollbook_projections.stage.queries import (
    bundle,
    calendar,
    changes,
    compare,
    experiment,
    fleet,
    inbox,
    interval,
    lane,
    model,
    policy,
    promotion,
    target,
    version,
    waiver,
)
from rollbook_projections.view import View
from tests.projections.deeds import HISTORIES, STAGES, Deed, lived
from tests.projections.folding import Empty, Folding, empty
from tests.projections.site import COMMANDER, OTHER_OWNER
from tests.projections.story import ALICE, BOB, dataset
from tests.support.recorder import BEGIN

__all__ = ["empty"]

LATER = BEGIN + timedelta(hours=2)


def _asked_of_stage(view: View) -> list[Any]:
    name = "fraud"
    return [
        model.models(view),
        model.aliases(view, name),
        version.versions(view, name),
        [version.version(view, name, number) for number in (1, 2)],
        [version.evidence(view, name, number) for number in (1, 2)],
        version.resolve(view, name, "champion"),
        version.resolve(view, name, "latest"),
        lane.lanes(view),
        promotion.promotions(view),
        promotion.promotions(view, open_only=True),
        [promotion.promotion(view, name, number) for number in (1, 2, 3)],
        [
            inbox.inbox(view, who.id, who.roles, now=LATER)
            for who in (ALICE, BOB, COMMANDER, OTHER_OWNER)
        ],
        waiver.waivers(view, now=LATER),
        waiver.reviews(view, now=LATER),
        policy.policies(view),
        [policy.policy(view, f"policy{number}") for number in (0, 1)],
        [policy.resolve(view, f"policy{number}", "active") for number in (0, 1)],
        calendar.freezes(view, now=LATER),
        calendar.freezes(view, now=LATER, open_only=True, stage="staging"),
        bundle.bundles(view),
        bundle.bundle(view, 1),
        interval.intervals(view, name),
        interval.stable_before(view, name, "staging", 1),
        compare.compare(view, name, 1, 2),
        target.targets(view),
        target.targets(view, stage="staging", lagging_only=True),
        target.drifts(view),
        target.drifts(view, open_only=True),
        fleet.agents(view),
        experiment.experiments(view),
    ]


def _asked_of_lineage(view: View) -> list[Any]:
    return [
        find(view, "tx"),
        graph(view, ["version:fraud@1"]),
        graph(view, ["lane:fraud#staging"], up=3, down=0),
        blast_radius(view, "tx"),
        blast_radius(view, dataset("holdout").digest),
        blast_radius(view, "fraud@1"),
    ]


# A whole life in a database is dear: a quarter of what other laws are tried with.
PATIENT = settings(
    max_examples=max(10, settings().max_examples // 4),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@PATIENT
@given(deeds=HISTORIES)
def test_intervals_have_neither_gap_nor_overlap(
    empty: Empty, deeds: list[tuple[Deed, int, int]]
) -> None:
    story = lived(deeds)
    with empty() as connection:
        view = Folding(STAGE, connection).take(story.ledger.messages).view()
        found = {stage: interval.intervals(view, "fraud", stage) for stage in STAGES}
        board = {each["stage"]: each for each in lane.lanes(view)}
    for stage, rows in found.items():
        assert [each["until_seq"] for each in rows[:-1]] == [
            each["from_seq"] for each in rows[1:]
        ]
        assert [each["until_at"] for each in rows[:-1]] == [
            each["from_at"] for each in rows[1:]
        ]
        assert [each["ended_by"] for each in rows[:-1]] == [
            each["promotion"] for each in rows[1:]
        ]
        succeeded = [
            asked.id
            for asked in story.promotions.values()
            if (asked.stage, asked.state) == (stage, "SUCCEEDED")
        ]
        assert sorted(each["promotion"] for each in rows) == succeeded
        if rows:
            assert rows[-1]["until_seq"] is None
            assert board[stage]["stable"]["version"] == rows[-1]["version"]


@PATIENT
@given(deeds=HISTORIES, data=st.data())
def test_the_stage_view_as_of_an_event_is_the_view_right_after_it(
    empty: Empty, deeds: list[tuple[Deed, int, int]], data: st.DataObject
) -> None:
    story = lived(deeds)
    moments = data.draw(st.sets(st.integers(1, story.now), min_size=1, max_size=4))
    with empty() as connection:
        folding = Folding(STAGE, connection)
        seen = {}
        for moment in sorted(moments):
            folding.take(story.ledger.messages[:moment])
            seen[moment] = _asked_of_stage(folding.view())
        folding.take(story.ledger.messages)
        for moment, answers in seen.items():
            assert _asked_of_stage(folding.view(moment)) == answers


@PATIENT
@given(deeds=HISTORIES, data=st.data())
def test_the_lineage_view_as_of_an_event_is_the_view_right_after_it(
    empty: Empty, deeds: list[tuple[Deed, int, int]], data: st.DataObject
) -> None:
    story = lived(deeds)
    moments = data.draw(st.sets(st.integers(1, story.now), min_size=1, max_size=4))
    with empty() as connection:
        folding = Folding(LINEAGE, connection)
        seen = {}
        for moment in sorted(moments):
            folding.take(story.ledger.messages[:moment])
            seen[moment] = _asked_of_lineage(folding.view())
        folding.take(story.ledger.messages)
        for moment, answers in seen.items():
            assert _asked_of_lineage(folding.view(moment)) == answers


@PATIENT
@given(deeds=HISTORIES, data=st.data())
def test_changes_are_what_two_moments_do_not_share(
    empty: Empty, deeds: list[tuple[Deed, int, int]], data: st.DataObject
) -> None:
    story = lived(deeds)
    start = data.draw(st.integers(1, story.now))
    end = data.draw(st.integers(start, story.now))
    with empty() as connection:
        view = Folding(STAGE, connection).take(story.ledger.messages).view()
        found = changes.changes(view, start, end)
        before, after = lane.lanes(view.at(start)), lane.lanes(view.at(end))
    told = {each["key"]["stage"] for each in found if each["table"] == "lanes"}
    watched = ("desired", "stable", "slot", "hold")
    shown = [
        {each["stage"]: [_essence(each[part]) for part in watched] for each in board}
        for board in (before, after)
    ]
    nothing = [None] * len(watched)
    differing = {
        stage
        for stage in STAGES
        if shown[0].get(stage, nothing) != shown[1].get(stage, nothing)
    }
    assert told == differing


def _essence(part: dict[str, Any] | None) -> Any:
    if part is None:
        return None
    return part.get("version") or part.get("promotion"), part.get("id")


@PATIENT
@given(deeds=HISTORIES, stops=st.sets(st.integers(1, 60)))
def test_the_stage_view_is_the_same_in_whatever_batches_it_follows(
    empty: Empty, deeds: list[tuple[Deed, int, int]], stops: set[int]
) -> None:
    story = lived(deeds)
    messages = story.ledger.messages
    with empty() as connection:
        folding = Folding(STAGE, connection)
        for stop in sorted(stops):
            folding.take(messages[:stop])
        folding.take(messages)
        followed = list(dump(connection, STAGE))
    with empty() as connection:
        Folding(STAGE, connection).take(messages)
        assert list(dump(connection, STAGE)) == followed
    assert not [line for name, line in followed if name == "halted"]


def test_every_event_that_views_are_asked_about_changes_the_stage_view() -> None:
    catalogue.load()
    kinds = (ModelEvent, PoliciesEvent, CalendarEvent, BundlesEvent, FleetEvent)
    names = {event.recorded_as for kind in kinds for event in kind.__args__}
    assert set(STAGE.handlers) == names | {"identity.linked"}
    assert set(LINEAGE.handlers) < set(declared())
