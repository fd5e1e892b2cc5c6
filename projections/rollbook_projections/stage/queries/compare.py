"""In what do two versions differ?"""

from collections.abc import Mapping
from typing import Any, Final

from rollbook_projections.stage.queries.version import version
from rollbook_projections.view import Row, View

_SAME_SHAPE: Final = ("digest", "size_bytes", "framework", "description", "producer")


def compare(view: View, model: str, first: int, second: int) -> Row | None:
    """Compare two versions of a model; None where one of them is unknown.

    Which direction of a metric is better nobody has said, so none is named.
    """
    a, b = version(view, model, first), version(view, model, second)
    if a is None or b is None:
        return None
    return {
        "model": model,
        "a": first,
        "b": second,
        "metrics": [
            {**each, "change": _change(each["a"], each["b"]), "better": "unknown"}
            for each in _differences(a["metrics"], b["metrics"], changed_only=False)
        ],
        "parameters": _differences(a["parameters"], b["parameters"]),
        "tags": _differences(a["tags"], b["tags"]),
        "datasets": _differences(_datasets(a), _datasets(b)),
        "code": _differences(_code(a), _code(b)),
        "fields": _differences(
            {name: a[name] for name in _SAME_SHAPE},
            {name: b[name] for name in _SAME_SHAPE},
        ),
    }


def _differences(
    a: Mapping[str, Any], b: Mapping[str, Any], *, changed_only: bool = True
) -> list[Row]:
    return [
        {"name": name, "a": a.get(name), "b": b.get(name)}
        for name in sorted(a.keys() | b.keys())
        if not changed_only or a.get(name) != b.get(name)
    ]


def _change(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else b - a


def _datasets(shown: Row) -> dict[str, str]:
    return {
        f"{each['name']} ({each['role']})" if each["role"] else each["name"]: each[
            "digest"
        ]
        for each in shown["lineage"]["datasets"]
    }


def _code(shown: Row) -> dict[str, Any]:
    return {**(shown["lineage"]["code"] or {}), "run": shown["lineage"]["run"]}
