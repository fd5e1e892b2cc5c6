"""How does a version come onto a stage's targets, as a policy says it?"""

import re
from datetime import timedelta
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from rollbook.names import Count, GateName, Line, RoleName, TargetName
from rollbook.refusals import one_of
from rollbook_services.policy.shape import (
    Duration,
    Expected,
    Mode,
    Shape,
    is_absent,
)

WHOLE: Final = 100  # percent
_SHARE: Final = re.compile(r"[1-9][0-9]?%|100%")


def _is_share(written: str) -> str:
    if _SHARE.fullmatch(written) is None:
        raise ValueError("write a share of 1% to 100%")
    return written


Share = Annotated[str, Expected("a share like `80%`"), AfterValidator(_is_share)]
"""Percent, as `10%`."""
MinSuccess = Literal["all"] | Annotated[int, Field(ge=1)] | Share
"""How many targets have to apply it: all, so many, or `80%`."""


class Analysis(Shape):
    """What a version has to prove while it comes onto the targets."""

    metric: GateName
    expr: Annotated[str, Field(max_length=1024)]
    """CEL over `value`, `champion` and `samples`."""
    min_samples: Count = 0
    failure_limit: Annotated[int, Field(ge=1, le=100)] = 1
    """After so many bad records in a row the version has failed."""
    on_missing: Literal["pause", "fail"]
    mode: Mode | None = None
    query: Annotated[
        Annotated[str, Field(max_length=2000)] | None, Field(exclude_if=is_absent)
    ] = None
    """PromQL that the conductor asks; None: somebody records the metric."""
    samples_query: Annotated[
        Annotated[str, Field(max_length=2000)] | None, Field(exclude_if=is_absent)
    ] = None
    """PromQL for how many samples `query` rests on."""
    every: Annotated[Duration | None, Field(exclude_if=is_absent)] = None
    """How often to ask; a minute if left out."""


class AllAtOnce(Shape):
    """Every target changes at once."""

    bake: Duration = timedelta(0)
    """How long the version has to prove itself once it runs."""
    min_success: MinSuccess = "all"
    """How many targets must apply it; the others catch up."""
    analysis: tuple[Analysis, ...] = ()


class Step(Shape):
    """More traffic for the new version, or a pause until a person looked."""

    weight: Annotated[int | None, Field(ge=1, le=WHOLE)] = None
    bake: Duration = timedelta(0)
    """How long the step has to prove itself once enough targets run it."""
    pause: RoleName | None = None
    """The only role that may let it go on."""

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if (self.weight is None) == (self.pause is None):
            raise ValueError("a step is one thing; write either `weight` or `pause`")
        if self.pause is not None and self.bake:
            raise ValueError("a person ends a pause; leave out `bake`")
        return self


class Canary(Shape):
    """A version gets a growing share of the traffic, target by target."""

    waves: tuple[Annotated[tuple[TargetName, ...], Field(min_length=1)], ...] = ()
    """Each wave goes through all steps; without waves all targets do together."""
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=50)]
    min_success: MinSuccess = "all"
    """How many targets of a wave must apply a step."""
    split_key: Line | None = None
    """What keeps a caller on one variant, as `header:x-customer`."""
    analysis: tuple[Analysis, ...] = ()


class Shadow(Shape):
    """A version gets copies of the requests; its answers are thrown away."""

    sample: Share
    min_samples: Count = 0
    duration: Duration


class Stop(Shape):
    """When an experiment is over."""

    after: Duration
    or_when: Annotated[str, Field(max_length=1024)] | None = None
    """CEL over `value`, `champion` and `samples`."""


class Challenger(Shape):
    """A version answers a share of the traffic and is compared with the champion."""

    share: Share
    split_key: Line
    metric: GateName
    better: Literal["higher", "lower"] = "higher"
    min_samples: Count = 0
    stop: Stop


class Strategy(Shape):
    """How a version comes onto the targets; one of these, all at once by default."""

    all_at_once: AllAtOnce = AllAtOnce()
    canary: Annotated[Canary | None, Field(exclude_if=is_absent)] = None
    shadow: Annotated[Shadow | None, Field(exclude_if=is_absent)] = None
    challenger: Annotated[Challenger | None, Field(exclude_if=is_absent)] = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        written = [
            name
            for name in ("all_at_once", "canary", "shadow", "challenger")
            if name in self.model_fields_set and getattr(self, name) is not None
        ]
        if len(written) > 1:
            raise ValueError(f"one strategy is enough; choose {one_of(written)}")
        return self

    @property
    def analysis(self) -> tuple[Analysis, ...]:
        """Return what a version has to prove while it comes onto the targets."""
        chosen = self.all_at_once if self.canary is None else self.canary
        return chosen.analysis

    @property
    def min_success(self) -> MinSuccess:
        """Return how many targets of a wave must apply it."""
        chosen = self.all_at_once if self.canary is None else self.canary
        return chosen.min_success

    @property
    def is_beside(self) -> bool:
        """Tell whether the version runs beside another, and replaces none."""
        return self.shadow is not None or self.challenger is not None
