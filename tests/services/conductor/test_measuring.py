"""What is a metrics server asked, when, and what is recorded of its answers?"""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from rollbook.catalogue.rollout import Measure
from rollbook.commands.promotion import RecordAnalysis
from rollbook.names import (
    Digest,
    ModelName,
    PromotionId,
    StageName,
    TargetName,
    Version,
)
from rollbook_services.conductor.react.measuring import (
    Bake,
    Question,
    Step,
    Variant,
    filled,
    latest,
    next_at,
    questions,
    record,
)
from rollbook_services.policy.query import PLACEHOLDERS
from tests.services.conductor.remembering import STORY, event, minute

BEGUN = minute(10)
OLD, NEW = (Variant(Version(n), Digest(f"sha256:{n:064d}")) for n in (6, 7))


def measure(
    metric: str = "errors", *, seconds: float = 60, samples: str | None = None
) -> Measure:
    return Measure(
        metric=metric,
        query=f'{metric}{{version="$version"}}',
        samples_query=samples,
        every_ms=int(seconds * 1000),
    )


def step(
    *measures: Measure, bake: Bake | None = None, champion: Variant | None = OLD
) -> Step:
    return Step(
        model=ModelName("acme/fraud"),
        promotion=PromotionId(31),
        stage=StageName("prod"),
        wave=1,
        step=2,
        targets=(TargetName("eu-1"), TargetName("us_2")),
        event=event(7),
        since=BEGUN,
        bake=bake,
        candidate=NEW,
        champion=champion,
        measures=measures or (measure(),),
        correlation=STORY,
    )


def after(seconds: float) -> datetime:
    return BEGUN + timedelta(seconds=seconds)


def baking(since: float, until: float) -> Bake:
    return Bake(after(since), after(until))


def name(of: Step, seconds: float) -> str | None:
    look = latest(of, after(seconds))
    return look.id.removeprefix(f"{event(7)}/analyse/") if look else None


def asked(of: Step, seconds: float) -> list[str]:
    look = latest(of, after(seconds))
    return [each.metric for each in look.measures] if look else []


@pytest.mark.parametrize(
    ("seconds", "look"), [(0, None), (59.9, None), (60, "1"), (119, "1"), (600, "10")]
)
def test_a_step_is_looked_at_each_period_of_its_own(
    seconds: float, look: str | None
) -> None:
    assert name(step(), seconds) == look


def test_never_more_often_than_the_registrar_takes_records() -> None:
    often = step(measure(seconds=1))
    assert [name(often, at) for at in (29, 30, 59, 60)] == [None, "1", "1", "2"]
    assert next_at(often, after(31)) == after(60)


def test_a_slow_measure_is_not_asked_in_each_period() -> None:
    both = step(measure("errors", seconds=30), measure("latency", seconds=75))
    assert [asked(both, at) for at in (30, 60, 90, 120, 150)] == [
        ["errors"],
        ["errors"],
        ["errors", "latency"],
        ["errors"],
        ["errors", "latency"],
    ]


@pytest.mark.parametrize(
    ("bake", "at"),
    [
        pytest.param(baking(10, 70), 65, id="five seconds before its end"),
        pytest.param(baking(10, 12), 11.5, id="in its last quarter where it is short"),
    ],
)
def test_a_bake_is_looked_at_shortly_before_its_end(bake: Bake, at: float) -> None:
    of = step(measure(seconds=3600), bake=bake)
    assert (name(of, at - 0.1), name(of, at)) == (None, "last")
    assert asked(of, at) == ["errors"]
    assert next_at(of, after(1)) == after(at)
    assert next_at(of, after(at)) == after(3600)


def test_looks_go_on_after_a_bake_that_nothing_was_known_of() -> None:
    of = step(bake=baking(1, 11))
    assert (name(of, 59), name(of, 60)) == ("last", "1")


def test_a_query_is_told_what_it_is_about() -> None:
    query = (
        'x{v="$version",d="$digest",s="$stage",m="$model",t=~"$targets"}[$window]'
        " $1 $versions $unknown"
    )
    assert filled(query, step(), NEW, after(120.9)) == (
        f'x{{v="7",d="{NEW.digest}",s="prod",m="acme/fraud",t=~"eu-1|us_2"}}[120s]'
        " $1 $versions $unknown"
    )


