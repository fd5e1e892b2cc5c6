"""Which rules wait for people to agree, or to agree that they should go?"""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from sqlalchemy import or_

from rollbook_projections.stage.queries.policy import outlines, revision
from rollbook_projections.stage.tables.policy import POLICIES, REVISIONS
from rollbook_projections.view import Row, View

OWNER: Final = "policy-owner"
_CONTROL: Final = {"endorsements": 1, "role": OWNER}  # as rollbook/v1 has it
_WILD: Final = frozenset("*?[")


def proposals(view: View) -> list[Row]:
    """List the proposals that too few people agree to yet, the oldest first.

    `needs` says how many more, `role` which of them. The active revision asks that of
    its successor; rules without a predecessor ask it of themselves, and the first of
    an installation of nobody. Whoever names a model that another policy's pattern
    holds for needs as many as that policy asks.
    """
    waiting = outlines(view, REVISIONS.c.state == "proposed")
    if not waiting:
        return []
    active = _active(view)
    shown = []
    for each in waiting:
        wanted = revision(view, each["policy"], each["digest"])
        assert wanted is not None  # an outline is one of a revision
        own = active.get(each["policy"])
        needs = _needed(view, wanted, active) - len(each["endorsements"])
        role = _control(own)["role"] if own else OWNER
        if needs > 0:
            shown.append({**each, "needs": needs, "role": role})
    return shown


def retirements(view: View) -> list[Row]:
    """List the policies that somebody wants gone, and how many more it takes."""
    found = view.rows(POLICIES, POLICIES.c.retiring.is_not(None))
    shown = []
    for row in sorted(found, key=lambda each: str(each["policy"])):
        active = revision(view, row["policy"], row["digest"])
        control = _control(active["document"] if active else {})
        needs = control["endorsements"] + 1 - len(row["retiring"])
        if needs > 0:
            shown.append({**row, "needs": needs, "role": OWNER})
    return shown


def _active(view: View) -> dict[str, Mapping[str, Any]]:
    found = view.rows(REVISIONS, REVISIONS.c.state == "active")
    return {row["policy"]: row["document"] for row in found}


def _needed(view: View, wanted: Row, active: Mapping[str, Mapping[str, Any]]) -> int:
    document, name = wanted["document"], wanted["policy"]
    if name in active:
        before = active[name]
    elif active or _was_any(view):
        before = document
    else:
        return 0
    robbed = (
        each
        for other, each in active.items()
        if other != name and _takes_from(document, each)
    )
    return max(int(_control(each)["endorsements"]) for each in (before, *robbed))


def _was_any(view: View) -> bool:
    """Tell whether rules of one's own ever held."""
    columns = POLICIES.c
    held = or_(columns.activated_at.is_not(None), columns.retired_at.is_not(None))
    return bool(view.rows(POLICIES, held, limit=1))


def _takes_from(document: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    patterns = [each for each in _models(other) if _is_wild(each)]
    return any(
        fnmatchcase(own, each)
        for own in _models(document)
        for each in patterns
        if not _is_wild(own)
    )


def _models(document: Mapping[str, Any]) -> Iterable[str]:
    models: Iterable[str] = document["spec"]["applies_to"]["models"]
    return models


def _is_wild(name: str) -> bool:
    return not _WILD.isdisjoint(name)


def _control(document: Mapping[str, Any]) -> dict[str, Any]:
    spec = document.get("spec") or {}
    return {**_CONTROL, **(spec.get("change_control") or {})}
