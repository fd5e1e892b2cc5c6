"""How does a whole ledger come about in memory: a model, and what lies around it?"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

from rollbook.catalogue.access import TokenIssued, TokenRevoked
from rollbook.catalogue.calendar import FreezeDeclared, FreezeLifted, InFlight, Lanes
from rollbook.catalogue.parts import PromotionKind
from rollbook.catalogue.policy import PolicyActivated, PolicyProposed
from rollbook.commands.model import RegisterModel
from rollbook.envelope import Actor, Envelope, Stamp
from rollbook.event import Event
from rollbook.names import CommandId, Digest, EventId, Reason, TokenId
from rollbook.subjects import ACCESS, CALENDAR, POLICIES, Aggregate
from rollbook_services.policy.document import Policy, digest_of
from rollbook_services.registrar.deciding import evolve_any, initial
from rollbook_services.registrar.governing import context_for
from rollbook_services.registrar.surroundings import (
    Access,
    Calendar,
    Context,
    Policies,
    State,
)
from tests.support.governed import REVIEWERS
from tests.support.scenario import (
    DAVE,
    EVERYBODY,
    FRAUD,
    PIPELINE,
    START,
    Scenario,
    nothing,
    register,
)
from tests.support.together import enclosed

WHY: Final = Reason("because")
MINUTE: Final = timedelta(minutes=1)
NONE: Final = Digest("sha256:" + "0" * 64)
_LETTERS: Final = str.maketrans("01234567", "abcdefgh")
Story = Callable[[Scenario], Scenario]


class Book:
    """A ledger while it is written; what is decided has seen what stands in it."""

    def __init__(self, *people: Actor) -> None:
        """Begin with people who hold tokens."""
        self.envelopes: list[Envelope[Event]] = []
        self.scenario = nothing()
        self._around: dict[Aggregate, State] = {
            each: initial(each) for each in (ACCESS, POLICIES, CALENDAR)
        }
        for actor in people or (*EVERYBODY, *REVIEWERS):
            self.issue(actor)

    def tell(self, story: Story, *, seen: Context | None = None) -> Scenario:
        """Let something happen to the model, under what holds around it now."""
        before = replace(self.scenario, context=seen or self.context())
        self.scenario = story(before)
        for each in self.scenario.history[len(before.history) :]:
            self.envelopes.append(replace(each, sequence=len(self.envelopes) + 1))
        return self.scenario

    def issue(self, actor: Actor, *, until: timedelta = timedelta(days=80)) -> TokenId:
        """Give an actor a token."""
        digits = oct(len(self.envelopes))[2:].translate(_LETTERS)
        token = TokenId(digits.rjust(16, "a"))
        issued = TokenIssued(
            token=token,
            sha256="0" * 64,
            principal=actor.id,
            roles=actor.roles,
            place=None,
            until=self.scenario.at + until,
        )
        self.write(ACCESS, issued)
        return token

    def tokens_of(self, actor: Actor) -> list[TokenId]:
        """Return the tokens that an actor was ever given."""
        issued = (each.event for each in self.envelopes)
        return [
            each.token
            for each in issued
            if isinstance(each, TokenIssued) and each.principal == actor.id
        ]

    def revoke(self, token: TokenId) -> None:
        """Close a token."""
        self.write(ACCESS, TokenRevoked(token=token, reason=WHY))

    def rule(self, policy: Policy, *, by: Actor = DAVE) -> None:
        """Let a policy hold from here on."""
        document = policy.model_dump(mode="json", by_alias=True, exclude_unset=True)
        name, digest = policy.name, digest_of(document)
        policies = self._around[POLICIES]
        assert isinstance(policies, Policies)
        known = policies.policies.get(name)
        if known is not None and known.active == digest:
            return
        proposed = PolicyProposed(
            policy=name,
            digest=digest,
            document=document,
            warnings=(),
            trial=None,
            reason=WHY,
        )
        activated = PolicyActivated(
            policy=name,
            digest=digest,
            supersedes=None,
            models=policy.spec.applies_to.models,
            endorsed_by=(),
        )
        self.write(POLICIES, proposed, by=by)
        self.write(POLICIES, activated, by=by)

    def freeze(self, *, until: timedelta | None = None) -> EventId:
        """Close every lane, but for rollbacks."""
        declared = FreezeDeclared(
            covers=Lanes(),
            from_at=None,
            until=None if until is None else self.scenario.at + until,
            in_flight=InFlight.FINISH,
            exempt=(PromotionKind.ROLLBACK,),
            waivable=False,
            stops_the_line=False,
            reason=WHY,
            incident=None,
        )
        return self.write(CALENDAR, declared)

    def lift(self, freeze: EventId) -> None:
        """Open the lanes again."""
        self.write(CALENDAR, FreezeLifted(freeze=freeze, reason=WHY))

    def write(self, aggregate: Aggregate, event: Event, *, by: Actor = DAVE) -> EventId:
        """Record something on a small aggregate, a minute later."""
        state, number = self._around[aggregate], len(self.envelopes) + 1
        assert isinstance(state, Access | Policies | Calendar)
        at = self.scenario.at + MINUTE if number > 1 else START
        command = CommandId(f"around-{number}")
        stamp = Stamp(at, by, command, NONE, entropy=number.to_bytes(16))
        envelope = enclosed(
            event, aggregate, stamp, index=0, rev=state.rev + 1, sequence=number
        )
        self.envelopes.append(envelope)
        self._around[aggregate] = evolve_any(state, envelope)
        self.scenario = replace(self.scenario, at=at)
        return envelope.id

    def find(self, recorded_as: str, promotion: int | None = None) -> Envelope[Event]:
        """Find the newest event of a name, of a promotion."""
        return next(
            each
            for each in reversed(self.envelopes)
            if each.event.recorded_as == recorded_as
            and promotion in (None, getattr(each.event, "promotion", None))
        )

    def context(self) -> Context:
        """Return what holds around the model now."""
        access, policies = self._around[ACCESS], self._around[POLICIES]
        calendar = self._around[CALENDAR]
        assert isinstance(access, Access)
        assert isinstance(policies, Policies)
        assert isinstance(calendar, Calendar)
        return context_for(FRAUD, access, policies, calendar)


def registered(versions: int) -> Story:
    """Register the model and so many versions, made by the pipeline."""

    def tell(model: Scenario) -> Scenario:
        then = model.given(RegisterModel(model=FRAUD), by=PIPELINE)
        for number in range(1, versions + 1):
            then = then.given(register(number), by=PIPELINE)
        return then

    return tell
