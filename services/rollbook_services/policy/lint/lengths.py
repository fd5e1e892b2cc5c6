"""Do the lengths of time in a policy leave room for each other?"""

from collections.abc import Iterator
from datetime import timedelta

from rollbook_services.policy.document import Policy
from rollbook_services.policy.fault import Fault
from rollbook_services.policy.gates.attestation import Attestation
from rollbook_services.policy.gates.evidence import Evidence
from rollbook_services.policy.gates.soak import Soak
from rollbook_services.policy.lint.places import each, fault, gates, said_at, stages
from rollbook_services.policy.shape import write_duration
from rollbook_services.policy.stage import Stage


def faults(policy: Policy) -> Iterator[Fault]:
    """Find lengths of time that something cannot fit into."""
    for path, stage in stages(policy):
        yield from _soak(policy, path, stage)
        yield from _deadlines(path, stage)
        yield from _targets(path, stage)
        for at, length in _limits(path, stage):
            if length <= timedelta(0):
                yield fault(at, "it is over when it begins", "write more than 0s")


def _soak(policy: Policy, path: str, stage: Stage) -> Iterator[Fault]:
    soaks = [soak for _, soak in gates(path, stage, Soak)]
    longest = max((soak.lasts for soak in soaks), default=timedelta(0))
    written = write_duration(longest)
    if stage.expires_after < longest:
        message = f"a promotion expires before the soak of {written} can end"
        place = said_at(policy, path, stage, key="expires_after")
        yield fault(place, message, f"write {written} or more")
    for at, gate in each(f"{path}.gates", stage.gates):
        if not isinstance(gate, Evidence | Attestation):
            continue
        if gate.max_age is not None and gate.max_age < longest:
            message = f"it is too old before the soak of {written} can end"
            yield fault(f"{at}.max_age", message, f"write {written} or more")


def _deadlines(path: str, stage: Stage) -> Iterator[Fault]:
    bake, allowed = stage.strategy.all_at_once.bake, stage.deadlines
    needed = bake + allowed.step
    if allowed.total < needed:
        message = (
            f"{write_duration(allowed.total)} in total end before a step of "
            f"{write_duration(allowed.step)} and a bake of {write_duration(bake)} can"
        )
        remedy = f"write {write_duration(needed)} or more, or shorten the two"
        yield fault(f"{path}.deadlines.total", message, remedy)


def _targets(path: str, stage: Stage) -> Iterator[Fault]:
    needed, there = stage.strategy.all_at_once.min_success, len(stage.targets)
    if isinstance(needed, int) and needed > there:
        message = f"{needed} targets have to succeed, and the stage has {there}"
        remedy = "write `all`, or name more targets"
        yield fault(f"{path}.strategy.all_at_once.min_success", message, remedy)


def _limits(path: str, stage: Stage) -> Iterator[tuple[str, timedelta]]:
    yield f"{path}.expires_after", stage.expires_after
    for name in ("ack", "step", "total"):
        yield f"{path}.deadlines.{name}", getattr(stage.deadlines, name)
    for at, glass in each(f"{path}.break_glass", stage.break_glass):
        yield f"{at}.valid_for", glass.valid_for
        yield f"{at}.review_within", glass.review_within
