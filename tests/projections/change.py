"""How does a story tell of votes, waivers and changes that are under way?"""

from datetime import timedelta
from typing import Final

from rollbook.catalogue.approval import ApprovalRefused, ChangesRequested, Vote
from rollbook.catalogue.lane import SlotReleased
from rollbook.catalogue.parts import GateStatus, PromotionKind
from rollbook.catalogue.promotion import (
    AnalysisRecorded,
    PauseCause,
    PromotionErrored,
    PromotionExpired,
    PromotionFailed,
    PromotionPaused,
    PromotionRebased,
    PromotionRebound,
    PromotionRequested,
    PromotionResumed,
    PromotionSuperseded,
    PromotionVerifying,
    RollbackTriggered,
)
from rollbook.catalogue.target import TargetErrored
from rollbook.catalogue.waiver import (
    Finding,
    GateWaived,
    ReviewClosed,
    ReviewOpened,
    WaiverRequested,
)
from rollbook.envelope import Actor
from rollbook.names import EventId
from tests.projections import facts
from tests.projections.facts import GATE
from tests.projections.story import ALICE, BOB, Story, digest
from tests.support.recorder import CI_BOT, CONDUCTOR

CLASS: Final = "sev1"
HOUR: Final = timedelta(hours=1)


def ask_for_changes(story: Story, promotion: int, by: Actor = BOB) -> EventId:
    """Want something first; the promotion waits."""
    return story.say(
        ChangesRequested(
            promotion=promotion,
            gate=GATE,
            roles=("reviewer",),
            binding=digest("bound"),
            comment="name the data set",
        ),
        by=by,
    )


def refuse_vote(story: Story, promotion: int, by: Actor = CI_BOT) -> EventId:
    """Tell who tried to approve their own."""
    return story.say(
        ApprovalRefused(
            promotion=promotion,
            gate=GATE,
            vote=Vote.APPROVE,
            reason_code="self_approval",
            message="the requester does not judge it; somebody else must vote",
        ),
        by=by,
    )


def rebind(story: Story, promotion: int, policy: str = "tier1") -> None:
    """Let other rules hold: every vote is void."""
    asked = story.promotions[promotion]
    before = asked.policy_digest
    asked.policy_digest, asked.state = digest(f"{policy}{story.now}"), "GATING"
    rebound = PromotionRebound(
        promotion=promotion,
        from_digest=before,
        to_digest=asked.policy_digest,
        policy=policy,
        voided=tuple(asked.votes.values()),
    )
    asked.votes.clear()
    story.say(rebound, by=CONDUCTOR)


def rebase(story: Story, promotion: int, to: int | None) -> None:
    """Let another version run there: every vote is void."""
    asked = story.promotions[promotion]
    asked.state = "GATING"
    rebased = PromotionRebased(
        promotion=promotion,
        from_version=None,
        to_version=to,
        voided=tuple(asked.votes.values()),
    )
    asked.votes.clear()
    story.say(rebased, by=CONDUCTOR)


def expire(story: Story, promotion: int) -> None:
    """Let its time be over."""
    story.promotions[promotion].state = "EXPIRED"
    at = story.ledger.at
    story.say(PromotionExpired(promotion=promotion, expires_at=at), by=CONDUCTOR)


def supersede(story: Story, promotion: int, by: int) -> None:
    """Let another promotion make it pointless."""
    story.promotions[promotion].state = "SUPERSEDED"
    pointless = PromotionSuperseded(
        promotion=promotion, reason_code="newer_ready", superseded_by=by
    )
    story.say(pointless, by=CONDUCTOR)


def pause(story: Story, promotion: int, by: Actor = ALICE) -> None:
    """Let it stand still."""
    asked = story.promotions[promotion]
    asked.returns_to, asked.state = asked.state, "PAUSED"
    stopped = PromotionPaused(
        promotion=promotion,
        cause=PauseCause.PERSON,
        reason="look at this first",
        inputs=(),
        wake_at=None,
        role=None,
    )
    story.say(stopped, by=by)


def resume(story: Story, promotion: int, *accepted: str, by: Actor = ALICE) -> None:
    """Let it go on."""
    asked = story.promotions[promotion]
    asked.state = asked.returns_to
    going_on = PromotionResumed(
        promotion=promotion,
        cause=PauseCause.PERSON,
        accepted=accepted,
        reason="looked at it",
        wake_at=story.ledger.at + HOUR,
    )
    story.say(going_on, by=by)


