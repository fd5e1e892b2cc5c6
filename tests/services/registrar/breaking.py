"""What do the tests of waivers and of reviews begin with?"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from rollbook.catalogue.calendar import InFlight, Lanes
from rollbook.catalogue.waiver import ReviewOpened, WaiverRequested
from rollbook.commands.waiver import ConfirmWaiver, WaiveGates
from rollbook.envelope import Actor
from rollbook.names import EventId, GateName, Principal, PromotionId, Reason
from rollbook_services.policy.document import Policy
from rollbook_services.policy.facts import Freeze
from rollbook_services.registrar.surroundings import (
    Context,
    DeclaredFreeze,
    Governing,
)
from tests.support.scenario import (
    DAVE,
    EVERYBODY,
    FRAUD,
    PIPELINE,
    PRODUCTION,
    STAGING,
    START,
    Scenario,
    fraud,
    person,
    promote,
    tokens_of,
)

ERIN: Final = person("e", "incident-commander")
HEAD: Final = person("h", "head-of-risk")
AUDITOR: Final = person("u", "auditor")
PEOPLE: Final = (*EVERYBODY, ERIN, HEAD, AUDITOR)

SEV1: Final = {
    "name": "sev1",
    "waives": ["predecessor", "approvals", "freeze"],
    "roles": ["incident-commander"],
    "second_person": True,
    "incident_required": True,
    "valid_for": "4h",
    "review_within": "24h",
    "escalation_role": "head-of-risk",
}
SEV2: Final = {
    "name": "sev2",
    "waives": ["predecessor", "freeze"],
    "roles": ["incident-commander", "release-manager"],
    "second_person": False,
    "incident_required": False,
    "valid_for": "1h",
    "review_within": "24h",
    "escalation_role": "head-of-risk",
}


def policy(*classes: dict[str, Any]) -> Policy:
    """Guard production by a predecessor and a reviewer."""
    sign_off = {"kind": "approvals", "id": "sign-off", "slots": [{"role": "reviewer"}]}
    return Policy.model_validate(
        {
            "apiVersion": "rollbook/v1",
            "kind": "ReleasePolicy",
            "metadata": {"name": "tier1"},
            "spec": {
                "applies_to": {"models": [FRAUD]},
                "stages": [
                    {"name": STAGING},
                    {
                        "name": PRODUCTION,
                        "targets": ["default"],
                        "after": {"stages": [STAGING]},
                        "gates": [sign_off],
                        "break_glass": list(classes),
                    },
                ],
            },
        }
    )


def around(
    *freezes: DeclaredFreeze,
    people: Sequence[Actor] = PEOPLE,
    persons: dict[Principal, Principal] | None = None,
    classes: Sequence[dict[str, Any]] = (SEV1, SEV2),
) -> Context:
    """Make what lies around the model."""
    access = tokens_of(people, until=START.replace(year=2027))
    access = replace(access, persons=persons or {})
    governing = Governing(policy(*classes), None, None)
    return Context(access, governing, freezes=freezes)


def freeze(number: int, **changes: Any) -> DeclaredFreeze:
    """Close every lane."""
    fields: dict[str, Any] = {
        "id": EventId(f"01990000-0000-7000-8000-{number:012d}"),
        "by": DAVE.id,
        "reason": "quarter end",
        "from_at": START,
        "until": None,
        "in_flight": InFlight.FINISH,
        "exempt": (),
        "waivable": True,
        **changes,
    }
    return DeclaredFreeze(Freeze(**fields), Lanes(), stops_the_line=False)


def waiting(context: Context | None = None, *, by: Actor = PIPELINE) -> Scenario:
    """Begin with promotion 1, which lacks a predecessor and a reviewer."""
    model = replace(fraud(1), context=context or around())
    return model.given(promote(1, PRODUCTION), by=by)


def waive(*gates: str, under: str = "sev2", **changes: Any) -> WaiveGates:
    """Ask to break the glass."""
    fields: dict[str, Any] = {
        "promotion": PromotionId(1),
        "break_glass": under,
        "gates": tuple(GateName(each) for each in gates or ("predecessor",)),
        "reason": Reason("payments are down"),
        "incident": "INC-7",
        **changes,
    }
    return WaiveGates(model=FRAUD, **fields)


def confirm(seen: Scenario, **changes: Any) -> ConfirmWaiver:
    """Confirm the newest waiver."""
    fields: dict[str, Any] = {
        "promotion": PromotionId(1),
        "waiver": seen.id_of(WaiverRequested),
        **changes,
    }
    return ConfirmWaiver(model=FRAUD, **fields)


def with_an_overdue_review(context: Context | None = None) -> Scenario:
    """Begin a day after a waiver of `sev2` that nobody has looked at."""
    model = waiting(context).given(waive(), by=DAVE)
    due_at = model.event(ReviewOpened).due_at
    return replace(model, at=due_at - timedelta(minutes=1))
