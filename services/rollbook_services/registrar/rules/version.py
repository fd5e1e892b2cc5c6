"""Which bytes get which number, and what may be said of them afterwards?"""

from dataclasses import replace

from rollbook.catalogue.parts import Lineage
from rollbook.catalogue.version import (
    VersionAmended,
    VersionDeprecated,
    VersionRegistered,
    VersionRetired,
)
from rollbook.commands.version import (
    AmendVersion,
    DeprecateVersion,
    RegisterVersion,
    RetireVersion,
)
from rollbook.names import StageName, Version
from rollbook.refusals import Refusal, invalid_field, unknown_version
from rollbook.standing import (
    already_registered,
    label_taken,
    version_in_use,
    version_retired,
)
from rollbook_services.policy.facts import VersionStatus
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.rules.known import version_named
from rollbook_services.registrar.state import (
    KnownVersion,
    Mark,
    Model,
)


def register(command: RegisterVersion, decision: Decision) -> Refusal | None:
    """Give these bytes the next number."""
    model = decision.model
    refusal = _is_known(command, model) or _lacks_parent(command.lineage, model)
    if refusal is not None:
        return refusal
    decision.record(
        VersionRegistered(
            version=Version(len(model.versions) + 1),
            artifact=command.artifact,
            label=command.label,
            description=command.description,
            framework=command.framework,
            parameters=command.parameters,
            metrics=command.metrics,
            tags=command.tags,
            lineage=command.lineage,
            authors=command.authors,
            producer=decision.actor.id,
        )
    )
    return None


def _is_known(command: RegisterVersion, model: Model) -> Refusal | None:
    same: Version | None = model.digests.get(command.artifact.digest)
    if same is not None:
        return already_registered(model.name, same)
    if command.label is None:
        return None
    other: Version | None = model.labels.get(command.label)
    if other is None:
        return None
    digest = model.versions[other].digest
    return label_taken(model.name, command.label, version=other, digest=digest)


def _lacks_parent(lineage: Lineage, model: Model) -> Refusal | None:
    """Find the first parent that is not there; other models are not in sight here."""
    newest = len(model.versions)
    for parent in lineage.parents:
        if parent.model == model.name and parent.version not in model.versions:
            return unknown_version(model.name, parent.version, newest=newest)
    return None


def _has_later_parent(
    lineage: Lineage, model: Model, number: Version
) -> Refusal | None:
    """Find the first parent that came no earlier than its child."""
    for parent in lineage.parents:
        if parent.model == model.name and parent.version >= number:
            said = f"version {number} cannot be made from version {parent.version}"
            remedy = f"{said} of its own model; name an earlier one"
            return invalid_field("fields.lineage.parents", remedy)
    return None


def amend(command: AmendVersion, decision: Decision) -> Refusal | None:
    """Correct what was recorded; the first record stays."""
    known = version_named(decision, command.version)
    if isinstance(known, Refusal):
        return known
    if not command.fields.model_dump(exclude_none=True):
        return invalid_field("fields", "nothing to amend; give at least one field")
    amends = command.amends or known.registered
    if amends not in (known.registered, *known.amendments):
        said = f"event {amends} says nothing of version {command.version}"
        return invalid_field("amends", f"{said}; name its registration or amendment")
    lineage, model = command.fields.lineage or Lineage(), decision.model
    refusal = _lacks_parent(lineage, model) or _has_later_parent(
        lineage, model, command.version
    )
    if refusal is not None:
        return refusal
    decision.record(
        VersionAmended(
            version=command.version,
            amends=amends,
            fields=command.fields,
            reason=command.reason,
        )
    )
    return None


def deprecate(command: DeprecateVersion, decision: Decision) -> Refusal | None:
    """Advise against a version; doing it again changes nothing."""
    known = _unused(decision, command.version)
    if isinstance(known, Refusal):
        return known
    if known.status is VersionStatus.RETIRED:
        return version_retired(command.version)
    if known.status is VersionStatus.ACTIVE:
        event = VersionDeprecated(version=command.version, reason=command.reason)
        decision.record(event)
    return None


def retire(command: RetireVersion, decision: Decision) -> Refusal | None:
    """Never promote a version again; doing it again changes nothing."""
    known = _unused(decision, command.version)
    if isinstance(known, Refusal):
        return known
    if known.status is not VersionStatus.RETIRED:
        decision.record(VersionRetired(version=command.version, reason=command.reason))
    return None


def _unused(decision: Decision, number: Version) -> KnownVersion | Refusal:
    known = version_named(decision, number)
    if isinstance(known, Refusal):
        return known
    model = decision.model
    lanes = [stage for stage in model.lanes if _runs(model, stage, number)]
    aliases = [name for name, at in model.aliases.items() if at.version == number]
    promotions = [id_ for id_ in model.open if model.promotions[id_].version == number]
    if lanes or aliases or promotions:
        return version_in_use(
            number, lanes=lanes, aliases=aliases, promotions=promotions
        )
    return known


def _runs(model: Model, stage: StageName, number: Version) -> bool:
    lane = model.lanes[stage]
    wanted = lane.desired.variants.values() if lane.desired else ()
    return any(variant.version == number for variant in wanted) or (
        bool(lane.stable) and lane.stable[-1].version == number
    )


def registered(model: Model, event: VersionRegistered, mark: Mark) -> Model:
    """Remember number, bytes and label."""
    artifact = event.artifact
    known = KnownVersion(
        registered=mark.id,
        digest=artifact.digest,
        uri=artifact.uri,
        size_bytes=artifact.size_bytes,
        label=event.label,
        producer=event.producer,
        authors=event.authors,
        datasets=tuple(each.name for each in event.lineage.datasets),
        parents=_written(event.lineage),
    )
    labels = model.labels
    return replace(
        model,
        versions=model.versions.plus(event.version, known),
        digests=model.digests.plus(artifact.digest, event.version),
        labels=labels.plus(event.label, event.version) if event.label else labels,
    )


def _written(lineage: Lineage) -> tuple[str, ...]:
    return tuple(f"{each.model}@{each.version}" for each in lineage.parents)


def amended(model: Model, event: VersionAmended, mark: Mark) -> Model:
    """Remember that the amendment can be amended, and what it corrects."""
    known = model.versions[event.version]
    known = replace(known, amendments=(*known.amendments, mark.id))
    if event.fields.lineage is not None:
        names = tuple(each.name for each in event.fields.lineage.datasets)
        parents = _written(event.fields.lineage)
        known = replace(known, datasets=names, parents=parents)
    return changed(model, event.version, known)


def deprecated(model: Model, event: VersionDeprecated, mark: Mark) -> Model:
    """Remember the advice."""
    return _with_status(model, event.version, VersionStatus.DEPRECATED)


def retired(model: Model, event: VersionRetired, mark: Mark) -> Model:
    """Remember the end."""
    return _with_status(model, event.version, VersionStatus.RETIRED)


def changed(model: Model, number: Version, known: KnownVersion) -> Model:
    """Put a version back."""
    return replace(model, versions=model.versions.plus(number, known))


def _with_status(model: Model, number: Version, status: VersionStatus) -> Model:
    return changed(model, number, replace(model.versions[number], status=status))
