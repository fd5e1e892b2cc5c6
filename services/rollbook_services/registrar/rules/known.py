"""Does what a request names exist?"""

from rollbook.names import PromotionId, StageName, Version
from rollbook.refusals import (
    Refusal,
    unknown_promotion,
    unknown_stage,
    unknown_version,
)
from rollbook_services.policy.stage import Stage
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.state import (
    KnownVersion,
    Promotion,
)


def version_named(decision: Decision, number: Version) -> KnownVersion | Refusal:
    """Find a version of the model."""
    model = decision.model
    found: KnownVersion | None = model.versions.get(number)
    if found is None:
        return unknown_version(model.name, number, newest=len(model.versions))
    return found


def stage_named(decision: Decision, name: StageName) -> Stage | Refusal:
    """Find a stage of the policy."""
    found = decision.policy.stage(name)
    return found or unknown_stage(name, decision.policy.names())


def promotion_named(decision: Decision, number: PromotionId) -> Promotion | Refusal:
    """Find a promotion of the model."""
    model = decision.model
    found: Promotion | None = model.promotions.get(number)
    if found is None:
        return unknown_promotion(model.name, number, newest=len(model.promotions))
    return found
