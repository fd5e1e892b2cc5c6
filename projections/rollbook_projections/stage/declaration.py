"""Which events does the stage view fold, into which tables?"""

from typing import Final

from rollbook_projections.projection import Projection
from rollbook_projections.stage import tables
from rollbook_projections.stage.handlers import (
    access,
    approval,
    bundle,
    calendar,
    evidence,
    experiment,
    fleet,
    lane,
    model,
    policy,
    promotion,
    rollout,
    target,
    underway,
    version,
    waiver,
)
from rollbook_projections.stage.tables.metadata import METADATA

tables.load()

STAGE: Final = Projection(
    name="stage",
    version=3,
    metadata=METADATA,
    handlers={
        **model.HANDLERS,
        **version.HANDLERS,
        **evidence.HANDLERS,
        **promotion.HANDLERS,
        **underway.HANDLERS,
        **rollout.HANDLERS,
        **approval.HANDLERS,
        **waiver.HANDLERS,
        **lane.HANDLERS,
        **target.HANDLERS,
        **experiment.HANDLERS,
        **policy.HANDLERS,
        **calendar.HANDLERS,
        **bundle.HANDLERS,
        **fleet.HANDLERS,
        **access.HANDLERS,
    },
)