@pytest.mark.parametrize("word", sorted(PLACEHOLDERS))
def test_every_word_that_a_policy_may_use_is_filled_in(word: str) -> None:
    assert "$" not in filled(f"${word}", step(), NEW, after(1))


def test_a_window_lasts_a_second_at_least() -> None:
    assert filled("$window", step(), NEW, after(0.2)) == "1s"


def test_candidate_and_champion_are_asked_the_same_and_samples_once() -> None:
    of = step(measure(samples="count($version)"))
    look = latest(of, after(60))
    assert look is not None
    assert list(questions(of, look, after(60))) == [
        Question("candidate", "errors", 'errors{version="7"}'),
        Question("champion", "errors", 'errors{version="6"}'),
        Question("candidate", "errors", "count(7)", is_count=True),
    ]


def test_where_nothing_was_stable_no_champion_is_asked_of() -> None:
    of = step(champion=None)
    look = latest(of, after(60))
    assert look is not None
    assert [each.variant for each in questions(of, look, after(60))] == ["candidate"]


def recorded(
    of: Step, answers: dict[tuple[str, str, bool], float], seconds: float = 60
) -> RecordAnalysis | None:
    look = latest(of, after(seconds))
    assert look is not None
    known = {
        each: answers[each.variant, each.metric, each.is_count]
        for each in questions(of, look, after(seconds))
        if (each.variant, each.metric, each.is_count) in answers
    }
    due = record(of, look, known, after(seconds))
    if due is None:
        return None
    assert (due.id, due.cause, due.correlation) == (look.id, event(7), STORY)
    assert isinstance(due.command, RecordAnalysis)
    return due.command


ERRORS, CHAMPIONS = ("candidate", "errors", False), ("champion", "errors", False)
COUNT = ("candidate", "errors", True)


def test_what_was_measured_is_of_the_steps_own_time() -> None:
    said = recorded(step(), {ERRORS: 0.25, CHAMPIONS: 0.125})
    assert said == RecordAnalysis(
        model=ModelName("acme/fraud"),
        promotion=PromotionId(31),
        wave=1,
        step=2,
        metrics={"candidate": {"errors": 0.25}, "champion": {"errors": 0.125}},
        samples=1,
        from_at=BEGUN,
        until_at=after(59),
    )


def test_a_record_never_ends_before_it_begins() -> None:
    said = recorded(step(bake=baking(0, 1)), {ERRORS: 1}, 0.8)
    assert said is not None
    assert said.until_at == after(0.8)


def test_nothing_known_of_the_candidate_is_no_record() -> None:
    assert recorded(step(measure(samples="n")), {CHAMPIONS: 1, COUNT: 9}) is None


@pytest.mark.parametrize(
    ("counted", "samples"),
    [(512.9, 512), (0, 0), (-3, 0), (None, 0), (1e300, 2**53 - 1)],
)
def test_samples_are_counted_whole(counted: float | None, samples: int) -> None:
    answers = {ERRORS: 1.0} | ({} if counted is None else {COUNT: counted})
    said = recorded(step(measure(samples="n")), answers)
    assert said is not None
    assert said.samples == samples


def test_of_several_counts_the_fewest_counts() -> None:
    of = step(
        measure("errors", samples="n"),
        measure("latency", samples="n"),
        measure("rate"),
        measure("unknown", samples="n"),
    )
    answers = {
        **dict.fromkeys((("candidate", m, False) for m in ("latency", "rate")), 1.0),
        ERRORS: 1.0,
        COUNT: 50,
        ("candidate", "latency", True): 20,
    }
    said = recorded(of, answers)
    assert said is not None
    assert said.samples == 20


def test_a_later_look_has_another_id() -> None:
    first, second = latest(step(), after(60)), latest(step(), after(120))
    other = latest(replace(step(), event=event(8)), after(60))
    assert first
    assert second
    assert other
    assert len({first.id, second.id, other.id}) == 3
