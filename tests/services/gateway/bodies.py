"""What does a well-formed body of each command look like?"""

from typing import Any, Final

from tests.projections.facts import digest
from tests.projections.site import document

WHY: Final = {"reason": "because"}
HOLD: Final = "0" * 8 + "-0000-7000-8000-" + "0" * 12

BODIES: Final[dict[str, dict[str, Any]]] = {
    "RegisterModel": {
        "model": "risk/fraud",
        "owners": ["risk"],
        "side_effect_free": True,
    },
    "RegisterVersion": {
        "artifact": {"uri": "s3://m/8", "digest": digest(8), "size_bytes": 5}
    },
    "AmendVersion": {"fields": {"description": "better"}, **WHY},
    "DeprecateVersion": WHY,
    "RetireVersion": WHY,
    "QuarantineVersion": {"incident": "INC-1", **WHY},
    "ReleaseVersion": WHY,
    "RecordEvidence": {
        "kind": "evaluation",
        "subject_digest": digest(8),
        "verdict": "pass",
        "produced_at": "2026-05-01T09:00:00Z",
    },
    "RevokeEvidence": WHY,
    "MoveAlias": {"alias": "champion", "version": 7, "expected_previous": None},
    "PlaceHold": WHY,
    "ReleaseHold": {"hold": HOLD, **WHY},
    "RequestRollback": WHY,
    "RequestPromotion": {"stage": "production", "version": 7},
    "Approve": {"binding": digest("bound")},
    "Reject": {"binding": digest("bound"), "comment": "no"},
    "WithdrawVote": {},
    "CancelPromotion": WHY,
    "AbortPromotion": WHY,
    "EvaluatePromotion": {},
    "RequestChanges": {"binding": digest("bound"), "comment": "name the data"},
    "PausePromotion": WHY,
    "ResumePromotion": {"wave": 1, "step": 2, **WHY},
    "RecordAnalysis": {
        "metrics": {"candidate": {"error_rate": 0.01}},
        "samples": 100,
        "from_at": "2026-05-01T09:00:00Z",
        "until_at": "2026-05-01T09:01:00Z",
    },
    "WaiveGates": {"break_glass": "sev1", "gates": ["soak"], **WHY},
    "ConfirmWaiver": {},
    "CloseReview": {"finding": "justified", "notes": "it was real"},
    "ProposePolicy": {"document": document("strict", 1), **WHY},
    "EndorsePolicy": {"digest": digest("policy")},
    "ActivatePolicy": {"digest": digest("policy")},
    "RetirePolicy": WHY,
    "DeclareFreeze": {"covers": {"stages": ["production"]}, **WHY},
    "LiftFreeze": WHY,
    "RequestBundle": {
        "stage": "staging",
        "members": [
            {"model": "risk/fraud", "version": 7},
            {"model": "risk/rank", "version": 2},
        ],
        **WHY,
    },
    "CancelBundle": WHY,
    "RollBackBundle": WHY,
    "AcceptDrift": {"target": "eu-1", **WHY},
    "EnrolAgent": {
        "agent": "scorer",
        "place": {"stage": "production", "target": "eu-1"},
        "public_key": "U" + "A" * 55,
        "token": "a" * 16,
    },
    "RevokeAgent": WHY,
    "DrainAgent": WHY,
    "UndrainAgent": WHY,
    "LinkIdentity": {"principals": ["prn:" + "a" * 13, "prn:" + "b" * 13], **WHY},
    "IssueToken": {
        "token": "a" * 16,
        "sha256": "0" * 64,
        "principal": "svc:ci-bot",
        "roles": ["publisher"],
        "until": "2026-06-01T09:00:00Z",
    },
    "RevokeToken": WHY,
}
