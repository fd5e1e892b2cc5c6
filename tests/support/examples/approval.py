"""What do people say of a promotion, and who breaks the glass?"""

from typing import Final

from rollbook.catalogue.approval import (
    ApprovalGranted,
    ApprovalRefused,
    ApprovalRejected,
    ApprovalWithdrawn,
    Bound,
    ChangesRequested,
    Vote,
)
from rollbook.catalogue.parts import GateStatus
from rollbook.catalogue.waiver import (
    Finding,
    GateWaived,
    ReviewClosed,
    ReviewOpened,
    WaiverRequested,
)
from rollbook.event import Event
from rollbook.names import GateName, Principal, RoleName
from tests.support.examples.parts import (
    BECAUSE,
    LATER,
    ONE,
    PRODUCTION,
    PROMOTION,
    REVIEWER,
    SIGN_OFF,
    digest,
    event_id,
)

BOUND: Final = Bound(
    digest=digest("2"),
    stage=PRODUCTION,
    policy_digest=digest("e"),
    evidence_set=(event_id(20), event_id(21)),
    incumbent=ONE,
    survives_rebase=False,
)
SOAK: Final = GateName("soak")
COMMANDER: Final = Principal("prn:" + "c" * 13)

_VOTES: Final[tuple[Event, ...]] = (
    ApprovalGranted(
        promotion=PROMOTION,
        gate=SIGN_OFF,
        roles=(RoleName("reviewer"),),
        binding=digest("b"),
        bound_to=BOUND,
        valid_until=LATER,
        comment=BECAUSE,
    ),
    ApprovalRejected(
        promotion=PROMOTION,
        gate=SIGN_OFF,
        roles=(RoleName("reviewer"),),
        binding=digest("b"),
        bound_to=BOUND,
        comment=BECAUSE,
    ),
    ApprovalWithdrawn(promotion=PROMOTION, gate=SIGN_OFF, approval=event_id(40)),
    ChangesRequested(
        promotion=PROMOTION,
        gate=SIGN_OFF,
        roles=(RoleName("reviewer"),),
        binding=digest("b"),
        comment=BECAUSE,
    ),
    ApprovalRefused(
        promotion=PROMOTION,
        gate=SIGN_OFF,
        vote=Vote.REQUEST_CHANGES,
        reason_code="self_approval",
        message="the requester does not judge the promotion; somebody else must vote",
    ),
)
_WAIVERS: Final[tuple[Event, ...]] = (
    WaiverRequested(
        promotion=PROMOTION,
        stage=PRODUCTION,
        digest=digest("2"),
        break_glass="sev1",
        gates=(SOAK,),
        reason=BECAUSE,
        incident="INC-88",
        until=LATER,
        needs_second_person=True,
    ),
    GateWaived(
        promotion=PROMOTION,
        waiver=event_id(70),
        gate=SOAK,
        status_then=GateStatus.WAIT,
        break_glass="sev1",
        reason=BECAUSE,
        incident="INC-88",
        until=LATER,
        asked_by=COMMANDER,
        second_person=REVIEWER,
    ),
    ReviewOpened(
        promotion=PROMOTION,
        waiver=event_id(70),
        break_glass="sev1",
        due_at=LATER,
        escalation_role="head-of-risk",
    ),
    ReviewClosed(
        promotion=PROMOTION,
        review=event_id(71),
        waiver=event_id(70),
        finding=Finding.NOT_JUSTIFIED,
        notes=BECAUSE,
    ),
)

EXAMPLES: Final = (*_VOTES, *_WAIVERS)
