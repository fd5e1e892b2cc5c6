"""What may be asked about a version."""

from typing import Literal

from pydantic import Field

from rollbook.catalogue.parts import Artifact, Lineage, Scope
from rollbook.catalogue.version import Amendment
from rollbook.commands.command import ModelScoped
from rollbook.names import (
    EventId,
    Line,
    Metrics,
    Parameters,
    Principal,
    Prose,
    Reason,
    Tags,
    Version,
)


class RegisterVersion(ModelScoped):
    """Give these bytes a number; the server counts from 1."""

    command: Literal["RegisterVersion"] = "RegisterVersion"
    artifact: Artifact
    label: Line | None = None
    description: Prose | None = None
    framework: Line | None = None
    parameters: Parameters = Field(default_factory=dict)
    metrics: Metrics = Field(default_factory=dict)
    tags: Tags = Field(default_factory=dict)
    lineage: Lineage = Lineage()
    authors: tuple[Principal, ...] = ()


class AmendVersion(ModelScoped):
    """Correct what was recorded of a version."""

    command: Literal["AmendVersion"] = "AmendVersion"
    version: Version
    amends: EventId | None = None
    """The event that is corrected; the registration where it is None."""
    fields: Amendment
    reason: Reason


class DeprecateVersion(ModelScoped):
    """Advise against a version."""

    command: Literal["DeprecateVersion"] = "DeprecateVersion"
    version: Version
    reason: Reason


class RetireVersion(ModelScoped):
    """Never promote a version again."""

    command: Literal["RetireVersion"] = "RetireVersion"
    version: Version
    reason: Reason


class QuarantineVersion(ModelScoped):
    """Bar a version from stages, at once."""

    command: Literal["QuarantineVersion"] = "QuarantineVersion"
    version: Version
    scope: Scope = Scope()
    reason: Reason
    incident: Line | None = None


class ReleaseVersion(ModelScoped):
    """Lift a quarantine."""

    command: Literal["ReleaseVersion"] = "ReleaseVersion"
    version: Version
    scope: Scope = Scope()
    reason: Reason
