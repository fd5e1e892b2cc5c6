"""How does a test tell what happened to models, in the events a registrar writes?"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from rollbook.catalogue.alias import AliasMoved
from rollbook.catalogue.approval import (
    ApprovalGranted,
    ApprovalRejected,
    ApprovalWithdrawn,
)
from rollbook.catalogue.evidence import EvidenceRecorded, EvidenceRevoked, Verified
from rollbook.catalogue.lane import LaneHeld, LaneReleased, SlotReleased
from rollbook.catalogue.model import ModelRegistered
from rollbook.catalogue.parts import (
    Artifact,
    Dataset,
    GateStatus,
    Lineage,
    PromotionKind,
    Scope,
    Verdict,
)
from rollbook.catalogue.promotion import (
    PromotionBlocked,
    PromotionCancelled,
    PromotionFailed,
    PromotionRejected,
)
from rollbook.catalogue.target import (
    Report,
    TargetAcknowledged,
    TargetApplied,
    TargetFailed,
)
from rollbook.catalogue.version import (
    Amendment,
    VersionAmended,
    VersionDeprecated,
    VersionQuarantined,
    VersionRegistered,
    VersionReleased,
    VersionRetired,
)
from rollbook.envelope import Actor
from rollbook.event import Event
from rollbook.names import EventId
from tests.projections import facts
from tests.projections.facts import GATE, Asked
from tests.projections.facts import digest as digest
from tests.support.recorder import CI_BOT, CONDUCTOR, Recorder, person

ALICE: Final = person("a", "reviewer", "release-manager")
BOB: Final = person("b", "reviewer")


def dataset(name: str, month: object = 1, role: str | None = "train") -> Dataset:
    """Make a data set whose bytes differ by month."""
    return Dataset(name=name, digest=digest(f"{name}{month}"), role=role)


@dataclass(slots=True)
class Story:
    """One model's life, one decision for each call."""

    model: str = "fraud"
    ledger: Recorder = field(default_factory=Recorder)
    versions: int = 0
    promotions: dict[int, Asked] = field(default_factory=dict)
    slots: dict[str, int] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)
    revisions: dict[str, int] = field(default_factory=dict)
    stacks: dict[str, list[int]] = field(default_factory=dict)
    holds: dict[str, EventId] = field(default_factory=dict)
    evidence: dict[EventId, int] = field(default_factory=dict)
    waivers: dict[EventId, int] = field(default_factory=dict)
    """Those that wait for a second person, with their promotion."""
    reviews: dict[EventId, tuple[int, EventId]] = field(default_factory=dict)
    """Those that somebody owes, with promotion and waiver."""

    @property
    def now(self) -> int:
        """The sequence of the last event."""
        return len(self.ledger.messages)

    def say(self, *events: Event, by: Actor = CI_BOT) -> EventId:
        """Record one decision; return the id of its first event."""
        return EventId(self.ledger.model(self.model, *events, by=by)[0].id or "")

    def begun(self) -> "Story":
        """Register the model."""
        self.say(
            ModelRegistered(
                model=self.model,
                owners=("risk-team",),
                task=None,
                tier=None,
                description="Finds fraud.",
                labels={"area": "risk"},
                side_effect_free=False,
            )
        )
        return self

    def version(self, *, by: Actor = CI_BOT, **said: Any) -> int:
        """Register the next version."""
        self.versions += 1
        fields: dict[str, Any] = {
            "version": self.versions,
            "artifact": Artifact(
                uri=f"s3://models/{self.model}/{self.versions}",
                digest=digest(f"{self.model}{self.versions}"),
                size_bytes=412,
            ),
            "label": None,
            "description": None,
            "framework": "sklearn",
            "parameters": {"depth": 3},
            "metrics": {"auc": 0.5 + self.versions / 100},
            "tags": {},
            "lineage": Lineage(),
            "authors": (),
            "producer": by.id,
        }
        self.say(VersionRegistered(**(fields | said)), by=by)
        return self.versions

    def amend(self, version: int, *, reason: str = "wrong", **fields: Any) -> None:
        """Correct what was recorded of a version."""
        amends = EventId(self.ledger.messages[0].id or "")
        said = Amendment(**fields)
        self.say(
            VersionAmended(version=version, amends=amends, fields=said, reason=reason)
        )

    def deprecate(self, version: int) -> None:
        """Advise against a version."""
        self.say(VersionDeprecated(version=version, reason="old"), by=ALICE)

    def retire(self, version: int) -> None:
        """Never promote a version again."""
        self.say(VersionRetired(version=version, reason="old"), by=ALICE)

    def quarantine(self, version: int, *stages: str) -> None:
        """Bar a version, and reject what waits for it."""
        scope = Scope(stages=stages)
        rejected = [
            PromotionRejected(promotion=id_, reason_code="quarantined", inputs=())
            for id_, asked in self.promotions.items()
            if asked.version == version and asked.state in ("GATING", "READY")
            if not stages or asked.stage in stages
        ]
        for event in rejected:
            self.promotions[event.promotion].state = "REJECTED"
        barred = VersionQuarantined(
            version=version, scope=scope, reason="leak", incident="INC-1"
        )
        self.say(barred, *rejected, by=ALICE)

    def release(self, version: int, *stages: str) -> None:
        """Lift a quarantine."""
        scope = Scope(stages=stages)
        self.say(VersionReleased(version=version, scope=scope, reason="ok"), by=BOB)

    def evaluate(
        self,
        version: int,
        on: Dataset | None = None,
        *,
        verified: Verified | None = None,
    ) -> EventId:
        """Record evidence."""
        recorded = EvidenceRecorded(
            version=version,
            kind="evaluation",
            subject_digest=digest(f"{self.model}{version}"),
            dataset=on,
            metrics={"auc": 0.9},
            verdict=Verdict.PASS,
            produced_at=self.ledger.at,
            valid_until=None,
            statement=None,
            verified=verified,
        )
        id_ = self.say(recorded)
        self.evidence[id_] = version
        return id_

    def revoke(self, evidence: EventId) -> None:
        """Make evidence count no more."""
        version = self.evidence.pop(evidence)
        self.say(EvidenceRevoked(version=version, evidence=evidence, reason="bad"))

    def point(self, alias: str, to: int | None, *, was: int | None = None) -> None:
        """Move an alias."""
        self.say(
            AliasMoved(
                alias=alias,
                from_version=was,
                to_version=to,
                protected=False,
                reason="better",
            ),
            by=ALICE,
        )

    def request(
        self,
        version: int,
        stage: str,
        *,
        by: Actor = CI_BOT,
        kind: PromotionKind = PromotionKind.FORWARD,
        bundle: int | None = None,
    ) -> int:
        """Ask for a version; only production asks people."""
        asked = self._ask(version, stage, kind)
        asked.bundle = bundle
        events = [
            self._requested(asked, "weekly retrain"),
            facts.judged(asked, "quarantine", "quarantine"),
        ]
        if stage == "production":
            wait = facts.judged(asked, GATE, "approvals", GateStatus.WAIT)
            self.say(*events, wait, by=by)
        else:
            asked.state = "READY"
            self.say(*events, facts.readied(asked), by=by)
        return asked.id

    def approve(
        self, promotion: int, by: Actor = BOB, *, until: datetime | None = None
    ) -> EventId:
        """Vote yes, which opens the gate."""
        asked = self.promotions[promotion]
        vote = ApprovalGranted(
            promotion=promotion,
            gate=GATE,
            roles=("reviewer",),
            binding=digest("bound"),
            bound_to=facts.bound(asked),
            valid_until=until,
            comment="looks good",
        )
        passed = facts.judged(asked, GATE, "approvals")
        asked.votes[by.id] = self.say(vote, passed, facts.readied(asked), by=by)
        asked.state = "READY"
        return asked.votes[by.id]

    def reject(self, promotion: int, by: Actor = BOB) -> None:
        """Vote no, which ends the promotion."""
        asked = self.promotions[promotion]
        vote = ApprovalRejected(
            promotion=promotion,
            gate=GATE,
            roles=("reviewer",),
            binding=digest("bound"),
            bound_to=facts.bound(asked),
            comment="no",
        )
        asked.state = "REJECTED"
        ended = PromotionRejected(promotion=promotion, reason_code="votes", inputs=())
        self.say(vote, ended, by=by)

    def withdraw(self, promotion: int, by: Actor = BOB) -> None:
        """Take a vote back, which closes the gate."""
        asked = self.promotions[promotion]
        approval = asked.votes.pop(by.id)
        asked.state = "GATING"
        self.say(
            ApprovalWithdrawn(promotion=promotion, gate=GATE, approval=approval),
            facts.judged(asked, GATE, "approvals", GateStatus.WAIT),
            PromotionBlocked(promotion=promotion, gates=(GATE,)),
            by=by,
        )

    def cancel(self, promotion: int, by: Actor = CI_BOT) -> None:
        """Withdraw a promotion that waits."""
        self.promotions[promotion].state = "CANCELLED"
        self.say(PromotionCancelled(promotion=promotion, reason="no need"), by=by)

    def dispatch(self, promotion: int, *warnings: str) -> None:
        """Take the slot and say what should run; development ends at once."""
        asked = self.promotions[promotion]
        events = self._dispatched(asked, *warnings)
        if asked.stage == "development":
            events += self._succeeded(asked)
        self.say(*events, by=CONDUCTOR)

    def acknowledge(self, promotion: int) -> None:
        """Let the agent begin."""
        asked = self.promotions[promotion]
        if asked.state == "DISPATCHED":
            asked.state = "PROGRESSING"
        self.say(TargetAcknowledged(report=self.report(asked)), by=CONDUCTOR)

    def apply(self, promotion: int) -> None:
        """Let the agent finish, which ends the promotion well."""
        asked = self.promotions[promotion]
        applied = TargetApplied(report=self.report(asked))
        step = [] if asked.state == "VERIFYING" else [facts.completed(asked)]
        self.say(applied, *step, *self._succeeded(asked), by=CONDUCTOR)

    def fail(self, promotion: int) -> None:
        """Let the agent find the version at fault."""
        asked = self.promotions[promotion]
        why: dict[str, Any] = {"reason_code": "load_failed"}
        self.say(
            TargetFailed(report=self.report(asked), **why, log_uri=None),
            PromotionFailed(**asked.lane, version=asked.version, **why, inputs=()),
            SlotReleased(**asked.lane, token=asked.token),
            by=CONDUCTOR,
        )
        self.end(asked, "FAILED")

    def live(self, version: int, stage: str, *, by: Actor = CI_BOT) -> int:
        """Bring a version live, all the way."""
        id_ = self.request(version, stage, by=by)
        if stage == "production":
            self.approve(id_)
        self.dispatch(id_)
        if stage != "development":
            self.acknowledge(id_)
            self.apply(id_)
        return id_

    def roll_back(
        self, stage: str, to: int, *, by: Actor = ALICE, incident: str | None = None
    ) -> int:
        """Ask for a rollback: hold, and dispatch in the same decision."""
        asked = self._ask(to, stage, PromotionKind.ROLLBACK)
        asked.incident = incident
        events: list[Event] = [self._requested(asked, "latency")]
        if stage in self.slots:
            holder = self.promotions[self.slots[stage]]
            events += facts.pre_empted(holder, asked.id)
            self.end(holder, "ABORTED")
        place = len(events)
        held = LaneHeld(
            stage=stage, by_promotion=asked.id, until=None, reason="latency"
        )
        events += [held, facts.readied(asked), *self._dispatched(asked)]
        recorded = self.ledger.model(self.model, *events, by=by)
        self.holds[stage] = EventId(recorded[place].id or "")
        return asked.id

    def hold(self, stage: str) -> None:
        """Keep automation away."""
        held = LaneHeld(stage=stage, by_promotion=None, until=None, reason="quiet")
        self.holds[stage] = self.say(held, by=ALICE)

    def unhold(self, stage: str) -> None:
        """Let automation back."""
        hold = self.holds.pop(stage)
        self.say(LaneReleased(stage=stage, hold=hold, reason="fixed"), by=ALICE)

    def _ask(self, version: int, stage: str, kind: PromotionKind) -> Asked:
        id_ = len(self.promotions) + 1
        self.promotions[id_] = Asked(id_, self.model, stage, version, kind)
        return self.promotions[id_]

    def _requested(self, asked: Asked, reason: str) -> Event:
        stack = self.stacks.get(asked.stage)
        return facts.requested(asked, stack[-1] if stack else None, reason)

    def _dispatched(self, asked: Asked, *warnings: str) -> list[Event]:
        asked.state = "DISPATCHED"
        asked.token = self.tokens[asked.stage] = self.tokens.get(asked.stage, 0) + 1
        asked.revision = self.next_revision(asked.stage)
        self.slots[asked.stage] = asked.id
        return facts.dispatched(asked, self.ledger.at, warnings)

    def next_revision(self, stage: str) -> int:
        """Count the documents of a lane."""
        self.revisions[stage] = self.revisions.get(stage, 0) + 1
        return self.revisions[stage]

    def report(self, asked: Asked) -> Report:
        """Let its agent say what runs."""
        return facts.report(asked, seq=self.now, at=self.ledger.at)

    def _succeeded(self, asked: Asked) -> Sequence[Event]:
        self.end(asked, "SUCCEEDED")
        stack = self.stacks.setdefault(asked.stage, [])
        if asked.kind is PromotionKind.ROLLBACK and asked.version in stack:
            while stack[-1] != asked.version:
                stack.pop()
        if not stack or stack[-1] != asked.version:
            stack.append(asked.version)
        return facts.succeeded(asked, len(stack))

    def end(self, asked: Asked, state: str) -> None:
        """Free the lane."""
        asked.state = state
        self.slots.pop(asked.stage, None)
