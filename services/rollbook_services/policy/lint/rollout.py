"""Can a version go through the waves and steps of a stage to its end?"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from rollbook_services.policy.document import Policy
from rollbook_services.policy.fault import Fault, nearest
from rollbook_services.policy.lint.places import each, fault, rollout, stages
from rollbook_services.policy.stage import Stage
from rollbook_services.policy.strategy import WHOLE, Canary, Step, Strategy

_SPLIT_KEY: Final = re.compile(r"(header|cookie|query|field):[A-Za-z0-9_][\w.-]*", re.A)


def faults(policy: Policy) -> Iterator[Fault]:
    """Find waves and steps that no version could go through as it is meant."""
    for path, stage in stages(policy):
        canary = stage.strategy.canary
        if not stage.targets and stage.beside is None:
            yield from _nowhere(path, stage)
        elif canary is not None:
            yield from _waves(f"{path}.strategy.canary", canary, stage)
        if canary is not None:
            yield from _steps(f"{path}.strategy.canary.steps", canary.steps)
            yield from split_key(f"{path}.strategy.canary", canary.split_key)
        yield from _enough(path, stage)


def split_key(path: str, written: str | None) -> Iterator[Fault]:
    """Find a split key that no part of a request is called by."""
    if written is not None and _SPLIT_KEY.fullmatch(written) is None:
        message = f"`{written}` names no part of a request"
        remedy = "write `header:NAME`, `cookie:NAME`, `query:NAME` or `field:NAME`"
        yield fault(f"{path}.split_key", message, remedy)


def _nowhere(path: str, stage: Stage) -> Iterator[Fault]:
    """A stage that only keeps the record is entered at once, and proves nothing."""
    if stage.strategy != Strategy() and not stage.strategy.is_beside:
        message = "nothing is deployed here that a strategy could bring anywhere"
        remedy = "name the stage's targets, or leave it out"
        yield fault(f"{path}.strategy", message, remedy)


def _waves(path: str, canary: Canary, stage: Stage) -> Iterator[Fault]:
    first: dict[str, str] = {}
    for wave, names in each(f"{path}.waves", canary.waves):
        for at, name in each(wave, names):
            if name not in stage.targets:
                message = f"the stage has no target `{name}`"
                yield fault(at, message, nearest(name, stage.targets))
            elif name in first:
                message = f"`{name}` is in a wave already: {first[name]}"
                yield fault(at, message, "keep one of the two")
            first.setdefault(name, at)
    for name in stage.targets if canary.waves else ():
        if name not in first:
            message = f"`{name}` is in no wave, so no version ever comes to it"
            yield fault(f"{path}.waves", message, f"add `{name}` to a wave")


def _steps(path: str, steps: Sequence[Step]) -> Iterator[Fault]:
    written = list(each(path, steps))
    yield from _pauses(written)
    weights = [(at, step.weight) for at, step in written if step.weight is not None]
    for (_, before), (at, weight) in pairwise(weights):
        if weight <= before:
            message = f"the step before gives the version {before} percent already"
            remedy = "leave the step out"
            if before < WHOLE:
                remedy = f"write more than {before}, or {remedy}"
            yield fault(f"{at}.weight", message, remedy)
    most = max((weight for _, weight in weights), default=0)
    if most < WHOLE:
        message = f"the version never gets more than {most} percent of the requests"
        yield fault(path, message, f"add `{{weight: {WHOLE}}}` as the last step")


def _pauses(written: Sequence[tuple[str, Step]]) -> Iterator[Fault]:
    (first, begins), (last, ends) = written[0], written[-1]
    if begins.pause is not None:
        message = "it pauses before any target has the version"
        yield fault(f"{first}.pause", message, "put it behind a step with `weight`")
    if ends.pause is not None and len(written) > 1:
        message = "there is no step that the last pause keeps back"
        yield fault(f"{last}.pause", message, "put it before a step with `weight`")


def _enough(path: str, stage: Stage) -> Iterator[Fault]:
    """Ask for no more targets than a wave has; a share of them there always is."""
    needed, canary = stage.strategy.min_success, stage.strategy.canary
    if not isinstance(needed, int) or not stage.targets:
        return
    at = f"{rollout(path, stage)}.min_success"
    waves = list(each(f"{path}.strategy.canary.waves", canary.waves if canary else ()))
    wave, there = min(
        ((wave, len(names)) for wave, names in waves),
        key=lambda found: found[1],
        default=("the stage", len(stage.targets)),
    )
    if needed > there:
        message = f"{needed} targets have to succeed, and {wave} has {there}"
        remedy = "write `all`, or name more targets"
        if waves:
            remedy = "write `all` or a share like `80%`, or put more into the wave"
        yield fault(at, message, remedy)
