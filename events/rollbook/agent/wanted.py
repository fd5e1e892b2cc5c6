"""What should one target serve of one model, all documents for it taken together?

Pure. A lane beside another takes its share from what that one calls `stable`, or
copies of the requests, so one run of 72 hours never blocks a hotfix.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from rollbook.agent.desired import Desired
from rollbook.catalogue.lane import DesiredSet, DriftPolicy, Traffic, Variant
from rollbook.commands.desired import Target
from rollbook.names import Digest

WHOLE: Final = 100  # percent
STABLE: Final = "stable"


@dataclass(frozen=True, slots=True)
class Share:
    """One version on the target, and what of the traffic it gets, in percent."""

    variant: Variant
    weight: int
    """Of the requests it answers."""
    mirror: int = 0
    """Of the requests it gets copies of; nobody sees its answers."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to serve; no shares: nothing."""

    target: Target
    event: DesiredSet
    """What the target's own lane says; its revision names this."""
    shares: Mapping[str, Share] = field(default_factory=dict)
    """By the variant's name; the weights sum to 100."""

    @property
    def split_key(self) -> str | None:
        """Say what keeps a caller on one variant, as `header:x-customer`."""
        return self.event.split_key

    @property
    def drift(self) -> DriftPolicy:
        """Say what becomes of something else that runs."""
        return self.event.drift

    @property
    def whole(self) -> Variant | None:
        """Return the version that answers all requests; None: none, or several do."""
        [*shares] = self.shares.values()
        is_one = len(shares) == 1 and shares[0].weight == WHOLE
        return shares[0].variant if is_one else None

    def digests(self) -> Mapping[Digest, int]:
        """Return the weight of each artifact, zero for one that gets copies alone."""
        found: dict[Digest, int] = {}
        for share in self.shares.values():
            digest = share.variant.digest
            found[digest] = found.get(digest, 0) + share.weight
        return found


def wanted(own: Desired, beside: Iterable[Desired] = ()) -> Wanted:
    """Join the documents of one model on one target.

    Raises ValueError where they make no sense: weights that do not sum to 100, a
    variant that is not described, a share larger than what `stable` has.
    """
    shares = dict(_shares(own))
    for other in beside:
        if other.event.traffic is Traffic.WHOLE:
            raise ValueError(f"{other.event.stage} wants all of the traffic beside")
        is_mirror = other.event.traffic is Traffic.MIRROR
        for name, share in _shares(other):
            named = f"{other.event.stage}-{name}"
            if is_mirror:
                shares[named] = Share(share.variant, 0, share.weight)
            else:
                shares[STABLE] = _less(shares.get(STABLE), share.weight)
                shares[named] = share
    total = sum(each.weight for each in shares.values())
    if shares and total != WHOLE:
        raise ValueError(f"the weights sum to {total}, not to {WHOLE}")
    return Wanted(own.target, own.event, shares)


def _shares(document: Desired) -> Iterable[tuple[str, Share]]:
    for name, weight in document.weights.items():
        variant = document.event.variants.get(name)
        if variant is None:
            raise ValueError(f"the document describes no variant {name}")
        if weight:
            yield name, Share(variant, weight)


def _less(share: Share | None, weight: int) -> Share:
    if share is None or share.weight <= weight:
        raise ValueError(f"`{STABLE}` has less than the {weight} % to be shared")
    return Share(share.variant, share.weight - weight, share.mirror)
