"""A statement counts by who signed it, what it is about, and how old it is."""

from typing import Any

import pytest
from pydantic import ValidationError

from rollbook.catalogue.parts import GateStatus, Verdict
from rollbook_services.policy.facts import Record
from rollbook_services.policy.gate import Answer, By
from rollbook_services.policy.gates.attestation import Attestation
from tests.services.policy.cases import START, digest
from tests.services.policy.records import DAY, EVAL, PROVENANCE, after, attested, facts


def asked(**settings: Any) -> Attestation:
    given = {"predicate": PROVENANCE, "issuers": ["ci-main", "ci-next"], **settings}
    return Attestation.model_validate(given)


def said(*records: Record, **settings: Any) -> Answer:
    return asked(**settings).evaluate(facts(*records), START)


def test_an_allowed_issuer_s_statement_opens_the_gate() -> None:
    answer = said(EVAL, attested("2"))
    assert (answer.status, answer.inputs) == (GateStatus.PASS, (attested("2").id,))
    assert answer.detail == f"ci-main attested {PROVENANCE}: pass"
    assert answer.changes_when == ()


@pytest.mark.parametrize(
    ("record", "detail"),
    [
        (EVAL, f"no attestation {PROVENANCE} by ci-main or ci-next"),
        (attested("2", subject_digest=digest(9)), "by ci-main or ci-next"),
        (attested("2", issuer="laptop"), "there is one by laptop, who may not"),
        (
            attested("2", valid_until=START),
            "counts any more; the last did until 2026-11-24 09:00 UTC",
        ),
        (
            attested("2", produced_at=START - 14 * DAY),
            "counts any more; the last did until 2026-11-24 09:00 UTC",
        ),
    ],
)
def test_everything_else_waits_and_says_what_is_missing(
    record: Record, detail: str
) -> None:
    answer = said(record, max_age="14d")
    assert answer.status is GateStatus.WAIT
    assert answer.detail.endswith(detail)
    assert answer.recheck_at is None
    (change,) = answer.changes_when
    assert change.by is By.PIPELINE
    assert change.command is None, "nothing can record a verified one yet"


def test_a_statement_of_another_type_is_another_statement() -> None:
    answer = said(attested("2"), predicate="https://slsa.dev/verification_summary/v1")
    assert answer.status is GateStatus.WAIT


def test_the_latest_statement_speaks() -> None:
    bad = attested("3", "ci-next", verdict=Verdict.FAIL)
    answer = said(attested("2"), bad)
    assert (answer.status, answer.inputs) == (GateStatus.FAIL, (bad.id,))
    assert said(bad, attested("2")).status is GateStatus.PASS


def test_it_is_looked_at_again_when_the_statement_lapses() -> None:
    assert said(attested("2")).recheck_at is None
    assert said(attested("2"), max_age="2d").recheck_at == after(1)
    mortal = attested("2", valid_until=after(0.5))
    assert said(mortal, max_age="2d").recheck_at == after(0.5)


def test_an_issuer_has_to_be_named() -> None:
    with pytest.raises(ValidationError):
        asked(issuers=[])
