"""What is known outside a policy file when it is looked over?"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rollbook.names import (
    EvidenceKind,
    Line,
    ModelName,
    PolicyName,
    Principal,
    RoleName,
    StageName,
)


@dataclass(frozen=True, slots=True)
class Known:
    """Facts of the ledger; what is left empty is not known, and not held against it."""

    policies: Mapping[PolicyName, tuple[Line, ...]] = field(default_factory=dict)
    """By active policy, the names and patterns of its models."""
    models: frozenset[ModelName] = frozenset()
    """All that are registered."""
    holders: Mapping[Principal, frozenset[RoleName]] = field(default_factory=dict)
    """The roles that people and services hold."""
    persons: Mapping[Principal, Principal] = field(default_factory=dict)
    """One name for each person with several principals."""
    metrics: Mapping[EvidenceKind, frozenset[str]] = field(default_factory=dict)
    """By kind, what evidence has ever carried."""
    lanes: Mapping[StageName, tuple[ModelName, ...]] = field(default_factory=dict)
    """By stage, the models that have something there."""

    def person(self, principal: Principal) -> Principal:
        """Return the one name under which a person counts."""
        return self.persons.get(principal, principal)
