"""What lies around a model, as the ledger tells it: people, rules and freezes?

Like the watch, this account knows the rules only by what they recorded.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from rollbook.catalogue.access import IdentityLinked, TokenIssued, TokenRevoked
from rollbook.catalogue.calendar import FreezeDeclared, FreezeLifted
from rollbook.catalogue.policy import PolicyActivated, PolicyProposed, PolicyRetired
from rollbook.envelope import Envelope
from rollbook.event import Event
from rollbook.names import (
    Digest,
    EventId,
    ModelName,
    PolicyName,
    Principal,
    RoleName,
    StageName,
    TokenId,
)
from rollbook_services.policy.document import BUILT_IN, Policy
from rollbook_services.policy.stage import Stage


@dataclass(frozen=True)
class Rules:
    """The policy that holds, and who put it there when."""

    policy: Policy
    by: Principal | None = None
    at: datetime | None = None


@dataclass
class Surroundings:
    """What was recorded on the small aggregates so far."""

    groups: list[set[Principal]] = field(default_factory=list)
    tokens: dict[TokenId, TokenIssued] = field(default_factory=dict)
    freezes: dict[EventId, tuple[datetime, FreezeDeclared]] = field(
        default_factory=dict
    )
    documents: dict[Digest, Policy] = field(default_factory=dict)
    rules: dict[PolicyName, Rules] = field(default_factory=dict)

    def see(self, recorded: Envelope[Event]) -> None:
        """Follow one event of a small aggregate."""
        self._people(recorded.event)
        self._rules(recorded)
        match recorded.event:
            case FreezeDeclared() as freeze:
                self.freezes[recorded.id] = (recorded.at, freeze)
            case FreezeLifted(freeze=id_):
                self.freezes.pop(id_, None)
            case _:
                pass

    def _people(self, event: Event) -> None:
        match event:
            case IdentityLinked(principals=principals):
                self._link(set(principals))
            case TokenIssued() as token:
                self.tokens[token.token] = token
            case TokenRevoked(token=id_):
                self.tokens.pop(id_, None)
            case _:
                pass

    def _rules(self, recorded: Envelope[Event]) -> None:
        match recorded.event:
            case PolicyProposed(digest=digest, document=document):
                self.documents[digest] = Policy.model_validate(document)
            case PolicyActivated(policy=name, digest=digest):
                self.rules[name] = Rules(
                    self.documents[digest], recorded.actor.id, recorded.at
                )
            case PolicyRetired(policy=name):
                self.rules.pop(name, None)
            case _:
                pass

    def _link(self, group: set[Principal]) -> None:
        for other in [each for each in self.groups if each & group]:
            self.groups.remove(other)
            group |= other
        self.groups.append(group)

    def person(self, who: Principal) -> frozenset[Principal]:
        """Return all the names of one person."""
        for group in self.groups:
            if who in group:
                return frozenset(group)
        return frozenset({who})

    def roles(self, who: Principal, at: datetime) -> set[RoleName]:
        """Return the roles that a person holds at an instant, under any name."""
        names = self.person(who)
        return {
            role
            for token in self.tokens.values()
            if token.principal in names and at < token.until
            for role in token.roles
        }

    def over(self, model: ModelName) -> Rules:
        """Return the rules that hold for a model."""
        held = list(self.rules.values())
        named = [each for each in held if each.policy.names_exactly(model)]
        matching = [each for each in held if each.policy.matches(model)]
        return next(iter(named or matching), Rules(BUILT_IN))

    def stage(self, model: ModelName, name: StageName) -> Stage:
        """Return what holds for a lane."""
        return self.over(model).policy.stage(name) or Stage(name=name)

    def closing(
        self, model: ModelName, stage: StageName, at: datetime
    ) -> Iterator[FreezeDeclared]:
        """Return the freezes that close a lane at an instant."""
        for declared_at, freeze in self.freezes.values():
            begins, ends = freeze.from_at or declared_at, freeze.until
            stages, models = freeze.covers.stages, freeze.covers.models
            is_covered = (not stages or stage in stages) and (
                not models or model in models
            )
            if is_covered and begins <= at and (ends is None or at < ends):
                yield freeze
