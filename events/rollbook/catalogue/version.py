"""What happens to a version of a model."""

from rollbook.catalogue.parts import Artifact, Lineage, Part, Scope
from rollbook.event import Event
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


class VersionRegistered(Event, recorded_as="version.registered"):
    """A version has its number and its bytes, for good."""

    version: Version
    artifact: Artifact
    label: Line | None
    description: Prose | None
    framework: Line | None
    parameters: Parameters
    metrics: Metrics
    tags: Tags
    lineage: Lineage
    authors: tuple[Principal, ...]
    producer: Principal
    """The person or workload behind the credential that registered it."""


class Amendment(Part):
    """The fields of a version that may be corrected; what is None stays."""

    description: Prose | None = None
    framework: Line | None = None
    parameters: Parameters | None = None
    metrics: Metrics | None = None
    tags: Tags | None = None
    lineage: Lineage | None = None


class VersionAmended(Event, recorded_as="version.amended"):
    """What was recorded of a version is corrected; the first record stays."""

    version: Version
    amends: EventId
    """The event that said it wrongly."""
    fields: Amendment
    reason: Reason


class VersionDeprecated(Event, recorded_as="version.deprecated"):
    """A version should not be chosen any more; it may still be."""

    version: Version
    reason: Reason


class VersionRetired(Event, recorded_as="version.retired"):
    """A version will never be promoted again."""

    version: Version
    reason: Reason


class VersionQuarantined(Event, recorded_as="version.quarantined"):
    """A version is barred from some stages, or all, until it is released."""

    version: Version
    scope: Scope
    reason: Reason
    incident: Line | None


class VersionReleased(Event, recorded_as="version.released"):
    """A quarantine is lifted, by somebody other than who declared it."""

    version: Version
    scope: Scope
    reason: Reason
