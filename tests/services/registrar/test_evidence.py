"""The rules of evidence and of aliases."""

from datetime import timedelta

from rollbook.catalogue.alias import AliasMoved
from rollbook.catalogue.evidence import EvidenceRecorded, EvidenceRevoked
from rollbook.commands.alias import MoveAlias
from rollbook.commands.evidence import RevokeEvidence
from rollbook.commands.version import RetireVersion
from rollbook.names import AliasName, EventId, Reason, Version
from rollbook.refusals import Reason as Why
from tests.support.scenario import (
    ALICE,
    BOB,
    DAVE,
    FRAUD,
    PIPELINE,
    START,
    digest,
    evaluation,
    fraud,
)

WRONG = Reason("the labels were shuffled")


def revoke(evidence: EventId) -> RevokeEvidence:
    return RevokeEvidence(model=FRAUD, evidence=evidence, reason=WRONG)


def point(version: int | None, *, expected: int | None) -> MoveAlias:
    return MoveAlias.model_validate(
        {
            "model": FRAUD,
            "alias": "champion",
            "version": version,
            "expected_previous": expected,
        }
    )


def test_evidence_speaks_of_the_version_s_own_bytes() -> None:
    model = fraud(1)
    model.when(evaluation(1), by=PIPELINE).then(EvidenceRecorded)
    other = evaluation(1, subject_digest=digest(9))
    model.when(other, by=PIPELINE).then_refused(
        Why.DIGEST_MISMATCH, expected=digest(1), actual=digest(9)
    )
    model.when(evaluation(2), by=PIPELINE).then_refused(Why.UNKNOWN_VERSION)


def test_evidence_lapses_after_it_is_produced() -> None:
    upside_down = evaluation(1, valid_until=START - timedelta(days=1))
    fraud(1).when(upside_down, by=PIPELINE).then_refused(Why.INVALID)


def test_evidence_is_revoked_once_by_its_recorder_or_a_release_manager() -> None:
    model = fraud(1).given(evaluation(1), by=PIPELINE)
    command = revoke(model.last_id())
    model.when(command, by=PIPELINE).then(EvidenceRevoked)
    model.when(command, by=ALICE).then_refused(
        Why.FORBIDDEN, needed=["release-manager"]
    )
    gone = model.when(command, by=DAVE).then(EvidenceRevoked)
    gone.when(command, by=DAVE).then_refused(Why.ALREADY_REVOKED)
    unknown = revoke(EventId("0" * 36))
    model.when(unknown, by=DAVE).then_refused(Why.UNKNOWN_EVIDENCE)


def test_an_alias_moves_from_where_the_caller_saw_it() -> None:
    model = fraud(2).when(point(1, expected=None), by=PIPELINE).then(AliasMoved)
    model = model.when(point(2, expected=1), by=ALICE).then(AliasMoved)
    late = model.when(point(1, expected=1), by=PIPELINE)
    late.then_refused(Why.ALIAS_MOVED, expected=1, actual=2, by=ALICE.id)
    gone = model.when(point(None, expected=2), by=PIPELINE).then(AliasMoved)
    assert gone.event(AliasMoved).from_version == 2
    back = gone.when(point(2, expected=2), by=PIPELINE)
    back.then_refused(Why.ALIAS_MOVED, actual=None, by=PIPELINE.id)


def test_an_alias_that_is_there_already_does_not_move() -> None:
    model = fraud(1).given(point(1, expected=None), by=PIPELINE)
    model.when(point(1, expected=1), by=PIPELINE).then()


def test_an_alias_points_at_what_exists_and_is_not_retired() -> None:
    model = fraud(2)
    model.when(point(3, expected=None), by=PIPELINE).then_refused(
        Why.UNKNOWN_VERSION, newest=2
    )
    retire = RetireVersion(model=FRAUD, version=Version(1), reason=WRONG)
    retired = model.given(retire, by=DAVE)
    aim = point(1, expected=None)
    retired.when(aim, by=PIPELINE).then_refused(Why.VERSION_RETIRED)
    model.when(aim, by=BOB).then_refused(Why.FORBIDDEN)
    assert AliasName("champion") not in model.model.aliases
