"""What may be asked without anything being recorded?"""

from typing import Literal

from rollbook.catalogue.parts import PromotionKind
from rollbook.commands.command import ModelScoped
from rollbook.names import Count, PromotionId, StageName, Version


class Explain(ModelScoped):
    """Why is this version not in this stage, and what would change that?

    Of a promotion where one is named or open, else of one that would be asked for
    now. The answer is a value of `rollbook_services.policy.explanation`.
    """

    command: Literal["Explain"] = "Explain"
    promotion: PromotionId | None = None
    stage: StageName | None = None
    version: Version | None = None
    kind: PromotionKind = PromotionKind.FORWARD
    as_of: Count | None = None
    """A sequence of the ledger; None: now."""
