"""How is it told what a policy would have said of the past?"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from rollbook.catalogue.policy import TrialSummary
from rollbook.names import GateName, ModelName, PolicyName, PromotionId, StageName
from rollbook_services.policy.words import moment
from rollbook_services.registrar.hindsight.supposing import Supposed

NO_KNOCK_ON: Final = (
    "The gates of the policy are judged on what really happened until each decision; "
    "what the policy would have changed later is not imagined."
)
"""What every report of a trial has to say."""


class Decided(StrEnum):
    """What really became of a promotion."""

    DISPATCHED = "dispatched"
    REJECTED = "rejected"
    EXPIRED = "expired"


class Outcome(StrEnum):
    """What the policy would have made of it."""

    SAME = "same"
    BLOCKED = "would_have_been_blocked"
    PASSED = "would_have_passed"
    NOT_ANSWERABLE = "not_answerable"


@dataclass(frozen=True, slots=True)
class Case:
    """One decision of the past."""

    model: ModelName
    promotion: PromotionId
    sequence: int
    at: datetime
    decided: Decided


@dataclass(frozen=True, slots=True)
class Verdict:
    """One decision of the past, and what the policy would have said of it."""

    model: ModelName
    promotion: PromotionId
    sequence: int
    at: datetime
    decided: Decided
    outcome: Outcome
    gates: tuple[GateName, ...]
    """Which of its gates would have been closed then."""
    earliest: datetime | None
    """When it would have passed."""
    why: str


@dataclass(frozen=True, slots=True)
class Trial:
    """What a policy would have said of the decisions of a ledger."""

    until_sequence: int
    verdicts: tuple[Verdict, ...]

    @property
    def summary(self) -> TrialSummary:
        """Count, for those who are asked to agree to the policy."""
        counted = Counter(each.outcome for each in self.verdicts)
        return TrialSummary(
            until_sequence=self.until_sequence,
            **{outcome.value: counted[outcome] for outcome in Outcome},
        )


def without_stage(case: Case, policy: PolicyName, stage: StageName) -> Verdict:
    """Say that the policy knows nothing of the stage."""
    why = f"policy {policy} has no stage {stage}"
    return _verdict(case, Outcome.NOT_ANSWERABLE, why)


def of_dispatched(case: Case, supposed: Supposed) -> Verdict:
    """Say what would have become of what was dispatched."""
    if supposed.closed:
        gates, why = _closed(supposed)
        return _verdict(case, Outcome.BLOCKED, why, gates=gates)
    if supposed.unanswerable:
        return _lacking(case, supposed)
    return _verdict(case, Outcome.SAME, "every gate would have been open")


def of_ended(
    case: Case,
    supposed: Supposed,
    *,
    open_at: datetime | None,
    lacking: Supposed | None,
) -> Verdict:
    """Say what would have become of what was never dispatched."""
    if open_at is not None:
        why = f"every gate would have been open at {moment(open_at)}"
        return _verdict(case, Outcome.PASSED, why, earliest=open_at)
    if lacking is not None:
        return _lacking(case, lacking)
    gates, why = _closed(supposed)
    return _verdict(
        case, Outcome.SAME, why or "it was ready, and ended all the same", gates=gates
    )


def _lacking(case: Case, supposed: Supposed) -> Verdict:
    gates = supposed.unanswerable
    why = f"nobody had recorded then what is asked for by {', '.join(gates)}"
    return _verdict(case, Outcome.NOT_ANSWERABLE, why, gates=gates)


def _closed(supposed: Supposed) -> tuple[tuple[GateName, ...], str]:
    told = (f"{each.gate} ({each.detail})" for each in supposed.closed)
    return tuple(each.gate for each in supposed.closed), "; ".join(told)


def _verdict(
    case: Case,
    outcome: Outcome,
    why: str,
    *,
    gates: tuple[GateName, ...] = (),
    earliest: datetime | None = None,
) -> Verdict:
    return Verdict(
        model=case.model,
        promotion=case.promotion,
        sequence=case.sequence,
        at=case.at,
        decided=case.decided,
        outcome=outcome,
        gates=gates,
        earliest=earliest,
        why=why,
    )
