"""How is a rule of the small aggregates tested? Given what happened, when, then.

An installation is a value, like a `Scenario`: policies, persons, tokens and freezes,
each folded as the ledger would.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar, cast

from rollbook.commands.command import content_digest
from rollbook.commands.policy import ActivatePolicy, EndorsePolicy, ProposePolicy
from rollbook.commands.wire import AnyCommand
from rollbook.envelope import Actor, Stamp
from rollbook.event import Event
from rollbook.names import (
    CommandId,
    Digest,
    EventId,
    ModelName,
    PolicyName,
    Reason,
    TokenId,
)
from rollbook.refusals import Reason as Why
from rollbook.refusals import Refusal
from rollbook.subjects import ACCESS, CALENDAR, POLICIES, Aggregate
from rollbook_services.policy.document import digest_of
from rollbook_services.registrar.deciding import (
    Small,
    aggregate_of,
    decide_any,
    evolve_any,
    initial,
)
from rollbook_services.registrar.decision import Decided, Refused
from rollbook_services.registrar.governing import Around, governing
from rollbook_services.registrar.growing import Growing
from rollbook_services.registrar.surroundings import (
    Access,
    Calendar,
    Policies,
    Token,
)
from tests.support.scenario import START, person
from tests.support.together import enclosed

OWNER: Final = person("a", "policy-owner", "publisher")
SECOND: Final = person("b", "policy-owner")
THIRD: Final = person("c", "policy-owner", "risk-officer")
ADMIN: Final = person("d", "access-admin")
MANAGER: Final = person("e", "release-manager")
COMMANDER: Final = person("f", "incident-commander")
VIEWER: Final = person("v", "viewer")
EVERYBODY: Final = (OWNER, SECOND, THIRD, ADMIN, MANAGER, COMMANDER, VIEWER)

E = TypeVar("E", bound=Event)


def nobody_acted(*actors: Actor, until: datetime | None = None) -> "Installation":
    """Begin with people who hold a token each, and nothing else."""
    ends = until or START + timedelta(days=90)
    held = {
        TokenId(actor.id[-1] * 16): Token("0" * 64, actor.id, actor.roles, None, ends)
        for actor in actors or EVERYBODY
    }
    return Installation({ACCESS: Access(tokens=Growing(held))})


@dataclass(frozen=True)
class Installation:
    """What holds for all models, and what the last request led to."""

    states: dict[Aggregate, Small]
    at: datetime = START
    outcome: Sequence[Event] | Refusal = ()
    asked: int = 0
    ids: dict[type[Event], EventId] = field(default_factory=dict)

    @property
    def access(self) -> Access:
        return cast("Access", self.states.get(ACCESS, Access()))

    @property
    def policies(self) -> Policies:
        return cast("Policies", self.states.get(POLICIES, Policies()))

    @property
    def calendar(self) -> Calendar:
        return cast("Calendar", self.states.get(CALENDAR, Calendar()))

    @property
    def around(self) -> Around:
        return Around(self.access, self.policies, self.calendar)

    def given(
        self, command: AnyCommand, *, by: Actor, after: timedelta = timedelta(minutes=1)
    ) -> "Installation":
        """Let a request happen that must be accepted."""
        then = self.when(command, by=by, after=after)
        assert not isinstance(then.outcome, Refusal), then.outcome
        return then

    def when(
        self, command: AnyCommand, *, by: Actor, after: timedelta = timedelta(minutes=1)
    ) -> "Installation":
        """Ask for something; a refusal leaves everything as it was."""
        aggregate, at, asked = aggregate_of(command), self.at + after, self.asked + 1
        stamp = Stamp(
            at=at,
            actor=by,
            command_id=CommandId(f"command-{asked}"),
            command_digest=content_digest(command, actor=by.id),
            entropy=asked.to_bytes(16),
        )
        state = self.states.get(aggregate) or cast("Small", initial(aggregate))
        outcome = decide_any(command, state, self.around, stamp)
        assert not isinstance(outcome, Decided | Refused)
        then = replace(self, at=at, asked=asked, outcome=outcome)
        if isinstance(outcome, Refusal):
            return then
        ids = dict(self.ids)
        for index, event in enumerate(outcome):
            ids[type(event)] = stamp.event_id(index)
            rev = state.rev + 1
            recorded = enclosed(
                event, ACCESS, stamp, index=index, rev=rev, sequence=rev
            )
            state = cast("Small", evolve_any(state, recorded))
        return replace(then, states={**self.states, aggregate: state}, ids=ids)

    def then(self, *kinds: type[Event]) -> "Installation":
        """Expect exactly these kinds of events."""
        assert [type(each) for each in self.events] == list(kinds)
        return self

    def then_refused(self, why: Why, **detail: Any) -> "Installation":
        """Expect a no that says why and what to do."""
        assert isinstance(self.outcome, Refusal), self.outcome
        assert self.outcome.reason is why, self.outcome
        told = {key: self.outcome.detail.get(key) for key in detail}
        assert told == detail, self.outcome
        assert len(self.outcome.message) > 20
        return self

    @property
    def events(self) -> Sequence[Event]:
        """Return what the last request led to."""
        assert not isinstance(self.outcome, Refusal), self.outcome
        return self.outcome

    def event(self, kind: type[E]) -> E:
        """Return the one event of a kind that the last request led to."""
        (found,) = (each for each in self.events if isinstance(each, kind))
        return found

    @property
    def refusal(self) -> Refusal:
        """Return why the last request was refused."""
        assert isinstance(self.outcome, Refusal), self.outcome
        return self.outcome

    def governs(self, model: str) -> str:
        """Name the policy that holds for a model."""
        return governing(self.policies, ModelName(model)).policy.name

    # Longer stories, told once.

    def in_force(self, document: dict[str, Any]) -> "Installation":
        """Let a policy be proposed by one, endorsed by another and activated."""
        then = self.given(propose(document), by=OWNER)
        then = then.given(endorse(document), by=SECOND)
        return then.given(activate(document), by=OWNER)


def written(name: str = "tier1", *models: str, **spec: Any) -> dict[str, Any]:
    """Write a policy; its second stage is `live`, where SECOND signs off."""
    gate = {"kind": "approvals", "id": "sign-off", "slots": [{"role": "policy-owner"}]}
    return {
        "apiVersion": "rollbook/v1",
        "kind": "ReleasePolicy",
        "metadata": {"name": name},
        "spec": {
            "applies_to": {"models": list(models or ("acme/fraud",))},
            "stages": [
                {"name": "trial", "targets": ["default"]},
                {"name": "live", "targets": ["default"], "gates": [gate]},
            ],
            **spec,
        },
    }


def propose(document: dict[str, Any]) -> ProposePolicy:
    """Want a policy."""
    return ProposePolicy(document=document, reason=Reason("tier 1 goes live"))


def endorse(document: dict[str, Any]) -> EndorsePolicy:
    """Agree to a policy."""
    return EndorsePolicy(policy=name_of(document), digest=digest_of(document))


def activate(document: dict[str, Any]) -> ActivatePolicy:
    """Let a policy hold."""
    return ActivatePolicy(policy=name_of(document), digest=digest_of(document))


def name_of(document: dict[str, Any]) -> PolicyName:
    """Read a policy's name."""
    return PolicyName(document["metadata"]["name"])


def unknown_digest() -> Digest:
    """Name a document that nobody wrote."""
    return Digest("sha256:" + "f" * 64)
