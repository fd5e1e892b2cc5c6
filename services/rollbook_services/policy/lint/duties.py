"""Does a policy promise something that it cannot keep?"""

from collections.abc import Iterator

from rollbook_services.policy.document import Policy
from rollbook_services.policy.fault import Fault
from rollbook_services.policy.gates.approvals import Approvals
from rollbook_services.policy.lint.places import each, fault, gates, said_at, stages
from rollbook_services.policy.shape import Mode
from rollbook_services.policy.stage import Stage


def faults(policy: Policy) -> Iterator[Fault]:
    """Find what looks like a guard and guards nothing."""
    for path, stage in stages(policy):
        yield from _rollback(path, stage)
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


def _rollback(path: str, stage: Stage) -> Iterator[Fault]:
    """Ask for something that could ever say so (design/promotion.md §2.3, §4.2)."""
    analyses = stage.strategy.all_at_once.analysis
    judged = any((each.mode or stage.mode) is Mode.ENFORCE for each in analyses)
    for at, outcome in each(f"{path}.rollback.when", stage.rollback.when):
        if outcome == "failed" and not judged:
            message = "no analysis with mode enforce ever says that a version failed"
            remedy = "add one under `strategy.all_at_once.analysis`"
            yield fault(at, message, remedy)
        elif outcome == "errored" and not judged and not stage.targets:
            message = "nothing is deployed here that could end in an error"
            yield fault(at, message, "name the stage's targets, or leave it out")


def _approvals(policy: Policy, path: str, stage: Stage) -> Iterator[Fault]:
    for at, gate in gates(path, stage, Approvals):
        mode = gate.mode or stage.mode
        if mode is Mode.ENFORCE:
            continue
        inherited = said_at(policy, path, stage, key="mode")
        place = f"{at}.mode" if gate.mode else inherited
        message = f"the stage is protected, and with mode {mode} nobody has to approve"
        yield fault(place, message, f"write `mode: enforce` at {at}")
