"""By which waves and steps does a version come onto the targets?

Recorded at dispatch: a change under way keeps the plan it began with.
"""

from rollbook.catalogue.parts import Part
from rollbook.names import Count, Line, Prose, RoleName, TargetName


class Wave(Part):
    """Targets that go through the steps together."""

    targets: tuple[TargetName, ...]
    needed: Count
    """How many of them must apply a step before it is over."""


class PlannedStep(Part):
    """One step that every wave goes through."""

    weight: Count
    """Percent of a target's traffic; where `pause` is set, what the step before had."""
    bake_ms: Count
    """How long it has to prove itself once enough targets run it."""
    pause: RoleName | None
    """Who alone may let it go on; None: it goes on by itself."""


class Measure(Part):
    """A metric that the conductor asks a metrics server for."""

    metric: Line
    query: Prose
    samples_query: Prose | None
    every_ms: Count


class Rollout(Part):
    """The whole plan: each wave goes through all steps before the next begins."""

    waves: tuple[Wave, ...]
    steps: tuple[PlannedStep, ...]
    split_key: Line | None
    """What keeps a caller on one variant, `header:x-customer`; None: chance."""
    measures: tuple[Measure, ...]
    drained: tuple[TargetName, ...]
    """Targets that were drained at dispatch: they are told, and not waited for."""
