"""Which structured values do events and commands share?"""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from rollbook.names import Count, Digest, Line, ModelName, StageName, Uri, Version


class Part(BaseModel):
    """A value inside an event or a command: frozen, nothing unknown."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True
    )


class Artifact(Part):
    """The bytes of a version: where they lie and which they are."""

    uri: Uri
    digest: Digest
    size_bytes: Count
    media_type: Line | None = None


class Code(Part):
    """The code that made a version."""

    repository: Uri
    commit: Line


class Dataset(Part):
    """A data set, known by its digest."""

    name: Line
    digest: Digest
    role: Line | None = None


class Parent(Part):
    """A version this one was made from."""

    model: ModelName
    version: Version


class Lineage(Part):
    """What a version was made from."""

    run: Uri | None = None
    code: Code | None = None
    datasets: tuple[Dataset, ...] = ()
    parents: tuple[Parent, ...] = ()
    base: Uri | None = None


class Scope(Part):
    """The stages something covers; no stage named means every stage."""

    stages: tuple[StageName, ...] = ()


class Verdict(StrEnum):
    """What an evidence record says of its version."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


class PromotionKind(StrEnum):
    """What a promotion wants of its lane."""

    FORWARD = "forward"
    REDEPLOY = "redeploy"
    ROLLBACK = "rollback"


class GateStatus(StrEnum):
    """A gate's word; only `pass` opens it."""

    PASS = "pass"
    WAIT = "wait"
    FAIL = "fail"
    UNKNOWN = "unknown"
    WAIVED = "waived"
    """It does not pass, and a named person made it stop mattering; never a pass."""
