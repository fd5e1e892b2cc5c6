"""What does a server say of a roll-out and of its targets? Documents for tests."""

from typing import Any, Final

MODEL: Final = "/v1/models/default/fraud"
STARTED: Final = "2026-05-01T09:31:02.000Z"
APPLIED: Final = "2026-05-01T09:31:07.000Z"
BAKES: Final = "2026-05-01T09:44:07.000Z"


def target(name: str, state: str = "desired", canary: int = 25, **said: Any) -> Any:
    """Describe one target, as lanes, promotions and the list of targets do."""
    variants = [
        {
            "variant": "stable",
            "version": 7,
            "digest": "sha256:7",
            "weight": 100 - canary,
        },
        {"variant": "canary", "version": 8, "digest": "sha256:8", "weight": canary},
    ]
    is_applied = state == "applied"
    return {
        "model": "fraud",
        "stage": "production",
        "target": name,
        "state": state,
        "revision": 12 if is_applied else 11,
        "applied_revision": 12 if is_applied else 11,
        "lagging": not is_applied,
        "desired": {
            "revision": 12,
            "at": STARTED,
            "promotion": 3,
            "variants": [each for each in variants if each["weight"]],
        },
        "runs": [{"variant": "stable", "version": 7, "digest": "sha256:7"}],
        "converged_ms": 1_240 if is_applied else 9_000,
        "recorded_at": APPLIED,
        "reason_code": None,
        "straggler": False,
        "drift": None,
        "agents": [{"agent": f"scorer-{name}", "state": "present", "drained": False}],
        **said,
    }


def step(**said: Any) -> dict[str, Any]:
    """Describe the step that runs: the second of four, in the first wave of two."""
    return {
        "wave": 0,
        "step": 1,
        "weight": 25,
        "targets": ["eu-1"],
        "pause": None,
        "started_at": STARTED,
        "applied_at": None,
        "bake_until": None,
        "step_by": "2026-05-01T13:31:02.000Z",
        **said,
    }


def analysis(value: str = "0.004", status: str = "pass", **said: Any) -> dict[str, Any]:
    """Describe what was measured of one metric in that step."""
    judged = {
        "gate": "error_rate",
        "kind": "analysis",
        "mode": "enforce",
        "status": status,
        "detail": "value < 0.01",
        "values": {"value": value},
    }
    return {
        "analysis": f"id-{value}",
        "wave": 0,
        "step": 1,
        "samples": 2311,
        "recorded_at": APPLIED,
        "judged": [judged],
        **said,
    }


def promotion(
    state: str = "PROGRESSING", *targets: Any, now: Any = None, **said: Any
) -> dict[str, Any]:
    """Describe a promotion whose roll-out is under way."""
    rollout = {
        "waves": [
            {"targets": ["eu-1"], "needed": 1},
            {"targets": ["eu-2"], "needed": 1},
        ],
        "steps": [{"weight": each} for each in (5, 25, 50, 100)],
        "now": now or step(),
    }
    return {
        "model": "fraud",
        "promotion": 3,
        "version": 8,
        "incumbent": 7,
        "stage": "production",
        "state": state,
        "gates": [],
        "pause": None,
        "analyses": [],
        "rollout": rollout,
        "targets": list(targets) or [target("eu-1"), target("eu-2", canary=0)],
        **said,
    }


def answered(data: Any) -> dict[str, Any]:
    """Put a document into an answer."""
    return {"data": data, "seq": 9, "as_of": {"seq": 9, "at": None}, "people": {}}
