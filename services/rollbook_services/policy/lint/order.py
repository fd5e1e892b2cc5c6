"""Can a version go from stage to stage as the policy says?"""

from collections.abc import Iterator, Mapping

from rollbook.names import StageName
from rollbook_services.policy.document import Policy
from rollbook_services.policy.fault import Fault, choice, nearest
from rollbook_services.policy.gates.soak import Soak
from rollbook_services.policy.lint.places import each, fault, gates, said_at, stages
from rollbook_services.policy.shape import AutoPromote, OnRebase, Queue
from rollbook_services.policy.stage import Stage

Upstream = Mapping[StageName, tuple[StageName, ...]]


def faults(policy: Policy) -> Iterator[Fault]:
    """Find stages that come after nothing, or after themselves."""
    upstream = {
        stage.name: stage.after.stages if stage.after else () for stage in policy.stages
    }
    for path, stage in stages(policy):
        yield from _after(path, stage, upstream)
        yield from _soaks(path, stage, upstream)
        yield from _queue(policy, path, stage)
        if stage.auto_promote is AutoPromote.MATCH_UPSTREAM and stage.after is None:
            message = "there is nothing upstream to match"
            remedy = "add `after`, or write `auto_promote: newest_eligible`"
            yield fault(f"{path}.auto_promote", message, remedy)


def before(stage: StageName, upstream: Upstream) -> set[StageName]:
    """Return every stage that a version may pass on its way."""
    found: set[StageName] = set()
    left = [*upstream.get(stage, ())]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += upstream.get(name, ())
    return found


def _after(path: str, stage: Stage, upstream: Upstream) -> Iterator[Fault]:
    inside = f"{path}.after.stages"
    for at, name in each(inside, upstream[stage.name] if stage.after else ()):
        if name not in upstream:
            remedy = nearest(name, upstream.keys() - {stage.name})
            yield fault(at, f"there is no stage `{name}`", remedy)
    if stage.name in before(stage.name, upstream):
        message = f"`{stage.name}` comes after itself, so no version ever gets there"
        yield fault(inside, message, f"leave out {_back(stage, upstream)}")


def _back(stage: Stage, upstream: Upstream) -> str:
    """Name the stages that lead back to where they come from."""
    ways = upstream[stage.name]
    return choice(
        sorted(
            {
                way
                for way in ways
                if way == stage.name or stage.name in before(way, upstream)
            }
        )
    )


def _soaks(path: str, stage: Stage, upstream: Upstream) -> Iterator[Fault]:
    earlier = before(stage.name, upstream) - {stage.name}
    for at, soak in gates(path, stage, Soak):
        if soak.stage not in earlier:
            message = f"no version comes through `{soak.stage}` on its way here"
            remedy = nearest(soak.stage, earlier & upstream.keys())
            if not earlier:
                remedy = f"add `after: {{stages: [{soak.stage}]}}` to the stage"
            yield fault(f"{at}.in", message, remedy)


def _queue(policy: Policy, path: str, stage: Stage) -> Iterator[Fault]:
    if stage.queue is Queue.FIFO and stage.on_rebase is not OnRebase.REVALIDATE:
        place = said_at(policy, path, stage, key="queue")
        message = "in `fifo` each one changes what the next one in line replaces"
        yield fault(place, message, "write `on_rebase: revalidate` beside it")
