"""What is a node, which nodes does a word name, and what is known of them?"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, select

from rollbook_projections.lineage.tables import EDGES, EVALUATIONS, VERSIONS
from rollbook_projections.view import Row, View, is_one_of

NAMED: Final = ("dataset", "code", "run", "base", "lane")
CHUNK: Final = 400  # values in one IN list

_VERSION: Final = re.compile(r"[^@#:]+@[1-9][0-9]{0,15}")
_ID: Final = re.compile(rf"version:{_VERSION.pattern}|({'|'.join(NAMED)}):.+")
_LANE: Final = re.compile(r"[^@#:]+#[^@#:]+")
_DIGEST: Final = re.compile(r"(?:sha256|oci-sha256|oms-sha256):[0-9a-f]{64}")
_COMMIT: Final = re.compile(r"[0-9a-f]{7,64}")

T = TypeVar("T")


def find(view: View, what: str) -> list[str]:
    """Name the nodes that are meant; none: nothing is known by that name.

    Takes a node's id, `model@7`, `model#stage`, a digest, a data set's name, a
    commit or its beginning, the address of a run or a base.
    """
    if _DIGEST.fullmatch(what):
        return _by_digest(view, what)
    if _VERSION.fullmatch(what):
        return [f"version:{what}"]
    if _LANE.fullmatch(what):
        return [f"lane:{what}"]
    return _by_name(view, what) or ([what] if _ID.fullmatch(what) else [])


def described(view: View, ids: Iterable[str]) -> list[Row]:
    """Say of each node what it is, in the order of their ids."""
    ids = sorted(ids)
    versions = _versions(view, [id_ for id_ in ids if id_.startswith("version:")])
    names = _names(view, [id_ for id_ in ids if id_.startswith("dataset:")])
    nodes = []
    for id_ in ids:
        kind, _, rest = id_.partition(":")
        more = {"names": names[id_]} if id_ in names else versions.get(id_, {})
        label = ", ".join(names.get(id_, ())) or rest
        nodes.append({"id": id_, "kind": kind, "label": label, "attributes": more})
    return nodes


def version_key(id_: str) -> tuple[str, int]:
    """Read model and number out of a version's id."""
    model, _, number = id_.removeprefix("version:").rpartition("@")
    return model, int(number)


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Cut values into lists that a database takes in one statement."""
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]


def _by_digest(view: View, digest: str) -> list[str]:
    dataset = f"dataset:{digest}"
    used = view.one(EDGES, EDGES.c.source == dataset)
    used = used or view.one(EVALUATIONS, EVALUATIONS.c.dataset == dataset)
    order = [VERSIONS.c.model, VERSIONS.c.version]
    made = view.rows(VERSIONS, VERSIONS.c.digest == digest, order_by=order)
    versions = [f"version:{row['model']}@{row['version']}" for row in made]
    return [dataset, *versions] if used else versions


def _by_name(view: View, name: str) -> list[str]:
    column = EDGES.c.name
    wanted: ColumnElement[bool] = column == name
    if _COMMIT.fullmatch(name):
        wanted = (column >= name) & (column < name + "g")  # hexadecimal ends before g
    sources = select(EDGES.c.source.label("id")).where(wanted, view.visible(EDGES))
    datasets = select(EVALUATIONS.c.dataset.label("id")).where(
        EVALUATIONS.c.name == name, view.visible(EVALUATIONS)
    )
    found = [*view.fetch(sources.distinct()), *view.fetch(datasets.distinct())]
    return sorted({row["id"] for row in found})


def _versions(view: View, ids: list[str]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for chunk in chunks([version_key(id_) for id_ in ids]):
        for row in view.rows(VERSIONS, is_one_of(VERSIONS, "version", chunk)):
            del row["lineage"]
            found[f"version:{row['model']}@{row['version']}"] = row
    return found


def _names(view: View, ids: list[str]) -> dict[str, list[str]]:
    names: dict[str, set[str]] = {}
    for chunk in chunks(ids):
        for table, column in ((EDGES, "source"), (EVALUATIONS, "dataset")):
            for row in view.rows(table, table.c[column].in_(chunk)):
                names.setdefault(row[column], set()).add(row["name"])
    return {id_: sorted(each) for id_, each in names.items()}
