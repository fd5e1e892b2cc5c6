"""Which names, digests and instants do the examples share?"""

from datetime import UTC, datetime
from typing import Final

from rollbook.catalogue.lane import Variant
from rollbook.catalogue.parts import Artifact, Code, Dataset, Lineage, Parent
from rollbook.names import (
    Digest,
    EventId,
    GateName,
    ModelName,
    PolicyName,
    Principal,
    PromotionId,
    Reason,
    StageName,
    TargetName,
    Version,
)

NOON: Final = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LATER: Final = datetime(2026, 12, 20, 12, 0, tzinfo=UTC)
STAGING: Final = StageName("staging")
PRODUCTION: Final = StageName("production")
DEFAULT: Final = TargetName("default")
ONE: Final = Version(1)
TWO: Final = Version(2)
PROMOTION: Final = PromotionId(31)
SCORER: Final = ModelName("fraud/scorer")
POLICY: Final = PolicyName("tier1-online")
SIGN_OFF: Final = GateName("sign-off")
REVIEWER: Final = Principal("prn:" + "b" * 13)
BECAUSE: Final = Reason("the night's evaluation, größer als je zuvor")


def digest(letter: str) -> Digest:
    """Make a digest that is easy to recognise."""
    return Digest("sha256:" + letter * 64)


def event_id(number: int) -> EventId:
    """Make the id of an event that stands for another one."""
    return EventId(f"01990000-0000-7000-8000-{number:012d}")


ARTIFACT: Final = Artifact(
    uri="s3://models/fraud/2/model.skops",
    digest=digest("2"),
    size_bytes=48_213,
    media_type="application/octet-stream",
)
LINEAGE: Final = Lineage(
    run="https://ci.example.com/runs/7c2e",
    code=Code(repository="https://git.example.com/fraud", commit="9f1c2e7"),
    datasets=(Dataset(name="payments-2026-10", digest=digest("d"), role="training"),),
    parents=(Parent(model=ModelName("fraud/base"), version=Version(4)),),
    base="hf://example/tabular",
)
VARIANT: Final = Variant(
    version=TWO, digest=digest("2"), size_bytes=48_213, uri=ARTIFACT.uri
)
BEFORE: Final = Variant(
    version=ONE,
    digest=digest("1"),
    size_bytes=47_000,
    uri="s3://models/fraud/1/model.skops",
)
