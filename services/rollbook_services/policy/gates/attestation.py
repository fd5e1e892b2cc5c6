"""Did somebody we trust sign a statement about these bytes?"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from pydantic import Field

from rollbook.catalogue.parts import GateStatus, Verdict
from rollbook.names import GateName, Line, Uri
from rollbook_services.policy.expression.context import lapses_at, latest
from rollbook_services.policy.facts import Facts, Record
from rollbook_services.policy.gate import Answer, By, Change, GateSettings, gate
from rollbook_services.policy.shape import Duration
from rollbook_services.policy.words import moment, prose


@gate
class Attestation(GateSettings):
    """An allowed issuer's signature was verified when the statement was recorded."""

    kind: Literal["attestation"] = "attestation"
    id: GateName = GateName("attestation")
    predicate: Uri
    """The type of the statement, such as `https://slsa.dev/provenance/v1`."""
    issuers: tuple[Line, ...] = Field(min_length=1)
    """Whose signature counts."""
    max_age: Duration | None = None

    def evaluate(self, facts: Facts, as_of: datetime) -> Answer:
        """Look for the latest statement that counts now."""
        about = [each for each in facts.registered.records if self._fits(each, facts)]
        trusted = [each for each in about if self._is_trusted(each)]
        record = latest(trusted, as_of, self.max_age)
        if record is None:
            return self._missing(facts, about, trusted)
        issuer = record.attested.issuer if record.attested else ""
        is_good = record.verdict is Verdict.PASS
        return Answer(
            GateStatus.PASS if is_good else GateStatus.FAIL,
            f"{issuer} attested {self.predicate}: {record.verdict}",
            (record.id,),
            changes_when=() if is_good else (self._change(),),
            recheck_at=lapses_at(record, self.max_age),
        )

    def _fits(self, record: Record, facts: Facts) -> bool:
        attested = record.attested
        is_asked = attested is not None and attested.predicate_type == self.predicate
        return is_asked and record.subject_digest == facts.registered.digest

    def _is_trusted(self, record: Record) -> bool:
        return record.attested is not None and record.attested.issuer in self.issuers

    def _missing(
        self, facts: Facts, about: Sequence[Record], trusted: Sequence[Record]
    ) -> Answer:
        allowed = " or ".join(self.issuers)
        detail = f"no attestation {self.predicate} by {allowed}"
        others = sorted({each.attested.issuer for each in about if each.attested})
        if trusted:
            ended = lapses_at(trusted[-1], self.max_age)
            until = "" if ended is None else f" until {moment(ended)}"
            detail = f"{detail} counts any more; the last did{until}"
        elif others:
            detail = f"{detail}; there is one by {', '.join(others)}, who may not"
        change = self._change()
        return Answer(GateStatus.WAIT, prose(detail), changes_when=(change,))

    def _change(self) -> Change:
        allowed = " or ".join(self.issuers)
        return Change(By.PIPELINE, f"record {self.predicate}, signed by {allowed}")
