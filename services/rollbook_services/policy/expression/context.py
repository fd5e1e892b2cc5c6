"""What may an expression look at, and in which shape?"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from rollbook.catalogue.parts import Verdict
from rollbook_services.policy.expression.engine import Unknown, evaluate
from rollbook_services.policy.facts import Facts, Record

CONTEXT: Final = frozenset(
    {
        *("metrics", "verdict", "age", "champion", "version"),
        *("model", "stage", "lineage", "request"),
    }
)
"""What the expression of an evidence gate may read."""
WHEN: Final = CONTEXT - {"metrics", "verdict", "age"}
"""What `when` may read: whether a gate applies hangs on no record."""
ANALYSIS: Final = frozenset({"value", "champion", "samples"})
"""What an analysis may read: all three are numbers."""


def applies(when: str, facts: Facts, as_of: datetime) -> bool:
    """Tell whether a gate applies; what cannot be known applies."""
    context = context_of(facts, None, as_of)
    said = evaluate(when, {name: context[name] for name in WHEN})
    return said is True or isinstance(said, Unknown)


def context_of(
    facts: Facts, record: Record | None, as_of: datetime
) -> dict[str, object]:
    """Build the context of one record, in full shape, every number a double.

    RFC 8785 writes 1.0 as 1, and CEL does no arithmetic on an integer and a double.
    """
    registered = facts.registered
    return {
        "metrics": _doubles(record),
        "verdict": record and str(record.verdict),
        "age": record and as_of - record.produced_at,
        "champion": _champion(facts, record, as_of),
        "version": {"number": float(facts.version), "label": registered.label},
        "model": {"name": str(facts.model.name), "tier": facts.model.tier},
        "stage": str(facts.stage),
        "lineage": {
            "datasets": list(registered.datasets),
            "parents": list(registered.parents),
        },
        "request": {"automatic": facts.automatic, "kind": str(facts.kind)},
    }


def of_analysis(
    value: float, champion: float | None, samples: int
) -> dict[str, object]:
    """Build the context of an analysis; without a champion nothing is known of it."""
    known = {} if champion is None else {"champion": float(champion)}
    return {"value": float(value), "samples": float(samples), **known}


def champion_record(facts: Facts, record: Record, as_of: datetime) -> Record | None:
    """Return the champion's latest live record of the same kind and data set.

    It lives by its own end: `max_age` is about the version that is asked for, else a
    champion that serves for long could not be compared with any more.
    """
    champion = facts.champion
    if champion is None:
        return None
    same = [
        each
        for each in champion.records
        if each.kind == record.kind and each.dataset == record.dataset
    ]
    return latest(same, as_of)


def latest(
    records: Sequence[Record], as_of: datetime, max_age: timedelta | None = None
) -> Record | None:
    """Return the last record, in the order of the ledger, that still counts."""
    for record in reversed(records):
        end = lapses_at(record, max_age)
        if end is None or as_of < end:
            return record
    return None


def lapses_at(record: Record, max_age: timedelta | None = None) -> datetime | None:
    """Return when a record stops counting; None: never."""
    return record.lapses_at(None if max_age is None else later(record, max_age))


def later(record: Record, age: timedelta) -> datetime | None:
    """Return when a record has reached an age; None: beyond the calendar."""
    try:
        return record.produced_at + age
    except OverflowError:
        return None


def _champion(
    facts: Facts, record: Record | None, as_of: datetime
) -> dict[str, object]:
    beside = None if record is None else champion_record(facts, record, as_of)
    if beside is not None and beside.verdict is Verdict.INCONCLUSIVE:
        beside = None
    champion = facts.champion
    return {
        "exists": champion is not None,
        "version": None if champion is None else float(champion.version),
        "metrics": _doubles(beside),
    }


def _doubles(record: Record | None) -> Mapping[str, float]:
    metrics = {} if record is None else record.metrics
    return {name: float(value) for name, value in metrics.items()}
