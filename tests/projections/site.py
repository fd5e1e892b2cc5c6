"""How does a test tell what happened beside the models: policies, freezes, bundles?"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from rollbook.catalogue.access import IdentityLinked
from rollbook.catalogue.bundle import (
    BundleCancelled,
    BundleDispatched,
    BundleFailed,
    BundleRequested,
    BundleRolledBack,
    BundleSucceeded,
    Member,
)
from rollbook.catalogue.calendar import FreezeDeclared, FreezeLifted, InFlight, Lanes
from rollbook.catalogue.parts import PromotionKind
from rollbook.catalogue.policy import (
    PolicyActivated,
    PolicyEndorsed,
    PolicyProposed,
    PolicyRetired,
    PolicyRetirementRequested,
)
from rollbook.envelope import Actor
from rollbook.event import Event
from rollbook.names import EventId
from rollbook.subjects import ACCESS, BUNDLES, CALENDAR, POLICIES, Aggregate
from tests.projections.story import ALICE, BOB, Story, digest
from tests.support.recorder import CONDUCTOR, person

OWNER: Final = person("e", "policy-owner")
OTHER_OWNER: Final = person("f", "policy-owner")
COMMANDER: Final = person("g", "incident-commander")


def document(policy: str, number: int, **spec: Any) -> dict[str, Any]:
    """Write a policy file; `number` tells revisions apart."""
    glass = {"name": "sev1", "waives": ["soak"], "roles": ["incident-commander"]}
    glass |= {"escalation_role": "head-of-risk"}
    stage = {
        "name": "production",
        "break_glass": [glass],
        "expires_after": f"{number}d",
    }
    return {
        "apiVersion": "rollbook/v1",
        "kind": "ReleasePolicy",
        "metadata": {"name": policy, "owners": ["risk-team"]},
        "spec": {"applies_to": {"models": ["fraud"]}, "stages": [stage], **spec},
    }


@dataclass(slots=True)
class Site:
    """What happens in a story's ledger, but not to its model."""

    story: Story
    active: dict[str, str] = field(default_factory=dict)
    proposed: dict[str, str] = field(default_factory=dict)
    """By digest, the policy that a revision is of."""
    freezes: list[EventId] = field(default_factory=list)
    bundles: dict[int, str] = field(default_factory=dict)
    agents: set[str] = field(default_factory=set)

    def say(self, aggregate: Aggregate, *events: Event, by: Actor) -> EventId:
        """Record one decision; return the id of its first event."""
        written = self.story.ledger.record(aggregate, *events, by=by)
        return EventId(written[0].id or "")

    def propose(
        self, policy: str, number: int = 1, by: Actor = OWNER, **spec: Any
    ) -> str:
        """Want rules; the digest names them."""
        named = digest(f"{policy}/{number}")
        self.proposed[named] = policy
        self.say(
            POLICIES,
            PolicyProposed(
                policy=policy,
                digest=named,
                document=document(policy, number, **spec),
                warnings=("nobody holds role head-of-risk",),
                trial=None,
                reason="stricter",
            ),
            by=by,
        )
        return named

    def endorse(self, revision: str, by: Actor = OTHER_OWNER) -> None:
        """Agree."""
        policy = self.proposed[revision]
        agreed = PolicyEndorsed(policy=policy, digest=revision, comment="yes")
        self.say(POLICIES, agreed, by=by)

    def activate(self, revision: str, by: Actor = OWNER) -> None:
        """Let rules hold."""
        policy = self.proposed.pop(revision)
        holds = PolicyActivated(
            policy=policy,
            digest=revision,
            supersedes=self.active.get(policy),
            models=("fraud",),
            endorsed_by=(),
        )
        self.active[policy] = revision
        self.say(POLICIES, holds, by=by)

    def ask_to_retire(self, policy: str, by: Actor = OWNER) -> None:
        """Want them to hold no more."""
        active = self.active[policy]
        self.say(
            POLICIES,
            PolicyRetirementRequested(policy=policy, digest=active, reason="unused"),
            by=by,
        )

    def retire(self, policy: str, by: Actor = OWNER) -> None:
        """Let them hold no more."""
        gone = PolicyRetired(
            policy=policy, digest=self.active.pop(policy), reason="unused"
        )
        self.say(POLICIES, gone, by=by)

    def freeze(
        self,
        *,
        models: tuple[str, ...] = (),
        stages: tuple[str, ...] = (),
        from_at: datetime | None = None,
        until: datetime | None = None,
    ) -> EventId:
        """Close lanes."""
        declared = FreezeDeclared(
            covers=Lanes(models=models, stages=stages),
            from_at=from_at,
            until=until,
            in_flight=InFlight.PAUSE,
            exempt=(PromotionKind.ROLLBACK,),
            waivable=False,
            stops_the_line=False,
            reason="year end",
            incident=None,
        )
        self.freezes.append(self.say(CALENDAR, declared, by=COMMANDER))
        return self.freezes[-1]

    def lift(self, freeze: EventId) -> None:
        """Open them again."""
        self.freezes.remove(freeze)
        self.say(CALENDAR, FreezeLifted(freeze=freeze, reason="it is over"), by=ALICE)

    def bundle(self, *members: Member, stage: str = "staging") -> int:
        """Ask for several versions as one."""
        number = len(self.bundles) + 1
        self.bundles[number] = "WAITING"
        asked = BundleRequested(
            bundle=number, stage=stage, members=members, reason="they belong together"
        )
        self.say(BUNDLES, asked, by=BOB)
        return number

    def dispatch(self, bundle: int) -> None:
        """Take every slot."""
        self._move(bundle, "DISPATCHED", BundleDispatched(bundle=bundle))

    def succeed(self, bundle: int) -> None:
        """End well."""
        self._move(bundle, "SUCCEEDED", BundleSucceeded(bundle=bundle))

    def fail(self, bundle: int, because_of: str, *taken_back: Member) -> None:
        """End badly."""
        failed = BundleFailed(
            bundle=bundle,
            because_of=because_of,
            reason_code="load_failed",
            taken_back=taken_back,
        )
        self._move(bundle, "FAILED", failed)

    def cancel(self, bundle: int) -> None:
        """Withdraw it."""
        gone = BundleCancelled(bundle=bundle, because_of=None, reason="no need")
        self._move(bundle, "CANCELLED", gone)

    def roll_back(self, bundle: int, *rollbacks: Member) -> None:
        """Take every lane back."""
        back = BundleRolledBack(bundle=bundle, rollbacks=rollbacks, reason="latency")
        self._move(bundle, "ROLLED_BACK", back)

    def link(self, *actors: Actor) -> None:
        """Say that these are one person."""
        principals = tuple(each.id for each in actors)
        linked = IdentityLinked(principals=principals, reason="two accounts")
        self.say(ACCESS, linked, by=ALICE)

    def _move(self, bundle: int, state: str, event: Event) -> None:
        self.bundles[bundle] = state
        self.say(BUNDLES, event, by=CONDUCTOR)


def member(model: str, version: int, promotion: int) -> Member:
    """Make one model's part of a bundle."""
    return Member(model=model, version=version, promotion=promotion)
