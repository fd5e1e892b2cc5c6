"""What a reviewer may ask."""

from typing import Literal

from rollbook.commands.command import ModelScoped
from rollbook.names import Digest, GateName, PromotionId, Reason


class Approve(ModelScoped):
    """Vote for a promotion as it was shown: the binding says what was shown."""

    command: Literal["Approve"] = "Approve"
    promotion: PromotionId
    gate: GateName | None = None
    """Which approval gate; the only one where it is None."""
    binding: Digest
    comment: Reason | None = None


class Reject(ModelScoped):
    """Vote against a promotion."""

    command: Literal["Reject"] = "Reject"
    promotion: PromotionId
    gate: GateName | None = None
    binding: Digest
    comment: Reason


class WithdrawVote(ModelScoped):
    """Take one's own vote back."""

    command: Literal["WithdrawVote"] = "WithdrawVote"
    promotion: PromotionId
    gate: GateName | None = None


class RequestChanges(ModelScoped):
    """Ask for something before one would approve; the promotion goes on waiting."""

    command: Literal["RequestChanges"] = "RequestChanges"
    promotion: PromotionId
    gate: GateName | None = None
    binding: Digest
    comment: Reason
