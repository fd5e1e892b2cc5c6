"""Is what a version has to prove ever measured, and told apart?"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from rollbook_services.policy.document import Policy
from rollbook_services.policy.fault import Fault, nearest
from rollbook_services.policy.lint.places import (
    analyses,
    each,
    fault,
    rollout,
    stages,
)
from rollbook_services.policy.query import PLACEHOLDERS, unknown
from rollbook_services.policy.shape import Mode, write_duration
from rollbook_services.policy.stage import Stage
from rollbook_services.policy.strategy import Analysis

_OFTEN: Final = timedelta(seconds=30)  # the registrar takes no more records than that


def faults(policy: Policy) -> Iterator[Fault]:
    """Find queries that cannot be asked, and metrics that are judged twice."""
    for path, stage in stages(policy):
        first: dict[str, str] = {}
        counts = any(rule.samples_query for rule in stage.strategy.analysis)
        for at, rule in analyses(path, stage):
            if rule.metric in first:
                message = f"`{rule.metric}` is judged already: {first[rule.metric]}"
                yield fault(f"{at}.metric", message, "join the two by `&&`")
            first.setdefault(rule.metric, f"{at}.metric")
            yield from _query(at, rule)
            if rule.query is not None and rule.min_samples > 1 and not counts:
                message = "no query says on how many samples a record rests"
                remedy = "add `samples_query`, or leave `min_samples` out"
                yield fault(f"{at}.min_samples", message, remedy)


def warnings(policy: Policy) -> Iterator[Fault]:
    """Find what is likely not measured in time, or not at all."""
    queries = [
        f"{at}.query"
        for path, stage in stages(policy)
        for at, rule in analyses(path, stage)
        if rule.query is not None
    ]
    if queries:
        message = "the conductor asks a Prometheus server, where it knows of one"
        yield fault(queries[0], message, "see that `prometheus.url` is set for it")
    for path, stage in stages(policy):
        yield from _bakes(path, stage)


def _query(at: str, rule: Analysis) -> Iterator[Fault]:
    if rule.query is None:
        for key in ("samples_query", "every"):
            if getattr(rule, key) is not None:
                message = "without a `query` nothing is asked"
                yield fault(f"{at}.{key}", message, "add `query`, or leave it out")
        return
    for key, asked in (("query", rule.query), ("samples_query", rule.samples_query)):
        for word in unknown(asked or ""):
            message = f"nothing is filled in for `{word}`"
            known = [f"${name}" for name in PLACEHOLDERS]
            yield fault(f"{at}.{key}", message, nearest(word, known))
    if rule.every is not None and rule.every < _OFTEN:
        often = write_duration(_OFTEN)
        message = f"at most one record in {often} is taken"
        yield fault(f"{at}.every", message, f"write {often} or more")


def _bakes(path: str, stage: Stage) -> Iterator[Fault]:
    """Warn of steps that are over before anything could be measured."""
    for _, rule in analyses(path, stage):
        if (rule.mode or stage.mode) is Mode.ENFORCE:
            for at, bake in _steps(path, stage):
                if not bake:
                    message = f"there is no time in which `{rule.metric}` is measured"
                    remedy = f"write how long, or it {rule.on_missing}s there"
                    yield fault(at, message, remedy)
            return  # one is enough: the others have no time either


def _steps(path: str, stage: Stage) -> Iterator[tuple[str, timedelta]]:
    canary, at = stage.strategy.canary, rollout(path, stage)
    if canary is None:
        yield f"{at}.bake", stage.strategy.all_at_once.bake
        return
    for inside, step in each(f"{at}.steps", canary.steps):
        if step.weight is not None:
            yield f"{inside}.bake", step.bake
