"""What does a CEL expression say of a promotion's facts?"""

from rollbook_services.policy.expression.context import (
    ANALYSIS,
    CONTEXT,
    WHEN,
    applies,
    context_of,
    of_analysis,
)
from rollbook_services.policy.expression.engine import ENGINE, Unknown, evaluate
from rollbook_services.policy.expression.lint import faults
from rollbook_services.policy.expression.reading import metrics_named

__all__ = [
    "ANALYSIS",
    "CONTEXT",
    "ENGINE",
    "WHEN",
    "Unknown",
    "applies",
    "context_of",
    "evaluate",
    "faults",
    "metrics_named",
    "of_analysis",
]
