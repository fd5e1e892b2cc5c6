"""Which events does the lineage view fold, into which tables?"""

from typing import Final

from rollbook_projections.lineage.handlers import HANDLERS
from rollbook_projections.lineage.tables import METADATA
from rollbook_projections.projection import Projection

LINEAGE: Final = Projection(
    name="lineage", version=1, metadata=METADATA, handlers=HANDLERS
)
