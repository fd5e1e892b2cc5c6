"""Which policies are there, what do they say, and who agreed to it?"""

import re
from collections import defaultdict
from typing import Final

from sqlalchemy import ColumnElement, select

from rollbook_projections.stage.tables.policy import POLICIES, REVISIONS
from rollbook_projections.view import Row, View

_DIGEST: Final = re.compile(r"(?:sha256:)?([0-9a-f]{6,64})")
_LONG: Final = ("since", "until", "document", "trial")


def policies(view: View) -> list[Row]:
    """List policies by name, each with the proposals that are open."""
    open_: defaultdict[str, list[Row]] = defaultdict(list)
    for each in outlines(view, REVISIONS.c.state == "proposed"):
        open_[each["policy"]].append(each)
    return [
        {**_shown(row), "proposals": open_[row["policy"]]}
        for row in view.rows(POLICIES, order_by=[POLICIES.c.policy])
    ]


def policy(view: View, name: str) -> Row | None:
    """Show one policy with all its revisions, the latest proposal first, or None."""
    row = view.one(POLICIES, POLICIES.c.policy == name)
    if row is None:
        return None
    revisions = outlines(view, REVISIONS.c.policy == name)
    return {**_shown(row), "revisions": revisions[::-1]}


def revision(view: View, name: str, digest: str) -> Row | None:
    """Show one revision with its document, or None."""
    key = REVISIONS.c.policy == name, REVISIONS.c.digest == digest
    return view.one(REVISIONS, *key)


def resolve(view: View, name: str, word: str) -> tuple[str, ...]:
    """Find the digests a word names: `active`, a digest or the beginning of one.

    Empty: unknown. Several: the beginning fits more than one.
    """
    if word == "active":
        row = view.one(POLICIES, POLICIES.c.policy == name)
        return (row["digest"],) if row and row["digest"] else ()
    digest = _DIGEST.fullmatch(word)
    if digest is None:
        return ()
    least = f"sha256:{digest[1]}"
    column = REVISIONS.c.digest
    fits = column >= least, column < least + "g"  # hexadecimal ends before g
    found = outlines(view, REVISIONS.c.policy == name, *fits)
    return tuple(each["digest"] for each in found)


def documents(view: View, name: str, first: str, second: str) -> Row | None:
    """Return two revisions' documents side by side; None where one is unknown."""
    a, b = revision(view, name, first), revision(view, name, second)
    if a is None or b is None:
        return None
    return {"policy": name, "a": _written(a), "b": _written(b)}


def section(view: View, name: str, stage: str) -> Row | None:
    """Return who put a policy in force, and what it says of a stage; None: nothing.

    The policy's defaults are written into the stage, as its readers do.
    """
    row = view.one(POLICIES, POLICIES.c.policy == name)
    active = revision(view, name, row["digest"]) if row and row["digest"] else None
    if active is None:
        return None
    spec = active["document"].get("spec") or {}
    for each in spec.get("stages") or ():
        if each.get("name") == stage:
            by = {name: active[name] for name in ("activated_by", "activated_at")}
            return {**by, "stage": {**(spec.get("defaults") or {}), **each}}
    return None


def outlines(view: View, *where: ColumnElement[bool]) -> list[Row]:
    """List revisions without their documents, the oldest proposal first."""
    short = [each for each in REVISIONS.c if each.name not in _LONG]
    query = select(*short).where(view.visible(REVISIONS), *where)
    return view.fetch(query.order_by(REVISIONS.c.proposed_seq))


def _written(row: Row) -> Row:
    return {name: row[name] for name in ("digest", "state", "proposed_at", "document")}


def _shown(row: Row) -> Row:
    return {**row, "retiring": row["retiring"] or []}
