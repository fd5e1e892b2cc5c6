"""Which events does a promotion write, from its request to its end?"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from rollbook.catalogue.approval import Bound
from rollbook.catalogue.lane import (
    DesiredSet,
    DriftPolicy,
    SlotReleased,
    SlotTaken,
    StableAdvanced,
    Traffic,
    Variant,
)
from rollbook.catalogue.parts import GateStatus, PromotionKind
from rollbook.catalogue.promotion import (
    Deadlines,
    Engine,
    GateEvaluated,
    GateResult,
    PromotionAborted,
    PromotionDispatched,
    PromotionReadied,
    PromotionRequested,
    PromotionSucceeded,
    Seen,
    StepCompleted,
    StepStarted,
    Voter,
)
from rollbook.catalogue.target import Report
from rollbook.event import Event
from rollbook.names import EventId

POLICY: Final = "sha256:" + "77" * 32
SEEN: Final = Seen(access=1, policies=0, calendar=0)
TARGET: Final = "default"
GATE: Final = "sign-off"


@dataclass(slots=True)
class Asked:
    """A promotion as a story knows it."""

    id: int
    model: str
    stage: str
    version: int
    kind: PromotionKind
    state: str = "GATING"
    token: int = 0
    revision: int = 0
    """Of the document that says what it wants just now."""
    votes: dict[str, EventId] = field(default_factory=dict)
    bundle: int | None = None
    incident: str | None = None
    returns_to: str = ""
    policy_digest: str = POLICY

    @property
    def digest(self) -> str:
        """The bytes that are asked for."""
        return digest(f"{self.model}{self.version}")

    @property
    def lane(self) -> dict[str, Any]:
        """What events of the lane say of it."""
        return {"stage": self.stage, "promotion": self.id}


def digest(seed: object) -> str:
    """Make a digest that can be told from others by its beginning."""
    return f"sha256:{str(seed).encode().hex():0<64}"[:71]


def requested(asked: Asked, incumbent: int | None, reason: str) -> Event:
    """Begin."""
    return PromotionRequested(
        promotion=asked.id,
        kind=asked.kind,
        stage=asked.stage,
        version=asked.version,
        digest=asked.digest,
        incumbent=incumbent,
        automatic=False,
        policy="built-in",
        policy_digest=asked.policy_digest,
        expires_at=None,
        retry_of=None,
        walked_over=(),
        reason=reason,
        incident=asked.incident,
        bundle=asked.bundle,
    )


def judged(
    asked: Asked,
    gate: str,
    kind: str,
    status: GateStatus = GateStatus.PASS,
    **said: Any,
) -> Event:
    """Let a gate say its word."""
    result = _result(gate, kind, status, **said)
    return GateEvaluated(promotion=asked.id, result=result, seen=SEEN)


def readied(asked: Asked) -> Event:
    """Open every gate."""
    return PromotionReadied(promotion=asked.id, gates=())


def bound(asked: Asked) -> Bound:
    """Say what a vote is about."""
    return Bound(
        digest=asked.digest,
        stage=asked.stage,
        policy_digest=asked.policy_digest,
        evidence_set=(),
        incumbent=None,
        survives_rebase=False,
    )


def dispatched(asked: Asked, at: datetime, warnings: Sequence[str] = ()) -> list[Event]:
    """Take the slot and say what should run, and until when that may take."""
    is_deployed = asked.stage != "development"
    events: list[Event] = [
        PromotionDispatched(
            **asked.lane,
            version=asked.version,
            token=asked.token,
            gates=(_result("lane", "lane", GateStatus.PASS),),
            voters=tuple(
                Voter(approval=vote, who=who, gate=GATE)
                for who, vote in asked.votes.items()
            ),
            engine=Engine(rules="1"),
            warnings=tuple(warnings),
            policy_digest=asked.policy_digest,
            seen=SEEN,
            deadlines=_deadlines(at) if is_deployed else None,
            wake_at=None,
            rollout=None,
        ),
        SlotTaken(**asked.lane, token=asked.token),
    ]
    if not is_deployed:
        return events
    variant = Variant(
        version=asked.version,
        digest=asked.digest,
        size_bytes=412,
        uri=f"s3://models/{asked.model}/{asked.version}",
    )
    desired = DesiredSet(
        **asked.lane,
        revision=asked.revision,
        token=asked.token,
        kind=asked.kind,
        variants={"main": variant},
        targets={TARGET: {"main": 100}},
        previous=None,
        wave=0,
        step=0,
        split_key=None,
        drift=DriftPolicy.ALERT,
        beside=None,
        traffic=Traffic.WHOLE,
    )
    step = StepStarted(
        promotion=asked.id,
        wave=0,
        step=0,
        weight=100,
        targets=(TARGET,),
        step_by=None,
    )
    return [*events, desired, step]


def completed(asked: Asked) -> Event:
    """End the only step."""
    return StepCompleted(promotion=asked.id, wave=0, step=0, stragglers=())


def report(asked: Asked, *, seq: int, at: datetime) -> Report:
    """Let the agent say what runs."""
    return Report(
        **asked.lane,
        target=TARGET,
        agent="svc:scorer",
        seq=seq,
        revision=asked.revision,
        token=asked.token,
        observed={"main": asked.digest},
        reported_at=at,
    )


def pre_empted(asked: Asked, by: int) -> Sequence[Event]:
    """End for the sake of a rollback."""
    aborted = PromotionAborted(
        **asked.lane,
        version=asked.version,
        reason_code="pre_empted",
        by_promotion=by,
        reason=None,
    )
    return [aborted, SlotReleased(**asked.lane, token=asked.token)]


def succeeded(asked: Asked, depth: int) -> Sequence[Event]:
    """End well."""
    return [
        PromotionSucceeded(**asked.lane, version=asked.version),
        SlotReleased(**asked.lane, token=asked.token),
        StableAdvanced(**asked.lane, version=asked.version, depth=depth),
    ]


def _deadlines(at: datetime) -> Deadlines:
    return Deadlines(
        acknowledge_by=at + timedelta(minutes=5),
        step_by=at + timedelta(hours=4),
        end_by=at + timedelta(hours=96),
    )


def _result(gate: str, kind: str, status: GateStatus, **said: Any) -> GateResult:
    asks_people = kind == "approvals" and status is not GateStatus.PASS
    return GateResult(
        gate=gate,
        kind=kind,
        mode="enforce",
        status=status,
        detail=f"{kind}: {status}",
        values={"roles": "reviewer"} if asks_people else {},
        **said,
    )
