"""What runs beside another stage has something to run beside, and leaves it enough."""

from typing import Any

import pytest

from tests.services.policy.written import (
    canary,
    challenger,
    errors,
    shadow,
    soak,
    stage,
    warnings,
)

PROD = stage("prod", targets=["eu-1", "us-1"])


def beside(parent: str = "prod", name: str = "side", **said: Any) -> dict[str, Any]:
    return stage(name, **{"beside": parent, "strategy": shadow(), **said})


def told(*sides: dict[str, Any], **spec: Any) -> list[str]:
    found = errors(PROD, *sides, **spec)
    return [each.removeprefix("spec.stages[1].") for each in found]


def test_a_stage_runs_beside_one_with_targets() -> None:
    assert told(beside()) == []
    assert errors(beside(), PROD) == []
    assert told(beside(strategy=challenger())) == []
    assert told(beside("prd")) == [
        "beside: there is no stage `prd`; did you mean `prod`?"
    ]
    assert told(beside("side")) == [
        "beside: a stage cannot run beside itself; name a stage with targets of its own"
    ]
    assert told(beside("record"), stage("record")) == [
        "beside: `record` has no targets to run on; "
        "name a stage with targets of its own"
    ]
    assert told(beside("other"), beside("prod", name="other")) == [
        "beside: `other` runs beside `prod` itself; "
        "name a stage with targets of its own"
    ]


def test_stages_do_not_run_beside_each_other() -> None:
    found = errors(beside("b", name="a"), beside("a", name="b"))
    assert [each.split("; ")[0] for each in found] == [
        "spec.stages[0].beside: `b` runs beside `a` itself",
        "spec.stages[1].beside: `a` runs beside `b` itself",
    ]


@pytest.mark.parametrize("name", ["shadow", "challenger"])
def test_what_shares_requests_shares_those_of_a_stage(name: str) -> None:
    strategy = shadow() if name == "shadow" else challenger()
    said = (
        "the stage is beside no other that has requests to share; "
        "add `beside: ...`, the stage on whose targets it runs"
    )
    assert told(stage("side", strategy=strategy)) == [f"strategy.{name}: {said}"]
    with_targets = stage("side", strategy=strategy, targets=["eu-1"])
    assert told(with_targets) == [f"strategy.{name}: {said}"]


@pytest.mark.parametrize("strategy", [{}, {"all_at_once": {"bake": "1h"}}, canary()])
def test_what_runs_beside_another_gets_copies_or_a_share(
    strategy: dict[str, Any],
) -> None:
    assert told(beside(strategy=strategy)) == [
        "strategy: what runs beside another gets copies of its requests, or a share; "
        "write `strategy: {shadow: ...}` or `strategy: {challenger: ...}`"
    ]


def test_what_runs_beside_another_has_nothing_of_its_own_to_say() -> None:
    assert told(beside(targets=["eu-1"])) == [
        "targets: what runs beside `prod` runs on the targets of `prod`; leave it out"
    ]
    assert told(beside(drift="correct")) == [
        "drift: the targets are those of `prod`, which says what drift comes to; "
        "write it in `prod`"
    ]
    assert told(beside(drift="alert")) == []
    assert told(beside(rollback={"when": ["failed"]})) == [
        "rollback.when: what runs beside another replaces nothing that could come "
        "back; leave it out"
    ]


def test_challengers_leave_the_stable_version_something_to_answer() -> None:
    def shares(*written: str, parents: str = "pp") -> list[str]:
        names = {"p": "prod", "q": "qa"}
        sides = (
            beside(names[parent], f"s{n}", strategy=challenger(share=share))
            for n, (share, parent) in enumerate(zip(written, parents, strict=False))
        )
        return told(*sides, stage("qa", targets=["eu-1"]))

    said = "it leaves the stable version of `prod` nothing to answer"
    path = "strategy.challenger.share"
    assert shares("99%") == []
    assert shares("100%") == [f"{path}: {said}; write at most 99%"]
    assert shares("60%", "39%") == []
    second = f"spec.stages[2].{path}: {said}"
    assert shares("60%", "40%") == [f"{second}; write at most 39%"]
    assert shares("98%", "2%") == [f"{second}; write at most 1%"]
    assert shares("99%", "1%") == [f"{second}; leave one of the stages out"]
    assert shares("60%", "40%", parents="pq") == []


def test_no_request_is_copied_twice() -> None:
    def samples(*written: str) -> list[str]:
        sides = (
            beside(name=f"s{n}", strategy=shadow(sample=sample))
            for n, sample in enumerate(written)
        )
        return told(*sides)

    assert samples("100%") == []
    assert samples("50%", "50%") == []
    assert samples("50%", "51%") == [
        "spec.stages[2].strategy.shadow.sample: with it more requests are copied "
        "than `prod` has; write at most 50%"
    ]


def test_copies_take_nothing_from_anybody() -> None:
    copies = beside(name="copies", strategy=shadow(sample="100%"))
    assert told(copies, beside(strategy=challenger(share="99%"))) == []


def test_a_challenger_splits_by_a_part_of_a_request() -> None:
    assert told(beside(strategy=challenger(split_key="field:user"))) == []
    assert told(beside(strategy=challenger(split_key="user"))) == [
        "strategy.challenger.split_key: `user` names no part of a request; "
        "write `header:NAME`, `cookie:NAME`, `query:NAME` or `field:NAME`"
    ]


def test_nothing_asks_what_stays_in_a_stage_that_versions_only_pass() -> None:
    said = (
        "no version stays in `side`: it only runs there for a while; "
        "name a stage that versions stay in"
    )
    after = {"stages": ["side"]}
    last = stage("last", after=after, targets=["eu-1"])
    assert told(beside(), last) == []
    assert told(beside(), {**last, "gates": [soak("side")]}) == [
        f"spec.stages[2].gates[0].in: {said}"
    ]
    live = {**last, "after": {**after, "still_live": True}}
    assert told(beside(), live) == [f"spec.stages[2].after.stages[0]: {said}"]
    assert told(beside(), aliases={"follow": {"live": "side"}}) == [
        f"spec.aliases.follow.live: {said}"
    ]
    assert told(beside(), aliases={"follow": {"live": "prod"}}) == []


def test_a_parent_may_come_after_what_runs_beside_it() -> None:
    first = stage("staging", targets=["eu-1"])
    side = beside(after={"stages": ["staging"]})
    prod = {**PROD, "after": {"stages": ["staging", "side"]}}
    assert errors(first, side, prod) == []


def test_a_circle_through_a_stage_beside_another_is_one() -> None:
    side = beside(after={"stages": ["prod"]})
    found = errors(side, {**PROD, "after": {"stages": ["side"]}})
    assert [each.split(", ")[0] for each in found] == [
        "spec.stages[0].after.stages: `side` comes after itself",
        "spec.stages[1].after.stages: `prod` comes after itself",
    ]


def test_whoever_shadows_is_told_which_models_may_be() -> None:
    said = (
        "spec.stages[1].strategy.shadow: only a model registered as free of side "
        "effects may be shadowed; register the models with `side_effect_free: true`"
    )
    assert said in warnings(PROD, beside())
    assert said not in warnings(PROD, beside(strategy=challenger()))
