"""Which findings about a version are recorded, and which count no more?"""

from dataclasses import replace

from rollbook.catalogue.evidence import EvidenceRecorded, EvidenceRevoked
from rollbook.commands.evidence import RecordEvidence, RevokeEvidence
from rollbook.names import EventId
from rollbook.refusals import Refusal, invalid_field, unknown_evidence
from rollbook.standing import already_revoked, digest_mismatch
from rollbook_services.policy.facts import Attested, Record
from rollbook_services.registrar.authorise import has_grant, refused
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.rules.known import version_named
from rollbook_services.registrar.rules.version import changed
from rollbook_services.registrar.state import (
    KnownEvidence,
    Mark,
    Model,
)


def record(command: RecordEvidence, decision: Decision) -> Refusal | None:
    """Record what was found out about the version's own bytes."""
    known = version_named(decision, command.version)
    if isinstance(known, Refusal):
        return known
    if command.subject_digest != known.digest:
        return digest_mismatch(expected=known.digest, actual=command.subject_digest)
    until = command.valid_until
    if until is not None and until <= command.produced_at:
        return invalid_field("valid_until", "must be later than produced_at")
    decision.record(
        EvidenceRecorded(
            version=command.version,
            kind=command.kind,
            subject_digest=command.subject_digest,
            dataset=command.dataset,
            metrics=command.metrics,
            verdict=command.verdict,
            produced_at=command.produced_at,
            valid_until=until,
            statement=command.statement,
            verified=None,
        )
    )
    return None


def revoke(command: RevokeEvidence, decision: Decision) -> Refusal | None:
    """Make a record count no more: by its recorder, or a release-manager."""
    known: KnownEvidence | None = decision.model.evidence.get(command.evidence)
    if known is None:
        return unknown_evidence(command.evidence)
    is_own = known.recorder == decision.actor.id
    if not is_own and not has_grant(decision.actor, RevokeEvidence):
        return refused(decision.actor, RevokeEvidence)
    if known.record is None:
        return already_revoked("evidence", command.evidence)
    decision.record(
        EvidenceRevoked(
            version=known.version, evidence=command.evidence, reason=command.reason
        )
    )
    return None


def recorded(model: Model, event: EvidenceRecorded, mark: Mark) -> Model:
    """Remember the record, and that it counts."""
    entry = KnownEvidence(event.version, mark.actor.id, _record(event, mark.id))
    known = model.versions[event.version]
    model = replace(model, evidence=model.evidence.plus(mark.id, entry))
    return changed(
        model, event.version, replace(known, evidence=(*known.evidence, mark.id))
    )


def _record(event: EvidenceRecorded, id_: EventId) -> Record:
    said = event.verified
    attested = None
    if said is not None:
        attested = Attested(said.kid, said.issuer, said.predicate_type)
    return Record(
        id=id_,
        kind=event.kind,
        dataset=event.dataset.name if event.dataset else None,
        subject_digest=event.subject_digest,
        verdict=event.verdict,
        metrics=event.metrics,
        produced_at=event.produced_at,
        valid_until=event.valid_until,
        attested=attested,
    )


def revoked(model: Model, event: EvidenceRevoked, mark: Mark) -> Model:
    """Remember that it counts no more."""
    entry = replace(model.evidence[event.evidence], record=None)
    known = model.versions[event.version]
    left = tuple(each for each in known.evidence if each != event.evidence)
    model = replace(model, evidence=model.evidence.plus(event.evidence, entry))
    return changed(model, event.version, replace(known, evidence=left))
