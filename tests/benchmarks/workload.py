"""What does a realistic command look like?"""

import hashlib
from datetime import datetime

from rollbook.catalogue.parts import Artifact, Code, Dataset, Lineage, Verdict
from rollbook.commands.evidence import RecordEvidence
from rollbook.commands.version import RegisterVersion
from rollbook.names import Digest, EvidenceKind, ModelName, Version


def digest(*parts: object) -> Digest:
    """Make the digest of something that can be named."""
    text = "/".join(str(part) for part in parts)
    return Digest(f"sha256:{hashlib.sha256(text.encode()).hexdigest()}")


def model_name(number: int) -> ModelName:
    """Name one of many models; forty share a team."""
    return ModelName(f"team-{number // 40:02d}/model-{number:04d}")


def registration(model: ModelName, number: int) -> RegisterVersion:
    """Ask for a version with parameters, metrics and lineage."""
    return RegisterVersion(
        model=model,
        artifact=Artifact(
            uri=f"s3://models/{model}/{number}/model.bin",
            digest=digest(model, number),
            size_bytes=4_200_000 + number,
        ),
        framework="scikit-learn 1.9.1",
        parameters={"depth": 6, "learning_rate": 0.1, "loss": "log_loss"},
        metrics={
            "auc": round(0.8 + number % 97 / 1000, 4),
            "log_loss": round(0.31 - number % 89 / 1000, 5),
        },
        tags={"origin": "nightly"},
        lineage=Lineage(
            run=f"https://ci.example.com/runs/{model}/{number}",
            code=Code(
                repository="https://git.example.com/models",
                commit=digest("commit", number // 3)[7:47],
            ),
            datasets=(
                Dataset(
                    name="transactions",
                    digest=digest("transactions", number // 5),
                    role="train",
                ),
            ),
        ),
    )


def evaluation(
    model: ModelName, number: int, version: Version, at: datetime
) -> RecordEvidence:
    """Record what an evaluation found."""
    return RecordEvidence(
        model=model,
        version=version,
        kind=EvidenceKind("evaluation"),
        subject_digest=digest(model, number),
        dataset=Dataset(
            name="holdout", digest=digest("holdout", number // 50), role="test"
        ),
        metrics={"auc": round(0.79 + number % 97 / 1000, 4), "ece": 0.0213},
        verdict=Verdict.PASS,
        produced_at=at,
    )
