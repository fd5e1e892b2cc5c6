"""Are there people who can do what a policy asks of people?"""

from collections.abc import Iterator

from rollbook.names import RoleName
from rollbook_services.policy.document import Policy
from rollbook_services.policy.fault import Fault
from rollbook_services.policy.gates.approvals import Approvals
from rollbook_services.policy.lint.known import Known
from rollbook_services.policy.lint.places import each, fault, gates, stages
from rollbook_services.policy.lint.voters import most_filled, people
from rollbook_services.policy.shape import Mode
from rollbook_services.policy.stage import Stage


def faults(policy: Policy, known: Known) -> Iterator[Fault]:
    """Find approvals that the people there are could never give."""
    if known.holders:
        for path, stage in stages(policy):
            yield from _approvals(path, stage, known)


def warnings(policy: Policy, known: Known) -> Iterator[Fault]:
    """Find roles that nobody holds, where it is known who holds which."""
    held = {role for roles in known.holders.values() for role in roles}
    for path, role in _roles(policy) if held else ():
        if role not in held:
            remedy = "let somebody hold it, or name another role"
            yield fault(path, f"nobody is known to hold `{role}`", remedy)
    for path, stage in stages(policy):
        yield from _second_persons(path, stage, known)


def _approvals(path: str, stage: Stage, known: Known) -> Iterator[Fault]:
    asked = [
        (at, gate)
        for at, gate in gates(path, stage, Approvals)
        if (gate.mode or stage.mode) is Mode.ENFORCE
    ]
    found = [each for at, gate in asked for each in _gate(at, gate, stage, known)]
    yield from found
    if not found:  # a person counts once, at whichever gate
        always = [gate for _, gate in asked if gate.when is None]
        seats = [role for gate in always for role in gate.seats()]
        yield from _together(f"{path}.gates", seats, stage, known)


def _gate(path: str, gate: Approvals, stage: Stage, known: Known) -> list[Fault]:
    found = []
    for at, slot in each(f"{path}.slots", gate.slots):
        filled = most_filled([slot.role] * slot.count, stage, known)
        if filled < slot.count:
            message = (
                f"{slot.count} with the role `{slot.role}` have to approve, and of "
                f"those who may hold it {filled or 'nobody'}"
            )
            remedy = f"let {slot.count - filled} more hold it, or ask for fewer"
            found.append(fault(f"{at}.count", message, remedy))
    return found or [*_together(f"{path}.slots", gate.seats(), stage, known)]


def _together(
    path: str, seats: list[RoleName], stage: Stage, known: Known
) -> Iterator[Fault]:
    filled = most_filled(seats, stage, known)
    if filled < len(seats):
        message = (
            f"{len(seats)} different people have to approve, and those who may can "
            f"fill {filled} of the slots"
        )
        yield fault(path, message, "let more people hold the roles, or ask for fewer")


def _roles(policy: Policy) -> Iterator[tuple[str, RoleName]]:
    control = policy.spec.change_control
    if control.endorsements:
        yield "spec.change_control.role", control.role
    yield from each("spec.freeze_by", policy.spec.freeze_by)
    yield from _slots(policy)
    for path, stage in stages(policy):
        yield from _pauses(path, stage)
        for at, glass in each(f"{path}.break_glass", stage.break_glass):
            yield from each(f"{at}.roles", glass.roles)
            if glass.escalation_role is not None:
                yield f"{at}.escalation_role", glass.escalation_role


def _slots(policy: Policy) -> Iterator[tuple[str, RoleName]]:
    for path, stage in stages(policy):
        for at, gate in gates(path, stage, Approvals):
            for inside, slot in each(f"{at}.slots", gate.slots):
                yield f"{inside}.role", slot.role


def _pauses(path: str, stage: Stage) -> Iterator[tuple[str, RoleName]]:
    canary = stage.strategy.canary
    steps = canary.steps if canary is not None else ()
    for at, step in each(f"{path}.strategy.canary.steps", steps):
        if step.pause is not None:
            yield f"{at}.pause", step.pause


def _second_persons(path: str, stage: Stage, known: Known) -> Iterator[Fault]:
    able = people(known).values()
    for at, glass in each(f"{path}.break_glass", stage.break_glass):
        count = sum(not roles.isdisjoint(glass.roles) for roles in able)
        if glass.second_person and count == 1:
            message = "one person alone holds the roles, and a second has to confirm"
            remedy = "let another person hold one of them"
            yield fault(f"{at}.roles", message, remedy)
