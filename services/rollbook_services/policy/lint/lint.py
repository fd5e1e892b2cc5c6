"""What is wrong with a policy, and what should its endorsers know?"""

from dataclasses import dataclass
from datetime import datetime

from rollbook_services.policy.document import Policy
from rollbook_services.policy.fault import Fault
from rollbook_services.policy.lint import (
    beside,
    binding,
    duties,
    expressions,
    lengths,
    measures,
    names,
    openings,
    order,
    people,
    rollout,
)
from rollbook_services.policy.lint.known import Known


@dataclass(frozen=True, slots=True)
class Report:
    """All that was found at once."""

    errors: tuple[Fault, ...]
    """Any of these, and the policy is refused."""
    warnings: tuple[Fault, ...]
    """Shown to those who endorse it."""


def lint(policy: Policy, known: Known, *, as_of: datetime) -> Report:
    """Look a policy over; windows are looked at from an instant on."""
    times = openings.open_times(policy, as_of=as_of)
    errors = (
        *names.faults(policy),
        *order.faults(policy),
        *lengths.faults(policy),
        *rollout.faults(policy),
        *beside.faults(policy),
        *measures.faults(policy),
        *openings.faults(policy, times),
        *people.faults(policy, known),
        *duties.faults(policy),
        *expressions.faults(policy),
        *binding.ties(policy, known),
        *binding.stages_in_use(policy, known),
    )
    warnings = (
        *binding.warnings(policy),
        *people.warnings(policy, known),
        *duties.warnings(policy),
        *beside.warnings(policy),
        *measures.warnings(policy),
        *openings.warnings(policy, times),
        *expressions.warnings(policy, known),
    )
    return Report(errors, warnings)
