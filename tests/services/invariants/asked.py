"""What was a promotion asked for as, and by whom?"""

from dataclasses import dataclass

from rollbook.catalogue.parts import PromotionKind
from rollbook.catalogue.promotion import PromotionRequested
from rollbook.envelope import Actor
from rollbook.names import Digest, Principal, Version


@dataclass
class Asked:
    """A promotion as it was asked for, and against what it is judged now."""

    event: PromotionRequested
    actor: Actor
    incumbent: Version | None
    """As stated, or as it was judged again."""
    policy_digest: Digest
    """Of the rules it is judged by."""

    @property
    def by(self) -> Principal:
        """Return who asked."""
        return self.actor.id

    @property
    def is_forward(self) -> bool:
        """Tell a change forward from the others."""
        return self.event.kind is PromotionKind.FORWARD

    @property
    def is_rollback(self) -> bool:
        """Tell a rollback from what needs its gates."""
        return self.event.kind is PromotionKind.ROLLBACK
