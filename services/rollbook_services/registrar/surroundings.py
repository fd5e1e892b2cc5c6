"""What does a decision about a model read of everything else?

The small aggregates: who may do what, which policies hold, what is frozen, what is
released together, which agents there are. Kept like a model, by folding their events.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, NamedTuple

from rollbook.catalogue.access import Place
from rollbook.catalogue.bundle import Member
from rollbook.catalogue.calendar import Lanes
from rollbook.catalogue.promotion import Seen
from rollbook.names import (
    AgentName,
    BundleId,
    Digest,
    EventId,
    PolicyName,
    Principal,
    RoleName,
    StageName,
    TargetName,
    TokenId,
)
from rollbook_services.policy.document import Policy
from rollbook_services.policy.facts import Freeze
from rollbook_services.registrar.growing import Growing
from rollbook_services.registrar.state import (
    Commands,
    InOrder,
    Model,
)
from rollbook_services.same import Same

NOTHING_SEEN: Final = Seen(access=0, policies=0, calendar=0)
NOWHERE: Final[frozenset[tuple[StageName, TargetName]]] = frozenset()
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Token:
    """A credential as the ledger knows it."""

    sha256: str
    principal: Principal
    roles: tuple[RoleName, ...]
    place: Place | None
    until: datetime
    revoked: bool = False

    def is_live(self, at: datetime) -> bool:
        """Tell whether it opens anything."""
        return not self.revoked and at < self.until


@dataclass(frozen=True, slots=True)
class Access:
    """Who may speak for whom."""

    commands: Commands = field(default_factory=Growing)
    tokens: Growing[TokenId, Token] = field(default_factory=Growing)
    persons: Mapping[Principal, Principal] = field(default_factory=dict)
    """By principal, the one name of a person who has several."""
    rev: int = 0

    def person(self, principal: Principal) -> Principal:
        """Return the one name under which a person counts."""
        return self.persons.get(principal, principal)

    def holders(self, at: datetime) -> Mapping[Principal, frozenset[RoleName]]:
        """Return the roles that each principal holds by a live credential.

        The same object as long as the tokens are the same and none has run out.
        """
        return _held(Same(self.tokens)).at(at).roles

    def ends(self, at: datetime) -> Mapping[Principal, datetime]:
        """Return when the first of each principal's live credentials runs out."""
        return _held(Same(self.tokens)).at(at).ends


class _Held:
    """Who holds what by some tokens, from one end of a token to the next."""

    __slots__ = ("_found", "_tokens")

    def __init__(self, tokens: Growing[TokenId, Token]) -> None:
        self._tokens = tokens
        self._found: _Found | None = None

    def at(self, at: datetime) -> "_Found":
        found = self._found
        if found is None or not found.since <= at < found.until:
            self._found = found = self._look(at)
        return found

    def _look(self, at: datetime) -> "_Found":
        roles: dict[Principal, frozenset[RoleName]] = {}
        ends: dict[Principal, datetime] = {}
        for token in self._tokens.values():
            if token.is_live(at):
                who = token.principal
                roles[who] = roles.get(who, frozenset()).union(token.roles)
                ends[who] = min(ends.get(who, token.until), token.until)
        return _Found(at, min(ends.values(), default=_NEVER), roles, ends)


class _Found(NamedTuple):
    since: datetime
    until: datetime
    roles: Mapping[Principal, frozenset[RoleName]]
    ends: Mapping[Principal, datetime]


@lru_cache(maxsize=8)
def _held(same: Same[Growing[TokenId, Token]]) -> _Held:
    return _Held(same.it)


@dataclass(frozen=True, slots=True)
class Revision:
    """A policy document that was proposed, and who agreed to it."""

    digest: Digest
    document: Mapping[str, Any]
    proposed_by: Principal
    endorsed_by: tuple[Principal, ...] = ()


@dataclass(frozen=True, slots=True)
class KnownPolicy:
    """A policy: what holds, what was proposed and is still open."""

    name: PolicyName
    active: Digest | None = None
    activated_by: Principal | None = None
    activated_at: datetime | None = None
    revisions: Mapping[Digest, Revision] = field(default_factory=dict)
    """The active one and the open proposals."""
    retiring: tuple[Principal, ...] = ()
    """Who wants the active revision to hold no more."""
    past: InOrder[Digest] = frozenset()
    """What once held: it may be proposed again."""


@dataclass(frozen=True, slots=True)
class Policies:
    """All policies: exactly one holds for a model."""

    commands: Commands = field(default_factory=Growing)
    policies: Mapping[PolicyName, KnownPolicy] = field(default_factory=dict)
    rev: int = 0


@dataclass(frozen=True, slots=True)
class DeclaredFreeze:
    """A freeze that nobody has lifted, and what it covers."""

    freeze: Freeze
    covers: Lanes
    stops_the_line: bool


@dataclass(frozen=True, slots=True)
class Calendar:
    """The freezes that nobody has lifted, oldest first."""

    commands: Commands = field(default_factory=Growing)
    freezes: Mapping[EventId, DeclaredFreeze] = field(default_factory=dict)
    rev: int = 0


class BundleState(StrEnum):
    """Where a bundle stands."""

    WAITING = "WAITING"
    DISPATCHED = "DISPATCHED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    ROLLED_BACK = "ROLLED_BACK"


@dataclass(frozen=True, slots=True)
class Bundle:
    """Several promotions that change their lanes together."""

    id: BundleId
    stage: StageName
    members: tuple[Member, ...]
    requester: Principal
    state: BundleState = BundleState.WAITING


@dataclass(frozen=True, slots=True)
class Bundles:
    """All bundles."""

    commands: Commands = field(default_factory=Growing)
    bundles: Growing[BundleId, Bundle] = field(default_factory=Growing)
    rev: int = 0


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent that was enrolled."""

    place: Place
    public_key: str | None
    token: TokenId | None
    is_revoked: bool = False
    is_drained: bool = False
    is_present: bool | None = None
    """Whether it holds its lease; None: it never did."""
    session: str | None = None


@dataclass(frozen=True, slots=True)
class Fleet:
    """All agents."""

    commands: Commands = field(default_factory=Growing)
    agents: Mapping[AgentName, Agent] = field(default_factory=dict)
    """Revoked ones too: what they said stays in the record."""
    rev: int = 0

    def drained(self) -> frozenset[tuple[StageName, TargetName]]:
        """Return the places where an agent stands aside.

        The same object as long as the agents are the same.
        """
        return _drained(Same(self.agents)) if self.agents else NOWHERE


@lru_cache(maxsize=8)
def _drained(
    same: Same[Mapping[AgentName, Agent]],
) -> frozenset[tuple[StageName, TargetName]]:
    return frozenset(
        (agent.place.stage, agent.place.target)
        for agent in same.it.values()
        if agent.is_drained and not agent.is_revoked
    )


State = Model | Access | Policies | Calendar | Bundles | Fleet


@dataclass(frozen=True, slots=True)
class Governing:
    """The policy that holds for a model, and who put it there."""

    policy: Policy
    activated_by: Principal | None
    activated_at: datetime | None


@dataclass(frozen=True, slots=True)
class Context:
    """What a decision about one model reads of everything else."""

    access: Access
    governing: Governing
    freezes: tuple[DeclaredFreeze, ...] = ()
    """Those that cover the model, in whichever stage."""
    drained: frozenset[tuple[StageName, TargetName]] = NOWHERE
    """Targets that no change waits for."""
    seen: Seen = NOTHING_SEEN

    @property
    def policy(self) -> Policy:
        """Return the policy that holds."""
        return self.governing.policy
