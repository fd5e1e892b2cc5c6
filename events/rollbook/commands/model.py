"""What may be asked about a model as a whole, and all that may be asked of it."""

from typing import Annotated, Literal

from pydantic import Field

from rollbook.commands.alias import MoveAlias
from rollbook.commands.approval import (
    Approve,
    Reject,
    RequestChanges,
    WithdrawVote,
)
from rollbook.commands.command import ModelScoped
from rollbook.commands.evidence import RecordEvidence, RevokeEvidence
from rollbook.commands.lane import PlaceHold, ReleaseHold
from rollbook.commands.promotion import (
    AbortPromotion,
    AdvancePromotion,
    CancelPromotion,
    DispatchPromotion,
    EvaluatePromotion,
    ExpirePromotion,
    PausePromotion,
    RecordAnalysis,
    RequestCandidates,
    RequestPromotion,
    RequestRollback,
    ResumePromotion,
)
from rollbook.commands.target import AcceptDrift, ReportTarget
from rollbook.commands.version import (
    AmendVersion,
    DeprecateVersion,
    QuarantineVersion,
    RegisterVersion,
    ReleaseVersion,
    RetireVersion,
)
from rollbook.commands.waiver import CloseReview, ConfirmWaiver, WaiveGates
from rollbook.names import Line, Prose, Tags


class RegisterModel(ModelScoped):
    """Take a name for a model, for good."""

    command: Literal["RegisterModel"] = "RegisterModel"
    owners: tuple[Line, ...] = ()
    task: Line | None = None
    tier: Line | None = None
    description: Prose | None = None
    labels: Tags = Field(default_factory=dict)
    side_effect_free: bool = False
    """Whether it may be asked for nothing: a shadow gets copies of requests."""


ModelCommand = Annotated[
    RegisterModel
    | RegisterVersion
    | AmendVersion
    | DeprecateVersion
    | RetireVersion
    | QuarantineVersion
    | ReleaseVersion
    | RecordEvidence
    | RevokeEvidence
    | MoveAlias
    | RequestPromotion
    | RequestRollback
    | EvaluatePromotion
    | DispatchPromotion
    | CancelPromotion
    | AbortPromotion
    | ExpirePromotion
    | AdvancePromotion
    | PausePromotion
    | ResumePromotion
    | RecordAnalysis
    | RequestCandidates
    | WaiveGates
    | ConfirmWaiver
    | CloseReview
    | Approve
    | Reject
    | RequestChanges
    | WithdrawVote
    | PlaceHold
    | ReleaseHold
    | ReportTarget
    | AcceptDrift,
    Field(discriminator="command"),
]
