"""How do tests write policies, and look them over?"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rollbook_services.policy.document import Policy
from rollbook_services.policy.fault import Fault
from rollbook_services.policy.lint.known import Known
from rollbook_services.policy.lint.lint import Report, lint
from rollbook_services.policy.reading import check

AS_OF: Final = datetime(2026, 11, 26, 12, tzinfo=UTC)  # a Thursday
NOTHING: Final = Known()
EXAMPLE: Final = (Path(__file__).parent / "tier1-online.yaml").read_text()
BY_STEPS: Final = (Path(__file__).parent / "tier1-steps.yaml").read_text()


def stage(name: str = "prod", **said: Any) -> dict[str, Any]:
    return {"name": name, **said}


def sign_off(**said: Any) -> dict[str, Any]:
    return {"kind": "approvals", "slots": [{"role": "reviewer"}], **said}


def soak(stage: str = "staging", lasts: str = "24h", **said: Any) -> dict[str, Any]:
    return {"kind": "soak", "in": stage, "for": lasts, **said}


def evidence(**said: Any) -> dict[str, Any]:
    return {"kind": "evidence", "evidence": "eval", "on_missing": "wait", **said}


def window(**said: Any) -> dict[str, Any]:
    return {
        "name": "office",
        "kind": "allow",
        "zone": "Europe/Berlin",
        "start": "2026-01-05T09:00",
        "lasts": "7h",
        "rrule": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH",
        **said,
    }


def glass(**said: Any) -> dict[str, Any]:
    return {
        "name": "sev1",
        "waives": ["soak"],
        "roles": ["incident-commander"],
        "valid_for": "4h",
        "review_within": "24h",
        **said,
    }


def analysis(**said: Any) -> dict[str, Any]:
    return {
        "metric": "errors",
        "expr": "value < 0.1",
        "on_missing": "pause",
        **said,
    }


def canary(*steps: dict[str, Any], **said: Any) -> dict[str, Any]:
    written = list(steps) or [{"weight": 10, "bake": "30m"}, {"weight": 100}]
    return {"canary": {"steps": written, **said}}


def shadow(**said: Any) -> dict[str, Any]:
    return {"shadow": {"sample": "10%", "duration": "24h", **said}}


def challenger(after: str = "2d", **said: Any) -> dict[str, Any]:
    written = {
        "share": "5%",
        "split_key": "cookie:session",
        "metric": "conversion",
        "stop": {"after": after},
        **said,
    }
    return {"challenger": written}


def document(*stages: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "rollbook/v1",
        "kind": "ReleasePolicy",
        "metadata": {"name": "rules"},
        "spec": {
            "applies_to": {"models": ["acme/fraud"]},
            "stages": list(stages) or [stage()],
            **spec,
        },
    }


def policy(*stages: dict[str, Any], **spec: Any) -> Policy:
    checked = check(document(*stages, **spec))
    assert isinstance(checked, Policy), [str(fault) for fault in checked]
    return checked


def looked_over(*stages: dict[str, Any], known: Known = NOTHING, **spec: Any) -> Report:
    return lint(policy(*stages, **spec), known, as_of=AS_OF)


def errors(*stages: dict[str, Any], known: Known = NOTHING, **spec: Any) -> list[str]:
    return told(looked_over(*stages, known=known, **spec).errors)


def warnings(*stages: dict[str, Any], known: Known = NOTHING, **spec: Any) -> list[str]:
    return told(looked_over(*stages, known=known, **spec).warnings)


def told(faults: Sequence[Fault]) -> list[str]:
    """Say each fault as `path: message; remedy`."""
    return [str(fault) for fault in faults]
