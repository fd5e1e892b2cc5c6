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
        yield from _beside(policy, path, stage)
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
    (lasts, what), allowed = _lasts(stage), stage.deadlines
    needed = lasts + allowed.step
    if allowed.total < needed:
        message = (
            f"{write_duration(allowed.total)} in total end before a step of "
            f"{write_duration(allowed.step)} and {what} can"
        )
        remedy = f"write {write_duration(needed)} or more, or shorten the two"
        yield fault(f"{path}.deadlines.total", message, remedy)


def _lasts(stage: Stage) -> tuple[timedelta, str]:
    """Return how long a change takes that waits for nobody, and what takes so long."""
    if beside := _runs_beside(stage):
        return beside, f"{write_duration(beside)} beside `{stage.beside}`"
    canary = stage.strategy.canary
    if canary is None:
        bake = stage.strategy.all_at_once.bake
        return bake, f"a bake of {write_duration(bake)}"
    waves = len(canary.waves) or 1
    bakes = sum((step.bake for step in canary.steps), timedelta(0)) * waves
    in_waves = f" in {waves} waves" if waves > 1 else ""
    return bakes, f"bakes of {write_duration(bakes)}{in_waves}"


def _runs_beside(stage: Stage) -> timedelta:
    """Return how long a version runs beside another stage's; nothing: it does not."""
    shadow, challenger = stage.strategy.shadow, stage.strategy.challenger
    if shadow is not None:
        return shadow.duration
    return timedelta(0) if challenger is None else challenger.stop.after


def _beside(policy: Policy, path: str, stage: Stage) -> Iterator[Fault]:
    """Let a promotion live until what it comes after can be over."""
    after = stage.after
    earlier = [policy.stage(name) for name in after.stages] if after else []
    runs = [_runs_beside(each) for each in earlier if each is not None]
    if after is None or not runs:
        return
    longest = max(runs) if after.mode == "all" else min(runs)
    if stage.expires_after < longest:
        written = write_duration(longest)
        message = (
            f"a promotion expires before a stage it comes after ends its {written}"
        )
        place = said_at(policy, path, stage, key="expires_after")
        yield fault(place, message, f"write {written} or more")


def _limits(path: str, stage: Stage) -> Iterator[tuple[str, timedelta]]:
    yield f"{path}.expires_after", stage.expires_after
    for name in ("ack", "step", "total"):
        yield f"{path}.deadlines.{name}", getattr(stage.deadlines, name)
    if stage.strategy.shadow is not None:
        at = f"{path}.strategy.shadow.duration"
        yield at, stage.strategy.shadow.duration
    if stage.strategy.challenger is not None:
        at = f"{path}.strategy.challenger.stop.after"
        yield at, stage.strategy.challenger.stop.after
    for at, glass in each(f"{path}.break_glass", stage.break_glass):
        yield f"{at}.valid_for", glass.valid_for
        yield f"{at}.review_within", glass.review_within
