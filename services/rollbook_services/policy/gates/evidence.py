"""Does a record of evidence say what it has to?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from shlex import quote
from typing import Annotated, Final, Literal

from pydantic import Field

from rollbook.catalogue.parts import GateStatus, Verdict
from rollbook.names import EvidenceKind, GateName, Line, Version
from rollbook_services.policy.expression.caps import MOST_BYTES
from rollbook_services.policy.expression.context import (
    champion_record,
    context_of,
    lapses_at,
    later,
    latest,
)
from rollbook_services.policy.expression.engine import Unknown, evaluate
from rollbook_services.policy.expression.reading import (
    ages,
    metrics_named,
    missing,
    reads_champion,
    told,
    values_read,
)
from rollbook_services.policy.facts import Facts, Record
from rollbook_services.policy.gate import Answer, By, Change, GateSettings, gate
from rollbook_services.policy.shape import Duration
from rollbook_services.policy.words import moment, prose

_ALONE: Final = "; there is no champion, and the gate has no `when: champion.exists`"
_HOLDS: Final = {Verdict.PASS: True, Verdict.FAIL: False, Verdict.INCONCLUSIVE: None}


@dataclass(frozen=True, slots=True)
class _Word:
    """What the records come to, and what that rests on."""

    holds: bool | None
    """None: it cannot be known."""
    detail: str
    about: Version
    """The version whose records would change it."""
    records: Sequence[Record] = ()
    values: dict[str, str] = field(default_factory=dict)
    ends: Sequence[datetime | None] = ()
    """When one of the records, or its age, may change it."""


@gate
class Evidence(GateSettings):
    """The latest live record of a kind holds; metrics of two are never mixed."""

    kind: Literal["evidence"] = "evidence"
    id: GateName = GateName("evidence")
    evidence: EvidenceKind
    """The kind of the record."""
    dataset: Line | None = None
    """The data set it was made on; None: any."""
    expr: Annotated[str, Field(min_length=1, max_length=MOST_BYTES)] | None = None
    """CEL over the record and its surroundings; None: its verdict has to be `pass`."""
    max_age: Duration | None = None
    on_missing: Literal["wait", "fail"]
    """What is said where nothing can be known; there is no `pass`."""

    def evaluate(self, facts: Facts, as_of: datetime) -> Answer:
        """Judge the latest record that counts now."""
        word = self._word(facts, as_of)
        status = self._status(word.holds)
        is_open = status is GateStatus.PASS
        ends = (end for end in word.ends if end is not None and as_of < end)
        return Answer(
            status,
            prose(word.detail),
            tuple(record.id for record in word.records),
            values=word.values,
            changes_when=() if is_open else (self._change(facts, word.about),),
            recheck_at=min(ends, default=None),
        )

    def _status(self, holds: bool | None) -> GateStatus:
        if holds is None and self.on_missing == "wait":
            return GateStatus.UNKNOWN
        return GateStatus.PASS if holds else GateStatus.FAIL

    def _word(self, facts: Facts, as_of: datetime) -> _Word:
        same = [each for each in facts.registered.records if self._fits(each, facts)]
        record = latest(same, as_of, self.max_age)
        if record is None:
            return _Word(None, self._nothing(same), facts.version)
        if record.verdict is Verdict.PASS and self.expr is not None:
            return self._by_expression(self.expr, record, facts=facts, as_of=as_of)
        return _Word(
            _HOLDS[record.verdict],
            f"{self._asked()} says {record.verdict}",
            facts.version,
            (record,),
            ends=(lapses_at(record, self.max_age),),
        )

    def _fits(self, record: Record, facts: Facts) -> bool:
        is_asked = record.kind == self.evidence
        is_asked &= self.dataset in (None, record.dataset)
        return is_asked and record.subject_digest == facts.registered.digest

    def _asked(self) -> str:
        return f"{self.evidence} on {self.dataset}" if self.dataset else self.evidence

    def _nothing(self, same: Sequence[Record]) -> str:
        if not same:
            return f"no record of {self._asked()}"
        ended = lapses_at(same[-1], self.max_age)
        until = "" if ended is None else f" until {moment(ended)}"
        return f"no record of {self._asked()} counts any more; the last did{until}"

    def _by_expression(
        self, expr: str, record: Record, *, facts: Facts, as_of: datetime
    ) -> _Word:
        context = context_of(facts, record, as_of)
        beside = champion_record(facts, record, as_of) if reads_champion(expr) else None
        said = _said(expr, context, facts=facts, beside=beside)
        return _Word(
            None if isinstance(said, Unknown) else said,
            _detail(expr, context, said=said),
            _about(expr, context, facts=facts),
            (record,) if beside is None else (record, beside),
            values_read(expr, context),
            (
                lapses_at(record, self.max_age),
                None if beside is None else lapses_at(beside),
                *(later(record, age) for age in ages(expr) or ()),
            ),
        )

    def _change(self, facts: Facts, about: Version) -> Change:
        version = f"{facts.model.name}@{about}"
        words = ["rollbook evidence add", version, f"--kind {self.evidence}"]
        if self.dataset:
            words.append(f"--dataset {quote(f'{self.dataset}=PATH')}")
        names = sorted(metrics_named(self.expr)) if self.expr else []
        words += [f"--metric {quote(f'{name}=NUMBER')}" for name in names]
        what = f"record {self._asked()} of version {about}"
        command = " ".join([*words, "--verdict VERDICT"])
        return Change(By.PIPELINE, what, command=command)


def _said(
    expr: str, context: Mapping[str, object], *, facts: Facts, beside: Record | None
) -> bool | Unknown:
    if ages(expr) is None:
        # Else nobody could say when time changes the word.
        return Unknown('age may only be compared with duration("…")')
    champion = facts.champion
    is_measured = beside is not None and _HOLDS[beside.verdict] is not None
    if champion is not None and reads_champion(expr) and not is_measured:
        # A champion that nobody measured the same way cannot be compared with.
        return Unknown(f"version {champion.version}, its champion, has no such record")
    said = evaluate(expr, context)
    lacking = missing(expr, context)
    if isinstance(said, bool) or not lacking:
        return said
    is_alone = champion is None and any(map(_is_champions, lacking))
    return Unknown(f"nobody recorded {', '.join(lacking)}{_ALONE if is_alone else ''}")


def _is_champions(name: str) -> bool:
    return name.startswith("champion.")


def _detail(expr: str, context: Mapping[str, object], *, said: bool | Unknown) -> str:
    written = told(expr, context)
    if isinstance(said, Unknown):
        return f"cannot be known: {said.why}; asked was {written}"
    return written if said else f"does not hold: {written}"


def _about(expr: str, context: Mapping[str, object], *, facts: Facts) -> Version:
    """Return the version whose record lacks something, else the one asked for."""
    is_champions = any(map(_is_champions, missing(expr, context)))
    return facts.champion.version if is_champions and facts.champion else facts.version
