"""A version can go from stage to stage as the policy says."""

from typing import Any

from rollbook.names import StageName
from rollbook_services.policy.lint.order import before
from tests.services.policy.written import errors, soak, stage


def after(*stages: str) -> dict[str, Any]:
    return {"stages": list(stages)}


def test_a_stage_comes_after_one_that_is_there() -> None:
    found = errors(stage("staging"), stage("prod", after=after("staging", "stagign")))
    assert found == [
        "spec.stages[1].after.stages[1]: there is no stage `stagign`; "
        "did you mean `staging`?"
    ]


def test_a_stage_may_stand_before_the_one_it_comes_after() -> None:
    assert errors(stage("prod", after=after("staging")), stage("staging")) == []


def test_no_stage_comes_after_itself() -> None:
    assert errors(stage("prod", after=after("prod"))) == [
        "spec.stages[0].after.stages: `prod` comes after itself, so no version ever "
        "gets there; leave out `prod`"
    ]


def test_stages_in_a_circle_are_all_named() -> None:
    found = errors(
        stage("a", after=after("c")),
        stage("b", after=after("a", "root")),
        stage("c", after=after("b")),
        stage("root"),
        stage("leaf", after=after("c")),
    )
    assert found == [
        "spec.stages[0].after.stages: `a` comes after itself, so no version ever "
        "gets there; leave out `c`",
        "spec.stages[1].after.stages: `b` comes after itself, so no version ever "
        "gets there; leave out `a`",
        "spec.stages[2].after.stages: `c` comes after itself, so no version ever "
        "gets there; leave out `b`",
    ]


def test_ways_that_meet_again_are_no_circle() -> None:
    found = errors(
        stage("a"),
        stage("b", after=after("a")),
        stage("c", after=after("a")),
        stage("d", after=after("b", "c")),
    )
    assert found == []


def test_everything_on_the_way_is_before_a_stage() -> None:
    a, b, c = StageName("a"), StageName("b"), StageName("c")
    assert before(c, {c: (b,), b: (a,), a: ()}) == {a, b}
    assert before(a, {a: (b,), b: (a,)}) == {a, b}


def test_a_version_soaks_where_it_comes_through() -> None:
    early, middle = stage("dev"), stage("staging", after=after("dev"))
    assert (
        errors(early, middle, stage(after=after("staging"), gates=[soak("dev")])) == []
    )
    found = errors(early, middle, stage(after=after("staging"), gates=[soak("stagin")]))
    assert found == [
        "spec.stages[2].gates[0].in: no version comes through `stagin` on its way "
        "here; did you mean `staging`?"
    ]


def test_a_stage_that_comes_after_none_has_no_soak() -> None:
    assert errors(stage("staging"), stage("prod", gates=[soak("staging")])) == [
        "spec.stages[1].gates[0].in: no version comes through `staging` on its way "
        "here; add `after: {stages: [staging]}` to the stage"
    ]


def test_a_queue_in_order_judges_again() -> None:
    said = (
        "in `fifo` each one changes what the next one in line replaces; "
        "write `on_rebase: revalidate` beside it"
    )
    assert errors(stage(queue="fifo")) == [f"spec.stages[0].queue: {said}"]
    assert errors(defaults={"queue": "fifo"}) == [f"spec.defaults.queue: {said}"]
    assert errors(stage(queue="fifo", on_rebase="revalidate")) == []
    assert errors(stage(queue="fifo"), defaults={"on_rebase": "revalidate"}) == []


def test_automation_matches_what_is_upstream() -> None:
    assert errors(stage(auto_promote="match_upstream")) == [
        "spec.stages[0].auto_promote: there is nothing upstream to match; "
        "add `after`, or write `auto_promote: newest_eligible`"
    ]
