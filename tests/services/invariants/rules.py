"""Under which policies do random histories live?"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from rollbook.names import StageName
from rollbook_services.policy.document import BUILT_IN, Policy
from tests.support.governed import PRODUCTION, SIGN_OFF, STAGING, policy

Written = Mapping[str, Any]

DEVELOPMENT: Final[Written] = {"name": "development"}
REVIEW: Final[Written] = {**SIGN_OFF, "slots": [{"role": "reviewer"}]}
TWO: Final[Written] = {**SIGN_OFF, "reject": {"count": 2}, "valid_for": "12h"}
QUALITY: Final[Written] = {
    "id": "quality",
    "kind": "evidence",
    "evidence": "eval",
    "expr": "metrics.auc >= 0.9",
    "on_missing": "wait",
    "max_age": "2d",
}
LOAD: Final[Written] = {
    "id": "load",
    "kind": "evidence",
    "evidence": "load",
    "on_missing": "fail",
}
BETTER: Final[Written] = {
    "id": "better",
    "kind": "evidence",
    "evidence": "eval",
    "when": "champion.exists",
    "expr": "metrics.auc >= champion.metrics.auc",
    "on_missing": "fail",
}
SOAK: Final[Written] = {"id": "soak", "kind": "soak", "in": "staging", "for": "3h"}
RATE: Final[Written] = {"id": "rate", "kind": "rate", "max": 1, "per": "4h"}
OFFICE: Final[Written] = {
    "name": "office",
    "kind": "allow",
    "zone": "Europe/Berlin",
    "start": "2026-01-01T08:00",
    "lasts": "10h",
    "rrule": "FREQ=DAILY",
}
LUNCH: Final[Written] = {
    "name": "lunch",
    "kind": "deny",
    "zone": "Europe/Berlin",
    "start": "2026-01-01T12:00",
    "lasts": "1h",
    "rrule": "FREQ=DAILY",
}
WATCHED: Final[Written] = {
    "all_at_once": {
        "bake": "1h",
        "analysis": [
            {
                "metric": "errors",
                "expr": "value < 0.01",
                "min_samples": 100,
                "failure_limit": 2,
                "on_missing": "pause",
            },
            {"metric": "delay", "expr": "value < champion * 1.2", "on_missing": "fail"},
        ],
    }
}
SEV1: Final[Written] = {
    "name": "sev1",
    "waives": ["predecessor", "approvals", "soak", "freeze", "evidence"],
    "roles": ["incident-commander"],
    "second_person": True,
    "incident_required": False,
    "valid_for": "4h",
    "review_within": "24h",
    "escalation_role": "head-of-risk",
}
SEV2: Final[Written] = {
    **SEV1,
    "name": "sev2",
    "waives": ["soak", "freeze", "approvals"],
    "second_person": False,
    "valid_for": "1h",
}


MANY: Final = ("eu-1", "eu-2", "us-1")
BY_WAVES: Final[Written] = {
    "canary": {
        "waves": [["eu-1"], ["eu-2", "us-1"]],
        "steps": [{"weight": 10, "bake": "10m"}, {"weight": 100, "bake": "20m"}],
        "min_success": "50%",
        "analysis": WATCHED["all_at_once"]["analysis"][:1],
    }
}
PATIENT: Final[Written] = {"deadlines": {"ack": "1d", "step": "2d", "total": "4d"}}
BY_HAND: Final[Written] = {
    "canary": {
        "steps": [
            {"weight": 5},
            {"pause": "model-owner"},
            {"weight": 50, "bake": "10m"},
            {"weight": 100},
        ],
    }
}
SHADOW: Final[Written] = {
    **PATIENT,
    "name": "shadow",
    "beside": "production",
    "after": {"stages": ["staging"]},
    "auto_promote": "newest_eligible",
    "strategy": {"shadow": {"sample": "10%", "min_samples": 100, "duration": "9h"}},
}
DUEL: Final[Written] = {
    **PATIENT,
    "name": "duel",
    "beside": "production",
    "strategy": {
        "challenger": {
            "share": "20%",
            "split_key": "header:x-customer",
            "metric": "gain",
            "min_samples": 100,
            "stop": {"after": "3h", "or_when": "value > champion * 1.2"},
        }
    },
}
OTHER_DUEL: Final[Written] = {**DUEL, "name": "other-duel", "queue": "single"}
WON: Final[Written] = {
    "id": "won",
    "kind": "evidence",
    "evidence": "experiment",
    "when": "champion.exists",
    "on_missing": "wait",
    "mode": "warn",
}


def ruled(
    staging: Written | None = None,
    production: Written | None = None,
    beside: Sequence[Written] = (),
    **spec: Any,
) -> Policy:
    """Make a policy of three stages; the first deploys nothing."""
    first = {**STAGING, **(staging or {})}
    second = {**PRODUCTION, **(production or {})}
    more = [dict(each) for each in beside]
    return policy(dict(DEVELOPMENT), first, second, *more, **spec)


WIDE: Final[Mapping[str, Policy]] = {
    "by waves": ruled(
        {},
        {
            **PATIENT,
            "targets": MANY,
            "strategy": BY_WAVES,
            "rollback": {"when": ["failed", "errored"]},
        },
    ),
    "by hand": ruled(
        {},
        {
            **PATIENT,
            "targets": MANY[:2],
            "strategy": BY_HAND,
            "windows": [LUNCH],
            "in_flight_when_closed": "pause",
            "rollback": {"when": ["failed"], "profile": "same"},
        },
    ),
    "shadowed": ruled(
        {},
        {
            **PATIENT,
            "targets": MANY[:2],
            "after": {"stages": ["staging", "shadow"], "mode": "any"},
            "auto_promote": "newest_eligible",
        },
        [SHADOW],
    ),
    "challenged": ruled(
        {},
        {"targets": MANY[1:], "strategy": BY_HAND, "gates": [WON]},
        [{**DUEL, "auto_promote": "newest_eligible"}, OTHER_DUEL],
    ),
}
"""Production has several targets, and versions run beside it."""
POLICIES: Final[Mapping[str, Policy]] = {
    **WIDE,
    "two roles": ruled(
        {"gates": [QUALITY]},
        {
            "gates": [QUALITY, TWO],
            "separation_of_duties": {"authors": True},
        },
    ),
    "warned": ruled(
        {"mode": "warn", "gates": [LOAD]},
        {"gates": [REVIEW, {**LOAD, "mode": "warn"}, {**SOAK, "mode": "observe"}]},
    ),
    "observed": ruled({"gates": [QUALITY]}, {"gates": [REVIEW, SOAK]}, mode="observe"),
    "watched": ruled(
        {"strategy": WATCHED, "rollback": {"when": ["failed"]}},
        {"strategy": {"all_at_once": {"bake": "30m"}}, "gates": [REVIEW]},
    ),
    "soaked": ruled(
        {"rollback": {"when": ["failed", "errored"]}},
        {"gates": [SOAK, RATE, {**REVIEW, "valid_for": "6h"}]},
    ),
    "windows": ruled(
        {"windows": [LUNCH], "in_flight_when_closed": "abort"},
        {"windows": [OFFICE, LUNCH], "in_flight_when_closed": "pause"},
    ),
    "automatic": ruled(
        {
            "auto_promote": "newest_eligible",
            "gates": [QUALITY],
            "rollback": {"when": ["failed", "errored"]},
        },
        {"auto_promote": "match_upstream", "gates": [RATE]},
    ),
    "first come": ruled(
        {"queue": "fifo", "on_rebase": "revalidate"},
        {
            "queue": "fifo",
            "on_rebase": "revalidate",
            "gates": [{**REVIEW, "survive_rebase": True, "opens": "request"}],
        },
    ),
    "judged again": ruled(
        {"on_rebase": "revalidate", "gates": [BETTER]},
        {"on_rebase": "revalidate", "gates": [{**REVIEW, "opens": "request"}, BETTER]},
    ),
    "one at a time": ruled(
        {"queue": "single"}, {"queue": "single", "gates": [REVIEW, QUALITY]}
    ),
    "glass": ruled(
        {},
        {"gates": [SOAK, REVIEW], "break_glass": [SEV1, SEV2]},
    ),
    "careful rollbacks": ruled(
        {"gates": [QUALITY], "rollback": {"gates": ["quality"], "when": ["failed"]}},
        {"gates": [REVIEW], "rollback": {"gates": ["sign-off"]}},
    ),
}
ALL: Final[Mapping[str, Policy]] = {"built-in": BUILT_IN, **POLICIES}
PLAIN: Final[Mapping[str, Policy]] = {
    name: ruled({}, {"targets": wide.spec.stages[2].targets})
    for name, wide in WIDE.items()
}
"""The same targets, and nothing to prove on the way there."""
BEGUN: Final[Mapping[str, StageName]] = {
    "by waves": StageName("production"),
    "by hand": StageName("production"),
    "shadowed": StageName("shadow"),
    "challenged": StageName("duel"),
}
"""Where version 2 is on its way when a history begins."""
_STRICTER: Final[Written] = {"id": "also", "kind": "rate", "max": 3, "per": "1d"}


@cache
def changed(name: str, number: int) -> Policy:
    """Return another policy of the same people: stricter, without a stage, or other."""
    now = ALL[name]
    match number % 4:
        case 0:
            return now
        case 1:
            return ruled({}, {"gates": [REVIEW, _STRICTER]})
        case 2:
            return policy(dict(DEVELOPMENT), dict(STAGING))
        case _:
            names = list(POLICIES)
            return POLICIES[names[number % len(names)]]
