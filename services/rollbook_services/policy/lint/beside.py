"""Can versions run beside those of another stage, and leave them enough?"""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from rollbook.catalogue.lane import DriftPolicy
from rollbook.names import StageName
from rollbook_services.policy.document import Policy
from rollbook_services.policy.fault import Fault, nearest
from rollbook_services.policy.gates.soak import Soak
from rollbook_services.policy.lint.places import each, fault, gates, stages
from rollbook_services.policy.lint.rollout import split_key
from rollbook_services.policy.stage import Stage
from rollbook_services.policy.strategy import WHOLE, Share, Strategy

_CHOICE: Final = "write `strategy: {shadow: ...}` or `strategy: {challenger: ...}`"


def faults(policy: Policy) -> Iterator[Fault]:
    """Find stages that have nothing to run beside, or not as they are written."""
    for path, stage in stages(policy):
        if stage.beside is None:
            yield from _alone(path, stage)
        else:
            yield from _parent(f"{path}.beside", stage, stage.beside, policy)
            yield from _itself(path, stage, stage.beside)
        if stage.strategy.challenger is not None:
            at = f"{path}.strategy.challenger"
            yield from split_key(at, stage.strategy.challenger.split_key)
    yield from _shares(policy)
    yield from _stays(policy)


def warnings(policy: Policy) -> Iterator[Fault]:
    """Say which models may be shadowed: what they do to others is done twice."""
    for path, stage in stages(policy):
        if stage.strategy.shadow is not None:
            message = "only a model registered as free of side effects may be shadowed"
            remedy = "register the models with `side_effect_free: true`"
            yield fault(f"{path}.strategy.shadow", message, remedy)


def _alone(path: str, stage: Stage) -> Iterator[Fault]:
    for name in ("shadow", "challenger"):
        if getattr(stage.strategy, name) is not None:
            message = "the stage is beside no other that has requests to share"
            remedy = "add `beside: ...`, the stage on whose targets it runs"
            yield fault(f"{path}.strategy.{name}", message, remedy)


def _parent(
    path: str, stage: Stage, name: StageName, policy: Policy
) -> Iterator[Fault]:
    parent = policy.stage(name)
    remedy = "name a stage with targets of its own"
    if name == stage.name:
        yield fault(path, "a stage cannot run beside itself", remedy)
    elif parent is None:
        others = [each for each in policy.names() if each != stage.name]
        yield fault(path, f"there is no stage `{name}`", nearest(name, others))
    elif parent.beside is not None:
        message = f"`{name}` runs beside `{parent.beside}` itself"
        yield fault(path, message, remedy)
    elif not parent.targets:
        yield fault(path, f"`{name}` has no targets to run on", remedy)


def _itself(path: str, stage: Stage, parent: StageName) -> Iterator[Fault]:
    if stage.targets:
        message = f"what runs beside `{parent}` runs on the targets of `{parent}`"
        yield fault(f"{path}.targets", message, "leave it out")
    if not stage.strategy.is_beside:
        message = "what runs beside another gets copies of its requests, or a share"
        yield fault(f"{path}.strategy", message, _CHOICE)
    if stage.drift is not DriftPolicy.ALERT:
        message = f"the targets are those of `{parent}`, which says what drift comes to"
        yield fault(f"{path}.drift", message, f"write it in `{parent}`")
    if stage.rollback.when:
        message = "what runs beside another replaces nothing that could come back"
        yield fault(f"{path}.rollback.when", message, "leave it out")


def _shares(policy: Policy) -> Iterator[Fault]:
    """Leave the stable version something to answer, and copy no request twice."""
    taken: Counter[tuple[StageName, str]] = Counter()
    for path, stage in stages(policy):
        if stage.beside is None:
            continue
        for key, share, most, message in _wishes(stage.strategy, stage.beside):
            left = most - taken[stage.beside, key]
            if share > left:
                yield fault(f"{path}.strategy.{key}", message, _at_most(left))
            else:
                taken[stage.beside, key] += share


def _wishes(
    strategy: Strategy, parent: StageName
) -> Iterator[tuple[str, int, int, str]]:
    """Return what a stage wants of its parent's requests, and all there is of it."""
    if strategy.challenger is not None:
        message = f"it leaves the stable version of `{parent}` nothing to answer"
        share = _percent(strategy.challenger.share)
        yield "challenger.share", share, WHOLE - 1, message
    if strategy.shadow is not None:
        message = f"with it more requests are copied than `{parent}` has"
        yield "shadow.sample", _percent(strategy.shadow.sample), WHOLE, message


def _percent(share: Share) -> int:
    return int(share.removesuffix("%"))


def _at_most(left: int) -> str:
    return f"write at most {left}%" if left else "leave one of the stages out"


def _stays(policy: Policy) -> Iterator[Fault]:
    """Nothing is stable in a stage beside another: what ends there leaves it."""
    passing = {stage.name for stage in policy.stages if stage.beside is not None}
    for path, name in _where_it_stays(policy):
        if name in passing:
            message = f"no version stays in `{name}`: it only runs there for a while"
            yield fault(path, message, "name a stage that versions stay in")


def _where_it_stays(policy: Policy) -> Iterator[tuple[str, StageName]]:
    """Return the stages of which something asks what is stable there."""
    for alias, name in policy.spec.aliases.follow.items():
        yield f"spec.aliases.follow.{alias}", name
    for path, stage in stages(policy):
        for at, soak in gates(path, stage, Soak):
            yield f"{at}.in", soak.stage
        if stage.after is not None and stage.after.still_live:
            yield from each(f"{path}.after.stages", stage.after.stages)