def verify(story: Story, promotion: int) -> None:
    """Let it prove itself."""
    asked = story.promotions[promotion]
    asked.state = "VERIFYING"
    proving = PromotionVerifying(
        **asked.lane, version=asked.version, bake_until=story.ledger.at + HOUR
    )
    story.say(facts.completed(asked), proving, by=CONDUCTOR)


def analyse(story: Story, promotion: int, error_rate: float = 0.01) -> EventId:
    """Say what was measured."""
    at = story.ledger.at
    return story.say(
        AnalysisRecorded(
            promotion=promotion,
            wave=0,
            step=0,
            metrics={"candidate": {"error_rate": error_rate}},
            samples=2_000,
            from_at=at,
            until_at=at + HOUR,
            judged=(),
        )
    )


def err(story: Story, promotion: int) -> None:
    """Let the agent find the platform at fault."""
    asked = story.promotions[promotion]
    why = "no_capacity"
    story.say(
        TargetErrored(report=story.report(asked), reason_code=why, log_uri=None),
        PromotionErrored(
            **asked.lane, version=asked.version, reason_code=why, inputs=()
        ),
        SlotReleased(**asked.lane, token=asked.token),
        by=CONDUCTOR,
    )
    story.end(asked, "ERRORED")


def fail_and_take_back(story: Story, promotion: int, to: int) -> int:
    """Let it fail, and let the policy ask for the rollback in the same decision."""
    asked = story.promotions[promotion]
    back = len(story.promotions) + 1
    version, incumbent = asked.version, story.stacks.get(asked.stage, [None])[-1]
    story.promotions[back] = facts.Asked(
        back, story.model, asked.stage, to, PromotionKind.ROLLBACK
    )
    requested = facts.requested(story.promotions[back], incumbent, "it failed")
    assert isinstance(requested, PromotionRequested)
    why = "analysis_breached"
    story.say(
        PromotionFailed(**asked.lane, version=version, reason_code=why, inputs=()),
        SlotReleased(**asked.lane, token=asked.token),
        RollbackTriggered(
            promotion=back,
            failed_promotion=promotion,
            reason_code=why,
            inputs=(),
            to=to,
        ),
        requested,
        by=CONDUCTOR,
    )
    story.end(asked, "FAILED")
    return back


def ask_to_waive(
    story: Story,
    promotion: int,
    *gates: str,
    by: Actor = ALICE,
    needs_second_person: bool = True,
    lasts: timedelta = HOUR,
) -> EventId:
    """Want to break the glass."""
    asked = story.promotions[promotion]
    waiver = story.say(
        WaiverRequested(
            promotion=promotion,
            stage=asked.stage,
            digest=asked.digest,
            break_glass=CLASS,
            gates=gates or ("soak",),
            reason="payments fail",
            incident="INC-7",
            until=story.ledger.at + lasts,
            needs_second_person=needs_second_person,
        ),
        by=by,
    )
    story.waivers[waiver] = promotion
    return waiver


def waive(
    story: Story,
    promotion: int,
    waiver: EventId,
    *gates: str,
    asked_by: Actor = ALICE,
    by: Actor | None = BOB,
) -> EventId:
    """Break the glass, and owe a review; returns the review."""
    waived = [
        GateWaived(
            promotion=promotion,
            waiver=waiver,
            gate=gate,
            status_then=GateStatus.WAIT,
            break_glass=CLASS,
            reason="payments fail",
            incident="INC-7",
            until=story.ledger.at + HOUR,
            asked_by=asked_by.id,
            second_person=by and by.id,
        )
        for gate in gates or ("soak",)
    ]
    review = ReviewOpened(
        promotion=promotion,
        waiver=waiver,
        break_glass=CLASS,
        due_at=story.ledger.at + 2 * HOUR,
        escalation_role="head-of-risk",
    )
    written = story.ledger.model(story.model, *waived, review, by=by or asked_by)
    owed = EventId(written[-1].id or "")
    del story.waivers[waiver]
    story.reviews[owed] = (promotion, waiver)
    return owed


def close_review(story: Story, review: EventId, by: Actor) -> None:
    """Say what the look came to."""
    promotion, waiver = story.reviews.pop(review)
    story.say(
        ReviewClosed(
            promotion=promotion,
            review=review,
            waiver=waiver,
            finding=Finding.JUSTIFIED,
            notes="the incident was real",
        ),
        by=by,
    )
