"""What happens to a model, its versions, their evidence and its aliases?"""

from typing import Final

from rollbook.catalogue.alias import AliasMoved
from rollbook.catalogue.evidence import (
    EvidenceRecorded,
    EvidenceRevoked,
    Statement,
    Verified,
)
from rollbook.catalogue.model import ModelRegistered
from rollbook.catalogue.parts import Dataset, Scope, Verdict
from rollbook.catalogue.version import (
    Amendment,
    VersionAmended,
    VersionDeprecated,
    VersionQuarantined,
    VersionRegistered,
    VersionReleased,
    VersionRetired,
)
from rollbook.event import Event
from rollbook.names import AliasName, EvidenceKind, KeyId, ModelName, Principal
from tests.support.examples.parts import (
    ARTIFACT,
    BECAUSE,
    LATER,
    LINEAGE,
    NOON,
    ONE,
    PRODUCTION,
    REVIEWER,
    TWO,
    digest,
    event_id,
)

EXAMPLES: Final[tuple[Event, ...]] = (
    ModelRegistered(
        model=ModelName("fraud/scorer"),
        owners=("team-fraud",),
        task="classification",
        tier="high",
        description="Scores payments.",
        labels={"area": "payments"},
        side_effect_free=True,
    ),
    VersionRegistered(
        version=TWO,
        artifact=ARTIFACT,
        label="2026-11 weekly",
        description="Trained on October.",
        framework="scikit-learn 1.9.1",
        parameters={"learning_rate": 1e-7, "max_depth": 8, "warm": True, "loss": "log"},
        metrics={"auc": 0.9134, "rows": 1e20},
        tags={"reviewed": "yes"},
        lineage=LINEAGE,
        authors=(REVIEWER,),
        producer=Principal("svc:train-fraud"),
    ),
    VersionAmended(
        version=TWO,
        amends=event_id(10),
        fields=Amendment(metrics={"auc": 0.9131}),
        reason=BECAUSE,
    ),
    VersionDeprecated(version=ONE, reason=BECAUSE),
    VersionRetired(version=ONE, reason=BECAUSE),
    VersionQuarantined(
        version=TWO,
        scope=Scope(stages=(PRODUCTION,)),
        reason=BECAUSE,
        incident="INC-204",
    ),
    VersionReleased(version=TWO, scope=Scope(), reason=BECAUSE),
    EvidenceRecorded(
        version=TWO,
        kind=EvidenceKind("evaluation"),
        subject_digest=digest("2"),
        dataset=Dataset(name="holdout", digest=digest("c")),
        metrics={"auc": 0.91},
        verdict=Verdict.PASS,
        produced_at=NOON,
        valid_until=LATER,
        statement=Statement(uri="s3://reports/2.json", digest=digest("f")),
        verified=Verified(
            kid=KeyId("ed25519:03396219237f75a6"),
            issuer="ci-main",
            predicate_type="https://slsa.dev/provenance/v1",
        ),
    ),
    EvidenceRevoked(version=TWO, evidence=event_id(20), reason=BECAUSE),
    AliasMoved(
        alias=AliasName("champion"),
        from_version=ONE,
        to_version=TWO,
        protected=False,
        reason=None,
    ),
)
