"""Which events does the conductor fold, into which tables?"""

from typing import Final

from rollbook_projections.projection import Projection
from rollbook_services.conductor.handlers import (
    access,
    bundle,
    calendar,
    choice,
    fleet,
    lane,
    policy,
    promotion,
    rollout,
)
from rollbook_services.conductor.tables import METADATA

CONDUCTOR: Final = Projection(
    name="conductor",
    version=3,
    metadata=METADATA,
    handlers={
        **access.HANDLERS,
        **policy.HANDLERS,
        **calendar.HANDLERS,
        **bundle.HANDLERS,
        **choice.HANDLERS,
        **promotion.HANDLERS,
        **rollout.HANDLERS,
        **lane.HANDLERS,
        **fleet.HANDLERS,
    },
)
