"""How does each event change the lineage view?

A node's id says what it is: `dataset:<digest>`, `code:<repository>@<commit>`,
`run:<uri>`, `base:<uri>`, `version:<model>@<number>`, `lane:<model>#<stage>`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rollbook.envelope import Envelope
from rollbook.event import Data
from rollbook_projections.projection import Handler
from rollbook_projections.reading import model_of, spoken_of, time_of
from rollbook_projections.rows import Rows

Edge = tuple[str, str, str, str, str | None]
"""Product, kind, source, role and the name the source goes by there."""


def version_registered(rows: Rows, envelope: Envelope[Data]) -> None:
    """Enter a version and what it was made from."""
    data = envelope.event
    model, lineage = model_of(envelope), data["lineage"]
    rows.put(
        "versions",
        {
            "model": model,
            "version": data["version"],
            "digest": data["artifact"]["digest"],
            "label": data["label"],
            "producer": data["producer"],
            "registered_at": time_of(envelope),
            "registered_seq": rows.sequence,
            "lineage": lineage,
        },
    )
    for edge in _sources(model, data["version"], lineage):
        rows.put("edges", _row(edge))


def version_amended(rows: Rows, envelope: Envelope[Data]) -> None:
    """End the edges that a corrected lineage no longer has; begin the new ones."""
    data = envelope.event
    corrected = data["fields"]["lineage"]
    if corrected is None:
        return
    model, version = model_of(envelope), data["version"]
    row = spoken_of(rows, envelope, "versions", model, version)
    old = list(_sources(model, version, row["lineage"]))
    new = list(_sources(model, version, corrected))
    kept = {edge[:4] for edge in new}
    for edge in old:
        if edge[:4] not in kept:
            rows.close("edges", *edge[:4])
    for edge in new:
        if edge not in old:
            rows.put("edges", _row(edge))
    rows.put("versions", {**row, "lineage": corrected})


def evidence_recorded(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note on which data set a version was evaluated."""
    data = envelope.event
    if data["dataset"] is None:
        return
    rows.put(
        "evaluations",
        {
            "model": model_of(envelope),
            "version": data["version"],
            "evidence": envelope.id,
            "dataset": f"dataset:{data['dataset']['digest']}",
            "name": data["dataset"]["name"],
            "kind": data["kind"],
            "verdict": data["verdict"],
        },
    )


def evidence_revoked(rows: Rows, envelope: Envelope[Data]) -> None:
    """Forget an evaluation that counts no more."""
    data = envelope.event
    key = model_of(envelope), data["version"], data["evidence"]
    if rows.get("evaluations", *key) is not None:
        rows.close("evaluations", *key)


def stable_advanced(rows: Rows, envelope: Envelope[Data]) -> None:
    """Let a version be live in a lane, and the one before it no longer."""
    data = envelope.event
    rows.put(
        "deployments",
        {
            "model": model_of(envelope),
            "stage": data["stage"],
            "version": data["version"],
            "promotion": data["promotion"],
            "from_at": time_of(envelope),
        },
    )


def _sources(model: str, version: int, lineage: Data) -> Iterator[Edge]:
    product = f"version:{model}@{version}"
    for dataset in lineage["datasets"]:
        role, source = dataset["role"] or "", f"dataset:{dataset['digest']}"
        yield product, "trained_on", source, role, dataset["name"]
    for parent in lineage["parents"]:
        source = f"version:{parent['model']}@{parent['version']}"
        yield product, "derived_from", source, "", None
    code, run, base = lineage["code"], lineage["run"], lineage["base"]
    if code:
        source = f"code:{code['repository']}@{code['commit']}"
        yield product, "built_from", source, "", code["commit"]
    if run:
        yield product, "produced_by", f"run:{run}", "", run
    if base:
        yield product, "derived_from", f"base:{base}", "", base


def _row(edge: Edge) -> dict[str, Any]:
    product, kind, source, role, name = edge
    return {
        "product": product,
        "kind": kind,
        "source": source,
        "role": role,
        "name": name,
    }


HANDLERS: Final[Mapping[str, Handler]] = {
    "version.registered": version_registered,
    "version.amended": version_amended,
    "evidence.recorded": evidence_recorded,
    "evidence.revoked": evidence_revoked,
    "lane.stable_advanced": stable_advanced,
}
