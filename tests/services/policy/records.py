"""Which records of evidence do tests of expressions and their gates start from?"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from rollbook.catalogue.parts import Verdict
from rollbook.names import EvidenceKind, KeyId, Version
from rollbook_services.policy.facts import Attested, Champion, Facts, Record
from tests.services.policy.cases import FACTS, START, VERSION, digest, event

DAY: Final = timedelta(days=1)
HOLDOUT: Final = "holdout-2026"
KEY: Final = KeyId("ed25519:" + "0" * 16)
PROVENANCE: Final = "https://slsa.dev/provenance/v1"
EVAL: Final = Record(
    id=event("1"),
    kind=EvidenceKind("eval"),
    dataset=HOLDOUT,
    subject_digest=digest(1),
    verdict=Verdict.PASS,
    metrics={"auc": 0.934},
    produced_at=START - DAY,
    valid_until=None,
)
BEFORE: Final = replace(
    EVAL, id=event("9"), metrics={"auc": 0.931}, subject_digest=digest(6)
)


def record(name: str = "1", **changes: Any) -> Record:
    return replace(EVAL, id=event(name), **changes)


def attested(name: str, issuer: str = "ci-main", **changes: Any) -> Record:
    return record(
        name,
        kind=EvidenceKind("attestation"),
        attested=Attested(KEY, issuer, PROVENANCE),
        **changes,
    )


def facts(*records: Record, champion: Champion | None = None, **changes: Any) -> Facts:
    registered = replace(VERSION, records=records, **changes)
    return replace(FACTS, registered=registered, champion=champion)


def champion(*records: Record) -> Champion:
    return Champion(version=Version(6), label=None, records=records)


def after(days: float) -> datetime:
    return START + days * DAY
