"""Which events does the stage view fold, into which tables?"""

from typing import Final

from rollbook_projections.projection import Projection
from rollbook_projections.stage.handlers import (
    approval,
    evidence,
    lane,
    model,
    promotion,
    target,
    version,
)
from rollbook_projections.stage.tables import METADATA

STAGE: Final = Projection(
    name="stage",
    version=1,
    metadata=METADATA,
    handlers={
        **model.HANDLERS,
        **version.HANDLERS,
        **evidence.HANDLERS,
        **promotion.HANDLERS,
        **approval.HANDLERS,
        **lane.HANDLERS,
        **target.HANDLERS,
    },
)
