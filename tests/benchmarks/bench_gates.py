"""What does it cost to judge every gate of one promotion?"""

import gc
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from rollbook.catalogue.parts import PromotionKind
from rollbook.names import EvidenceKind, RoleName, Version
from rollbook_services.policy.facts import AboutModel, Champion, Facts, Record, Stay
from rollbook_services.policy.gate import judge
from rollbook_services.policy.stage import Stage
from rollbook_services.registrar.timing import slow
from tests.benchmarks.measure import Line, at_most, median, quantile
from tests.benchmarks.run import Run
from tests.services.policy.cases import (
    BOB,
    CAROL,
    LANE,
    STAGING,
    START,
    VERSION,
    event,
    vote,
)
from tests.services.policy.cases import FACTS as BARE
from tests.services.policy.records import EVAL, attested

ROUNDS = 5_000
JUDGING_MILLISECONDS = 2.0
FIVE = ("auc", "f1", "recall", "psi", "p99_ms")
OFFICE = {"kind": "allow", "zone": "Europe/Berlin", "lasts": "9h"}
YEAR_END = {"kind": "deny", "zone": "Europe/Berlin", "lasts": "7d"}
GATES: list[dict[str, Any]] = [
    {
        "id": "no-regression",
        "evidence": "eval",
        "dataset": "holdout-2026",
        "when": "champion.exists && model.tier == 'tier1'",
        "on_missing": "fail",
        "max_age": "14d",
        "expr": " && ".join(
            f"metrics.{name} >= champion.metrics.{name} - 0.002" for name in FIVE
        ),
    },
    {
        "id": "fresh",
        "evidence": "eval",
        "on_missing": "wait",
        "expr": "metrics.auc >= 0.91 && age < duration('336h')",
    },
    {"id": "drift", "evidence": "shadow", "expr": "metrics.psi < 0.99"},
    {"id": "latency", "evidence": "load", "expr": "metrics.p99_ms < 40.0"},
    {
        "id": "data",
        "evidence": "scan",
        "expr": "size(lineage.datasets) > 0 && "
        "lineage.datasets.all(d, d.startsWith('acme/'))",
    },
]
STAGE: dict[str, Any] = {
    "name": "production",
    "targets": ["eu-1", "eu-2", "us-1"],
    "after": {"stages": ["staging"]},
    "gates": [
        *({"kind": "evidence", "on_missing": "wait", **gate} for gate in GATES),
        {
            "kind": "attestation",
            "id": "built-by-us",
            "predicate": "https://slsa.dev/provenance/v1",
            "issuers": ["ci-main"],
        },
        {"kind": "soak", "id": "soak", "in": "staging", "for": "24h"},
        {
            "kind": "approvals",
            "id": "sign-off",
            "slots": [{"role": "model-owner"}, {"role": "risk-officer"}],
        },
        {"kind": "rate", "id": "rate", "max": 3, "per": "4h"},
    ],
    "windows": [
        {
            "name": "office",
            "start": "2026-01-05T09:00",
            "rrule": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH",
            **OFFICE,
        },
        {
            "name": "year-end",
            "start": "2026-12-18T00:00",
            "rrule": "FREQ=YEARLY",
            **YEAR_END,
        },
    ],
}


async def measure(run: Run) -> list[Line]:
    """Judge a promotion that every gate lets through, so that none stops early."""
    gates = Stage.model_validate(STAGE).asked(PromotionKind.FORWARD)
    facts = _facts()
    closed = [each.result for each in judge(gates, facts, START) if not each.is_open]
    assert not closed, closed
    rounds = ROUNDS // 10 if run.is_quick else ROUNDS
    times = _milliseconds(lambda: judge(gates, facts, START), rounds)
    with run.timer() as trial:
        assert await slow(gate["expr"] for gate in GATES) == []
    name = f"judge all {len(gates)} gates of a promotion, "
    return [
        _line(f"{name}median", median(times)),
        _line(f"{name}p99", quantile(times, 0.99)),
        Line(
            f"time the {len(GATES)} expressions of a proposal in a child process",
            trial() * 1e3,
            "ms",
        ),
    ]


def _line(what: str, measured: float) -> Line:
    return Line(
        what,
        measured,
        "ms",
        limit=JUDGING_MILLISECONDS,
        limit_name="ms, promised",
        target=at_most(JUDGING_MILLISECONDS),
        note="processor time: what else the machine does is no part of it",
    )


def _milliseconds(work: Callable[[], object], rounds: int) -> list[float]:
    gc.collect()
    times = []
    for _ in range(rounds):
        begin = time.thread_time()
        work()
        times.append((time.thread_time() - begin) * 1e3)
    return times


def _facts() -> Facts:
    """Make a version with a past: forty records, fifty data sets, two votes."""
    day = timedelta(days=1)
    roles = {BOB: "model-owner", CAROL: "risk-officer"}
    return replace(
        BARE,
        model=AboutModel(BARE.model.name, "tier1"),
        registered=replace(
            VERSION,
            records=_records(0.93),
            datasets=tuple(f"acme/trips-{number}" for number in range(50)),
            proven_in={STAGING: event("0")},
        ),
        champion=Champion(Version(6), None, _records(0.929)),
        lane=replace(LANE, dispatched_at=(START - day, START - day / 2)),
        stays={STAGING: [Stay(BARE.version, START - 2 * day, None)]},
        votes=tuple(
            vote(who, name, role)
            for name, (who, role) in zip("56", roles.items(), strict=True)
        ),
        holders={who: frozenset({RoleName(role)}) for who, role in roles.items()},
    )


def _records(value: float) -> tuple[Record, ...]:
    metrics = dict.fromkeys([*FIVE, *(f"slice{number}" for number in range(45))], value)
    recorded = [
        replace(EVAL, kind=EvidenceKind(kind), metrics=metrics, valid_until=None)
        for kind in ("eval", "shadow", "load", "scan")
        for _ in range(10)
    ]
    return (*recorded, attested("4"))
