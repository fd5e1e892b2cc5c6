"""Which policy holds for a model, and what else does a decision about it read?"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from rollbook.catalogue.policy import PolicyProposed
from rollbook.catalogue.promotion import Seen
from rollbook.errors import UnreadableEvent
from rollbook.names import ModelName, RoleName
from rollbook_services.policy.document import BUILT_IN, Policy, matches
from rollbook_services.policy.reading import revive
from rollbook_services.registrar.surroundings import (
    Access,
    Calendar,
    Context,
    DeclaredFreeze,
    Fleet,
    Governing,
    KnownPolicy,
    Policies,
    Revision,
)
from rollbook_services.same import Same

MODELS: Final = 16_384  # whose policy and freezes are remembered
BY_DEFAULT: Final = Governing(BUILT_IN, None, None)
NOBODY: Final = Fleet()


@dataclass(frozen=True, slots=True)
class Around:
    """What every decision may read besides its own aggregate."""

    access: Access
    policies: Policies
    calendar: Calendar
    fleet: Fleet = NOBODY


def context_for(
    model: ModelName,
    access: Access,
    policies: Policies,
    calendar: Calendar,
    fleet: Fleet = NOBODY,
) -> Context:
    """Collect what a decision about one model reads of everything else."""
    return Context(
        access=access,
        governing=governing(policies, model),
        freezes=freezes_over(calendar, model),
        drained=fleet.drained(),
        seen=_seen(access.rev, policies.rev, calendar.rev),
    )


def governing(policies: Policies, model: ModelName) -> Governing:
    """Return the policy that names the model, else one that matches it, else ours."""
    return _governing(Same(policies), model)


def freezes_over(calendar: Calendar, model: ModelName) -> tuple[DeclaredFreeze, ...]:
    """Return the freezes that cover a model, in whichever stage."""
    return _freezes_over(Same(calendar), model) if calendar.freezes else ()


def active(policies: Policies) -> list[tuple[KnownPolicy, Policy]]:
    """Return the policies that hold, with what they say."""
    return [
        (known, read(known.revisions[known.active]))
        for known in policies.policies.values()
        if known.active is not None
    ]


def read(revision: Revision) -> Policy:
    """Read a document that was checked when it was proposed."""
    return _read(Same(revision))


def roles_named(policies: Policies) -> frozenset[RoleName]:
    """Return the roles that some policy names, one that holds or a proposed one."""
    return frozenset(
        role
        for known in policies.policies.values()
        for revision in known.revisions.values()
        for role in _roles_of(read(revision))
    )


def _roles_of(policy: Policy) -> Iterator[RoleName]:
    yield policy.spec.change_control.role
    yield from policy.spec.freeze_by
    for stage in policy.stages:
        for gate in stage.approvals():
            yield from (slot.role for slot in gate.slots)
        for each in stage.break_glass:
            yield from each.roles
            yield from (each.escalation_role,) if each.escalation_role else ()


@lru_cache(maxsize=MODELS)
def _governing(same: Same[Policies], model: ModelName) -> Governing:
    held = active(same.it)
    named = [each for each in held if each[1].names_exactly(model)]
    matched = [each for each in held if each[1].matches(model)]
    for known, policy in named or matched:
        return Governing(policy, known.activated_by, known.activated_at)
    return BY_DEFAULT


@lru_cache(maxsize=MODELS)
def _freezes_over(same: Same[Calendar], model: ModelName) -> tuple[DeclaredFreeze, ...]:
    return tuple(
        each
        for each in same.it.freezes.values()
        if not each.covers.models or matches(model, each.covers.models)
    )


@lru_cache(maxsize=1024)
def _read(same: Same[Revision]) -> Policy:
    try:
        return revive(same.it.document)
    except ValueError as error:
        raise UnreadableEvent(PolicyProposed.type_name(), why=str(error)) from error


@lru_cache(maxsize=64)
def _seen(access: int, policies: int, calendar: int) -> Seen:
    return Seen(access=access, policies=policies, calendar=calendar)
