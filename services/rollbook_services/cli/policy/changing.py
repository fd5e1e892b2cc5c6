"""How does a version come onto the targets, and leave them, in plain sentences?"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from rollbook_services.cli.policy.joining import MODES, all_of, any_of, one_or_more

if TYPE_CHECKING:
    from rollbook_services.policy.stage import Stage
    from rollbook_services.policy.strategy import (
        AllAtOnce,
        Analysis,
        Canary,
        Challenger,
        MinSuccess,
        Shadow,
        Step,
    )

Line = tuple[str, str]
"""A heading, or nothing where the sentence goes on under the one before, and it."""

_DRIFT: Final = {
    "alert": "people are told, and nobody touches it",
    "correct": "its agent applies what is wanted once more",
    "require_acceptance": "no version comes next until a person accepts it, "
    "or it is gone",
}
_PARTS: Final = {
    "header": "header",
    "cookie": "cookie",
    "query": "query parameter",
    "field": "field",
}


def of_a_change(stage: "Stage") -> Iterator[Line]:
    """Say how a version comes onto the targets, and what it has to prove there."""
    if stage.beside is not None:
        yield from _beside(stage)
    elif not stage.targets:
        return
    elif stage.strategy.canary is not None:
        yield from _by_steps(stage.strategy.canary)
    else:
        yield from _at_once(stage.strategy.all_at_once)
    for rule in stage.strategy.analysis:
        yield from _analysis(rule, stage)
    yield "must be quick", _limits(stage)


def of_the_way_back(stage: "Stage") -> Iterator[Line]:
    """Say what brings the version before back, and how; and what drift comes to."""
    if stage.beside is not None:
        return
    when = any_of(stage.rollback.when)
    by_itself = f"by itself once it has {when}, or" if when else "only"
    yield "taken back", f"{by_itself} when a person asks for it"
    if stage.strategy.canary is not None:
        yield "", _way(stage)
    if stage.rollback.gates:
        yield "", f"even then {all_of(stage.rollback.gates)} must hold"
    if stage.targets:
        yield "if it drifts", _DRIFT[stage.drift]


def _way(stage: "Stage") -> str:
    if stage.rollback.profile == "fast":
        return "all targets at once, and nothing is proved again"
    return "by the same waves, steps, bakes and pauses; nothing is measured again"


def _at_once(rollout: "AllAtOnce") -> Iterator[Line]:
    from rollbook_services.policy.shape import write_duration

    yield "changed", f"all targets at once, {_enough(rollout.min_success)} apply it"
    if rollout.bake:
        yield "proves itself", f"for {write_duration(rollout.bake)} once it runs"


def _by_steps(canary: "Canary") -> Iterator[Line]:
    many = len(canary.waves)
    if many > 1:
        waves = ", then ".join(all_of(wave) for wave in canary.waves)
        yield "changed", f"in {many} waves: {waves}"
        yield "", "each wave goes through all steps before the next begins"
    else:
        yield "changed", "all targets together, step by step"
    yield "", f"steps: {', '.join(_step(each) for each in canary.steps)}"
    of = " of a wave" if many > 1 else ""
    yield "", f"{_enough(canary.min_success, of=of)} apply a step before it counts"
    yield "", _kept(canary.split_key)


def _step(step: "Step") -> str:
    from rollbook_services.policy.shape import write_duration

    if step.pause is not None:
        return f"a pause until a person with role {step.pause} lets it go on"
    bake = f" for {write_duration(step.bake)}" if step.bake else ""
    return f"{step.weight}% of the requests{bake}"


def _kept(split_key: str | None) -> str:
    if split_key is None:
        return "chance decides which version answers a request"
    part, _, name = split_key.partition(":")
    return f"requests with the same {_PARTS.get(part, part)} {name} meet one version"


def _enough(least: "MinSuccess", *, of: str = "") -> str:
    if least == "all":
        return f"all targets{of} have to"
    if isinstance(least, int):
        return (
            f"{one_or_more(least, 'target')}{of} {'has' if least == 1 else 'have'} to"
        )
    return f"{least} of the targets{of} have to"


def _analysis(rule: "Analysis", stage: "Stage") -> Iterator[Line]:
    from rollbook_services.policy.shape import write_duration

    at = "" if stage.strategy.canary is None else " at each step"
    mode = rule.mode or stage.mode
    said = f"{rule.metric}{at}: {rule.expr}{_least(rule.min_samples)}"
    yield "proves itself", said + MODES.get(mode, "")
    if mode == "enforce":
        bad = one_or_more(rule.failure_limit, "bad record", one="one")
        in_a_row = " in a row" if rule.failure_limit > 1 else ""
        yield (
            "",
            f"{bad}{in_a_row} and it failed; if too little is known when the bake "
            f"ends, it {rule.on_missing}s",
        )
    if rule.query is not None:
        often = write_duration(rule.every) if rule.every else "1m"
        yield "", f"asked of Prometheus every {often}: {rule.query}"


def _limits(stage: "Stage") -> str:
    from rollbook_services.policy.shape import write_duration

    allowed = stage.deadlines
    done = "done" if stage.strategy.canary is None else "each step applied"
    return (
        f"a first word within {write_duration(allowed.ack)}, {done} within "
        f"{write_duration(allowed.step)}, over within {write_duration(allowed.total)}"
    )


def _least(samples: int) -> str:
    return f", of {one_or_more(samples, 'sample')} or more" if samples else ""


def _beside(stage: "Stage") -> Iterator[Line]:
    shadow, challenger = stage.strategy.shadow, stage.strategy.challenger
    if shadow is not None:
        yield from _shadow(shadow)
    if challenger is not None:
        yield from _challenger(challenger)
    yield "", f"a new version in {stage.beside} ends it without a result"


def _shadow(shadow: "Shadow") -> Iterator[Line]:
    from rollbook_services.policy.shape import write_duration

    yield (
        "runs",
        f"for {write_duration(shadow.duration)} on copies of {shadow.sample} of the "
        "requests; its answers are thrown away",
    )
    yield "", f"what it shows is evidence of kind shadow{_least(shadow.min_samples)}"


def _challenger(challenger: "Challenger") -> Iterator[Line]:
    from rollbook_services.policy.shape import write_duration

    stop = challenger.stop
    sooner = f", or until {stop.or_when}" if stop.or_when else ""
    yield (
        "runs",
        f"for {write_duration(stop.after)}{sooner}, and answers {challenger.share} of "
        "the requests",
    )
    yield "", _kept(challenger.split_key)
    yield (
        "",
        f"compared by {challenger.metric}, {challenger.better} is better"
        f"{_least(challenger.min_samples)}",
    )
    yield "", "who wins is evidence of kind experiment, and replaces nothing"
