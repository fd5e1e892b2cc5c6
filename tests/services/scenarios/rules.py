"""Which policies do the stories live under?"""

from typing import Any, Final

from rollbook_services.policy.document import Policy
from tests.support.governed import PRODUCTION as PRODUCTION_SPEC
from tests.support.governed import SIGN_OFF, policy, production
from tests.support.governed import STAGING as STAGING_SPEC

TWO_ROLES: Final[Policy] = production(gates=[SIGN_OFF])
"""Production asks a model-owner and a risk-officer."""

QUALITY: Final[dict[str, Any]] = {
    "id": "quality",
    "kind": "evidence",
    "evidence": "eval",
    "expr": "metrics.auc >= 0.9",
    "on_missing": "wait",
}
AUTOMATIC: Final[Policy] = policy(
    {**STAGING_SPEC, "auto_promote": "newest_eligible", "gates": [QUALITY]}
)
"""Staging takes the newest version that is good enough, whoever made it."""

__all__ = [
    "AUTOMATIC",
    "PRODUCTION_SPEC",
    "QUALITY",
    "SIGN_OFF",
    "STAGING_SPEC",
    "TWO_ROLES",
    "policy",
    "production",
]
