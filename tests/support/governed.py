"""Which policy, freezes and linked people does a scenario live under?"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from rollbook.catalogue.calendar import InFlight, Lanes
from rollbook.catalogue.parts import PromotionKind
from rollbook.catalogue.promotion import Seen
from rollbook.envelope import Actor
from rollbook.names import EventId, Principal, TokenId
from rollbook_services.policy.document import Policy
from rollbook_services.policy.facts import Freeze
from rollbook_services.registrar.surroundings import DeclaredFreeze, Governing
from tests.support.scenario import DAVE, Scenario, person, tokens_of

OWNER: Final = person("o", "model-owner")
RISK: Final = person("r", "risk-officer")
BOTH: Final = person("m", "model-owner", "risk-officer")
COMMANDER: Final = person("e", "incident-commander")
SECOND: Final = person("s", "incident-commander", "head-of-risk")
REVIEWERS: Final = (OWNER, RISK, BOTH, COMMANDER, SECOND)

STAGING: Final[dict[str, Any]] = {"name": "staging", "targets": ["default"]}
PRODUCTION: Final[dict[str, Any]] = {
    "name": "production",
    "targets": ["default"],
    "after": {"stages": ["staging"]},
}
SIGN_OFF: Final[dict[str, Any]] = {
    "id": "sign-off",
    "kind": "approvals",
    "slots": [{"role": "model-owner"}, {"role": "risk-officer"}],
}


def policy(*stages: dict[str, Any], name: str = "tested", **spec: Any) -> Policy:
    """Make a policy of these stages."""
    return Policy.model_validate(
        {
            "apiVersion": "rollbook/v1",
            "kind": "ReleasePolicy",
            "metadata": {"name": name},
            "spec": {
                "applies_to": {"models": ["*"]},
                "stages": list(stages or (STAGING, PRODUCTION)),
                **spec,
            },
        }
    )


def production(**settings: Any) -> Policy:
    """Make a policy whose production stage says this."""
    return policy(STAGING, {**PRODUCTION, **settings})


def under(
    scenario: Scenario,
    rules: Policy,
    *,
    by: Actor | None = None,
    at: datetime | None = None,
) -> Scenario:
    """Let a policy hold from here on, and people with its roles exist."""
    before = scenario.context
    access = before.access
    if not any("risk-officer" in token.roles for token in access.tokens.values()):
        until = scenario.at + timedelta(days=3650)
        for id_, token in tokens_of(REVIEWERS, until=until).tokens.items():
            own = TokenId(f"{id_[:15]}7")
            access = replace(access, tokens=access.tokens.plus(own, token))
    governing = Governing(rules, by.id if by else None, at)
    seen = Seen(**{**before.seen.model_dump(), "policies": before.seen.policies + 1})
    return replace(
        scenario,
        context=replace(before, access=access, governing=governing, seen=seen),
    )


def linked(scenario: Scenario, *actors: Actor) -> Scenario:
    """Let several principals be one person."""
    one = min(actor.id for actor in actors)
    persons: dict[Principal, Principal] = dict.fromkeys(
        (actor.id for actor in actors), one
    )
    before = scenario.context
    access = replace(before.access, persons={**before.access.persons, **persons})
    return replace(scenario, context=replace(before, access=access))


def frozen(
    scenario: Scenario,
    *,
    in_flight: InFlight = InFlight.FINISH,
    until: datetime | None = None,
    waivable: bool = False,
    exempt: tuple[PromotionKind, ...] = (PromotionKind.ROLLBACK,),
    stages: tuple[Any, ...] = (),
) -> Scenario:
    """Close lanes from the scenario's present on."""
    freeze = Freeze(
        id=EventId(f"0000000f-0000-7000-8000-{len(scenario.context.freezes):012}"),
        by=DAVE.id,
        reason="year end",
        from_at=scenario.at,
        until=until,
        in_flight=in_flight,
        exempt=exempt,
        waivable=waivable,
    )
    declared = DeclaredFreeze(freeze, Lanes(stages=stages), stops_the_line=False)
    freezes = (*scenario.context.freezes, declared)
    return replace(scenario, context=replace(scenario.context, freezes=freezes))


def thawed(scenario: Scenario) -> Scenario:
    """Lift every freeze."""
    return replace(scenario, context=replace(scenario.context, freezes=()))
