"""Does a policy promise something that it cannot keep?"""

from collections.abc import Iterator

from rollbook.catalogue.lane import DriftPolicy
from rollbook.refusals import one_of
from rollbook_services.policy.document import Policy
from rollbook_services.policy.fault import Fault
from rollbook_services.policy.gates.approvals import Approvals
from rollbook_services.policy.lint.places import (
    analyses,
    each,
    fault,
    gates,
    rollout,
    said_at,
    stages,
)
from rollbook_services.policy.shape import Mode
from rollbook_services.policy.stage import Profile, Stage


def faults(policy: Policy) -> Iterator[Fault]:
    """Find what looks like a guard and guards nothing."""
    for path, stage in stages(policy):
        if stage.beside is None:
            yield from _rollback(path, stage)
            yield from _drift(path, stage)
        if stage.protected:
            yield from _approvals(policy, path, stage)


def warnings(policy: Policy) -> Iterator[Fault]:
    """Find places where one person may do everything alone."""
    *_, (path, last) = stages(policy)
    if not last.approvals():
        message = f"nobody has to approve what comes to `{last.name}`, the last stage"
        yield fault(f"{path}.gates", message, "add a gate of kind `approvals`")
    for path, stage in stages(policy):
        for at, glass in each(f"{path}.break_glass", stage.break_glass):
            if not glass.second_person:
                message = f"one person alone may break the glass of `{glass.name}`"
                yield fault(f"{at}.second_person", message, "write true")
        if stage.rollback.profile is Profile.SAME:
            yield from _the_same_way_back(path, stage)


def _rollback(path: str, stage: Stage) -> Iterator[Fault]:
    """Ask for something that could ever say so (design/promotion.md §2.3, §4.2)."""
    judged = any(
        (rule.mode or stage.mode) is Mode.ENFORCE for _, rule in analyses(path, stage)
    )
    for at, outcome in each(f"{path}.rollback.when", stage.rollback.when):
        if not stage.targets:
            how = "fail" if outcome == "failed" else "end in an error"
            message = f"nothing is deployed here that could {how}"
            yield fault(at, message, "name the stage's targets, or leave it out")
        elif outcome == "failed" and not judged:
            key = rollout(path, stage).removeprefix(f"{path}.")
            message = "no analysis with mode enforce ever says that a version failed"
            yield fault(at, message, f"add one under `{key}.analysis`")


def _drift(path: str, stage: Stage) -> Iterator[Fault]:
    if stage.drift is not DriftPolicy.ALERT and not stage.targets:
        message = "nothing is deployed here that could drift"
        remedy = "name the stage's targets, or leave it out"
        yield fault(f"{path}.drift", message, remedy)


def _the_same_way_back(path: str, stage: Stage) -> Iterator[Fault]:
    """Warn of a way back that is no other, or stands still until somebody comes."""
    at, canary = f"{path}.rollback.profile", stage.strategy.canary
    if canary is None:
        message = "there are no steps to go back by: all targets change at once anyway"
        yield fault(at, message, "leave it out")
        return
    roles = sorted({step.pause for step in canary.steps if step.pause is not None})
    if roles:
        message = (
            f"a rollback stands still at each pause too, until {one_of(roles)} acts"
        )
        yield fault(at, message, "write `fast`, unless that is meant")


def _approvals(policy: Policy, path: str, stage: Stage) -> Iterator[Fault]:
    for at, gate in gates(path, stage, Approvals):
        mode = gate.mode or stage.mode
        if mode is Mode.ENFORCE:
            continue
        inherited = said_at(policy, path, stage, key="mode")
        place = f"{at}.mode" if gate.mode else inherited
        message = f"the stage is protected, and with mode {mode} nobody has to approve"
        yield fault(place, message, f"write `mode: enforce` at {at}")
