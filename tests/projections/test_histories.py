"""Do both views hold for every history, at every moment of it?"""

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rollbook import catalogue
from rollbook.catalogue.model import ModelEvent
from rollbook.catalogue.parts import Lineage, Parent
from rollbook.event import declared
from rollbook_projections.lineage.declaration import LINEAGE
from rollbook_projections.lineage.queries.blast import blast_radius
from rollbook_projections.lineage.queries.graph import graph
from rollbook_projections.lineage.queries.node import find
from rollbook_projections.stage.declaration import STAGE
from rollbook_projections.stage.queries import (
    changes,
    compare,
    interval,
    lane,
    model,
    promotion,
    version,
)
from rollbook_projections.view import View
from tests.projections.folding import Empty, Folding, empty
from tests.projections.story import ALICE, BOB, Story, dataset

__all__ = ["empty"]

STAGES = ("development", "staging", "production")
Deed = Callable[[Story, int, int], None]


def _register(story: Story, a: int, b: int) -> None:
    parents = [Parent(model=story.model, version=a % story.versions + 1)][: b % 2]
    datasets = (dataset("tx", a % 3),)
    story.version(lineage=Lineage(parents=tuple(parents), datasets=datasets))


def _amend(story: Story, a: int, b: int) -> None:
    lineage = Lineage(datasets=(dataset("tx", b % 3),)) if b % 2 else None
    story.amend(a % story.versions + 1, lineage=lineage, description=f"said {b}")


def _evidence(story: Story, a: int, b: int) -> None:
    if b % 3 == 0 and story.evidence:
        story.revoke(list(story.evidence)[a % len(story.evidence)])
    else:
        story.evaluate(a % story.versions + 1, on=dataset("holdout", b % 2))


def _quarantine(story: Story, a: int, b: int) -> None:
    act = story.quarantine if b % 2 else story.release
    act(a % story.versions + 1, *STAGES[: b % 3])


def _request(story: Story, a: int, b: int) -> None:
    story.request(a % story.versions + 1, STAGES[b % 3], by=(ALICE, BOB)[a % 2])


def _vote(story: Story, a: int, b: int) -> None:
    asked = [each for each in story.promotions.values() if each.stage == STAGES[2]]
    waiting = [each for each in asked if each.state == "GATING"]
    ready = [each for each in asked if each.state == "READY" and BOB.id in each.votes]
    if waiting and b % 3:
        chosen = waiting[a % len(waiting)].id
        (story.reject if b % 5 == 1 else story.approve)(chosen)
    elif ready:
        story.withdraw(ready[a % len(ready)].id)


def _dispatch(story: Story, a: int, b: int) -> None:
    ready = [
        each.id
        for each in story.promotions.values()
        if each.state == "READY" and each.stage not in story.slots
    ]
    if ready:
        (story.cancel if b % 7 == 0 else story.dispatch)(ready[a % len(ready)])


def _report(story: Story, a: int, b: int) -> None:
    holders = sorted(story.slots.values())
    if holders:
        act = (story.acknowledge, story.apply, story.apply, story.fail)[b % 4]
        act(holders[a % len(holders)])


def _go_live(story: Story, a: int, b: int) -> None:
    stage = STAGES[b % 3]
    if stage not in story.slots:
        story.live(a % story.versions + 1, stage)


def _roll_back(story: Story, a: int, b: int) -> None:
    found = [stage for stage in STAGES[1:] if len(story.stacks.get(stage, [])) > 1]
    if found:
        stage = found[a % len(found)]
        back = story.roll_back(stage, story.stacks[stage][-2])
        if b % 3:
            story.apply(back)


def _hold(story: Story, a: int, b: int) -> None:
    stage = STAGES[a % 3]
    (story.unhold if stage in story.holds else story.hold)(stage)


def _point(story: Story, a: int, b: int) -> None:
    story.point("champion", a % story.versions + 1 if b % 4 else None)


DEEDS: tuple[Deed, ...] = (
    _register,
    _amend,
    _evidence,
    _quarantine,
    _request,
    _request,
    _vote,
    _vote,
    _dispatch,
    _dispatch,
    _report,
    _report,
    _report,
    _go_live,
    _go_live,
    _go_live,
    _roll_back,
    _roll_back,
    _hold,
    _point,
)
NUMBERS = st.integers(0, 20)
HISTORIES = st.lists(
    st.tuples(st.sampled_from(DEEDS), NUMBERS, NUMBERS), min_size=12, max_size=30
)


def _lived(deeds: list[tuple[Deed, int, int]]) -> Story:
    story = Story().begun()
    story.version(lineage=Lineage(datasets=(dataset("tx"),)))
    story.version()
    for deed, a, b in deeds:
        deed(story, a, b)
    return story


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
        promotion.inbox(view, BOB.id, ["reviewer"]),
        interval.intervals(view, name),
        interval.stable_before(view, name, "staging", 1),
        compare.compare(view, name, 1, 2),
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


PATIENT = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@PATIENT
@given(deeds=HISTORIES)
def test_intervals_have_neither_gap_nor_overlap(
    empty: Empty, deeds: list[tuple[Deed, int, int]]
) -> None:
    story = _lived(deeds)
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
    story = _lived(deeds)
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
    story = _lived(deeds)
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
    story = _lived(deeds)
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


def test_every_event_of_a_model_changes_the_stage_view() -> None:
    catalogue.load()
    names = {event.recorded_as for event in ModelEvent.__args__}
    assert set(STAGE.handlers) == names
    assert set(LINEAGE.handlers) < set(declared())
