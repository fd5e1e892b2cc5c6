"""One record speaks for a version; what cannot be known never opens the gate."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rollbook.catalogue.parts import GateStatus, Verdict
from rollbook.names import EvidenceKind, GateName
from rollbook_services.policy.facts import Champion, Facts, Record
from rollbook_services.policy.gate import Answer, By, judge
from rollbook_services.policy.gates.evidence import Evidence
from tests.services.policy.cases import START, digest, event
from tests.services.policy.records import (
    BEFORE,
    DAY,
    EVAL,
    HOLDOUT,
    after,
    champion,
    facts,
    record,
)

NO_REGRESSION = "metrics.auc >= champion.metrics.auc - 0.002"
PASS, FAIL, UNKNOWN = GateStatus.PASS, GateStatus.FAIL, GateStatus.UNKNOWN


def asked(
    expr: str | None = None, on_missing: str = "wait", **settings: Any
) -> Evidence:
    return Evidence.model_validate(
        {
            "id": "quality",
            "evidence": "eval",
            "expr": expr,
            "on_missing": on_missing,
            **settings,
        }
    )


def said(gate: Evidence, *records: Record, beside: Champion | None = None) -> Answer:
    return gate.evaluate(facts(*records, champion=beside), START)


def test_without_an_expression_the_verdict_decides() -> None:
    for verdict, status in (
        (Verdict.PASS, PASS),
        (Verdict.FAIL, FAIL),
        (Verdict.INCONCLUSIVE, UNKNOWN),
    ):
        assert said(asked(), record(verdict=verdict)).status is status


@pytest.mark.parametrize(
    ("auc", "status", "detail"),
    [
        (0.934, PASS, "auc 0.934 >= 0.931 - 0.002"),
        (0.929, PASS, "auc 0.929 >= 0.931 - 0.002"),
        (0.92, FAIL, "does not hold: auc 0.92 >= 0.931 - 0.002"),
    ],
)
def test_an_expression_compares_with_the_champion(
    auc: float, status: GateStatus, detail: str
) -> None:
    of_its_own = record("7", metrics={"auc": auc, "f1": 0.8, "n": 5e4, "a": 1, "b": 2})
    answer = said(asked(NO_REGRESSION), of_its_own, beside=champion(BEFORE))
    assert (answer.status, answer.detail) == (status, detail)
    assert answer.inputs == (of_its_own.id, BEFORE.id)
    assert answer.values == {
        "metrics.auc": repr(auc),
        "champion.metrics.auc": "0.931",
    }


def test_a_record_that_says_fail_fails_whatever_its_metrics() -> None:
    failed = record(verdict=Verdict.FAIL)
    answer = said(asked("metrics.auc > 0.5", on_missing="wait"), failed)
    assert (answer.status, answer.detail) == (FAIL, "eval says fail")


@pytest.mark.parametrize(
    ("records", "expr", "why"),
    [
        ((), "metrics.auc > 0.5", "no record of eval"),
        ((record(verdict=Verdict.INCONCLUSIVE),), "metrics.auc > 0.5", "inconclusive"),
        ((EVAL,), "metrics.f1 > 0.5", "nobody recorded metrics.f1"),
        ((EVAL,), "metrics.auc", "comes to a number"),
        ((EVAL,), "metrics.auc >", "Failed to parse"),
        ((EVAL,), "age.getHours() < 5", "age may only be compared"),
    ],
)
def test_what_cannot_be_known_waits_or_fails_as_the_policy_says(
    records: tuple[Record, ...], expr: str, why: str
) -> None:
    waiting = said(asked(expr, on_missing="wait"), *records)
    assert waiting.status is UNKNOWN
    assert why in waiting.detail
    failing = said(asked(expr, on_missing="fail"), *records)
    assert (failing.status, failing.detail) == (FAIL, waiting.detail)


@pytest.mark.parametrize(
    ("beside", "why"),
    [
        (champion(), "version 6, its champion, has no such record"),
        (champion(replace(BEFORE, kind=EvidenceKind("load"))), "has no such record"),
        (champion(replace(BEFORE, dataset=None)), "has no such record"),
        (champion(replace(BEFORE, valid_until=START)), "has no such record"),
        (
            champion(replace(BEFORE, verdict=Verdict.INCONCLUSIVE)),
            "has no such record",
        ),
        (champion(replace(BEFORE, metrics={})), "nobody recorded champion.metrics.auc"),
        (None, "no champion, and the gate has no `when: champion.exists`"),
    ],
)
def test_a_champion_that_was_not_measured_the_same_way_leaves_it_unknown(
    beside: Champion | None, why: str
) -> None:
    answer = said(asked(NO_REGRESSION), EVAL, beside=beside)
    assert answer.status is UNKNOWN
    assert why in answer.detail


def test_has_does_not_hide_that_a_champion_was_never_measured() -> None:
    careful = "!has(champion.metrics.auc) || metrics.auc >= champion.metrics.auc"
    assert said(asked(careful), EVAL, beside=champion()).status is UNKNOWN
    other = champion(replace(BEFORE, metrics={"f1": 0.5}))
    assert said(asked(careful), EVAL, beside=other).status is PASS


def test_a_champion_s_metrics_matter_only_where_they_are_read() -> None:
    new = "champion.exists && champion.version < version.number + 10.0"
    answer = said(asked(new), EVAL, beside=champion())
    assert (answer.status, answer.inputs) == (PASS, (EVAL.id,))


def test_the_latest_live_record_of_the_kind_and_data_set_speaks_alone() -> None:
    first = record("2", metrics={"auc": 0.9, "f1": 0.9})
    latest = record("3", metrics={"auc": 0.5})
    noise = (
        record("4", kind=EvidenceKind("load"), metrics={"auc": 0.9}),
        record("5", dataset="other", metrics={"auc": 0.9}),
        record("6", subject_digest=digest(7), metrics={"auc": 0.9}),
        record("7", valid_until=START, metrics={"auc": 0.9}),
        record("8", produced_at=START - 14 * DAY, metrics={"auc": 0.9}),
    )
    gate = asked("metrics.auc > 0.8", dataset=HOLDOUT, max_age="14d")
    answer = said(gate, first, latest, *noise)
    assert (answer.status, answer.inputs) == (FAIL, (latest.id,))
    mixed = asked("metrics.auc < 0.8 && metrics.f1 > 0.8", dataset=HOLDOUT)
    assert said(mixed, first, latest).status is UNKNOWN


def test_without_a_data_set_any_will_do() -> None:
    other = record("5", dataset=None)
    assert said(asked(), EVAL, other).inputs == (other.id,)


def test_it_says_when_the_last_record_stopped_to_count() -> None:
    answer = said(asked(max_age="12h", dataset=HOLDOUT), EVAL)
    assert answer.detail == (
        "no record of eval on holdout-2026 counts any more; "
        "the last did until 2026-11-23 21:00 UTC"
    )


def test_it_is_looked_at_again_when_a_record_lapses() -> None:
    mortal = record(valid_until=after(3))
    assert said(asked(), EVAL).recheck_at is None
    assert said(asked(), mortal).recheck_at == after(3)
    assert said(asked(max_age="2d"), mortal).recheck_at == after(1)
    assert said(asked(max_age="14d"), mortal).recheck_at == after(3)


def test_it_is_looked_at_again_when_the_champion_s_record_lapses() -> None:
    beside = champion(replace(BEFORE, valid_until=after(2)))
    mortal = record(valid_until=after(3))
    answer = said(asked(NO_REGRESSION), mortal, beside=beside)
    assert answer.recheck_at == after(2)
    assert said(asked(), mortal, beside=beside).recheck_at == after(3)


def test_the_gate_s_max_age_is_not_about_the_champion() -> None:
    old = champion(replace(BEFORE, produced_at=START - 400 * DAY))
    assert said(asked(NO_REGRESSION, max_age="2d"), EVAL, beside=old).status is PASS


def test_it_is_looked_at_again_when_a_record_reaches_an_age_that_is_asked_for() -> None:
    gate = asked("age < duration('48h')")
    assert said(gate, EVAL).recheck_at == after(1)
    assert gate.evaluate(facts(EVAL), after(1)).status is FAIL


def test_it_says_which_command_records_what_is_missing() -> None:
    gate = asked("metrics.auc > 0.5 && metrics['p99 ms'] < 40.0", dataset="the holdout")
    (change,) = said(gate).changes_when
    assert change.by is By.PIPELINE
    assert change.what == "record eval on the holdout of version 1"
    assert change.command == (
        "rollbook evidence add acme/fraud@1 --kind eval --dataset 'the holdout=PATH' "
        "--metric auc=NUMBER --metric 'p99 ms=NUMBER' --verdict VERDICT"
    )
    assert said(asked(), EVAL).changes_when == ()


def test_it_says_so_where_the_champion_s_record_is_missing() -> None:
    (change,) = said(asked(NO_REGRESSION), EVAL, beside=champion()).changes_when
    assert change.command is not None
    assert "acme/fraud@6" in change.command


def test_it_is_recorded_as_an_event_can_hold_it() -> None:
    long = {f"{'m' * 190}{at:02}": 0.5 for at in range(5)}
    expr = " && ".join(f"metrics.{name} < 0.1" for name in long)[:1024]
    gate = asked(expr[: expr.rindex(" &&")])
    (judged,) = judge([gate], facts(record(metrics=long)), START)
    assert judged.result.status is FAIL
    assert len(judged.result.values) == 4


def test_when_says_where_the_gate_applies() -> None:
    gate = asked(NO_REGRESSION, when="champion.exists", on_missing="fail")
    (first,) = judge([gate], facts(EVAL), START)
    assert first.is_open
    assert first.result.detail == "does not apply: not champion.exists"
    (second,) = judge([gate], facts(EVAL, champion=champion(BEFORE)), START)
    assert second.result.detail == "auc 0.934 >= 0.931 - 0.002"


@pytest.mark.parametrize(
    "settings",
    [
        {"on_missing": "pass"},
        {"on_missing": None},
        {"expr": "x" * 1025},
        {"expr": ""},
        {"kin": "eval"},
        {"max_age": "two weeks"},
    ],
)
def test_a_setting_that_means_nothing_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        asked(**{"expr": None, "on_missing": "wait", **settings})


instants = st.integers(-50, 50).map(lambda hours: START + timedelta(hours=hours))
records = st.builds(
    record,
    st.sampled_from("12345"),
    kind=st.sampled_from([EvidenceKind("eval"), EvidenceKind("load")]),
    dataset=st.sampled_from([HOLDOUT, None]),
    verdict=st.sampled_from(Verdict),
    metrics=st.dictionaries(
        st.sampled_from(["auc", "f1"]), st.sampled_from([0.1, 0.9])
    ),
    produced_at=instants,
    valid_until=st.none() | instants,
)
gates = st.builds(
    asked,
    st.sampled_from(
        [
            None,
            NO_REGRESSION,
            "metrics.auc > 0.5",
            "age <= duration('3h') || metrics.f1 > 0.5",
            "age > duration('30h') && age != duration('40h')",
            "champion.exists ? metrics.auc > champion.metrics.auc : metrics.auc > 0.5",
        ]
    ),
    st.sampled_from(["wait", "fail"]),
    max_age=st.sampled_from([None, "5h", "20h"]),
    dataset=st.sampled_from([HOLDOUT, None]),
    when=st.sampled_from([None, "champion.exists"]),
    id=st.just(GateName("quality")),
)


@given(
    gate=gates,
    own=st.lists(records, max_size=5),
    beside=st.none() | st.lists(records, max_size=3),
    as_of=instants,
    part=st.floats(0, 1),
)
def test_between_now_and_the_next_look_nothing_changes(
    gate: Evidence,
    own: list[Record],
    beside: list[Record] | None,
    as_of: datetime,
    part: float,
) -> None:
    """Invariant I14."""
    known: Facts = facts(*own, champion=None if beside is None else champion(*beside))
    (now,) = judge([gate], known, as_of)
    until = now.result.recheck_at or START + 365 * DAY
    assert as_of < until
    last = until - timedelta.resolution
    for later in (min(as_of + part * (until - as_of), last), last):
        (then,) = judge([gate], known, later)
        assert (then.result.status, then.result.inputs) == (
            now.result.status,
            now.result.inputs,
        )


def test_an_event_names_its_record() -> None:
    assert said(asked(), record("8")).inputs == (event("8"),)
