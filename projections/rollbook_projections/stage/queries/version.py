"""Which versions are there, and which one does a word name?"""

import re
from typing import Final

from rollbook_projections.stage.tables.evidence import EVIDENCE
from rollbook_projections.stage.tables.model import ALIASES
from rollbook_projections.stage.tables.version import VERSIONS
from rollbook_projections.view import Row, View

_DIGEST: Final = re.compile(r"(?:sha256|oci-sha256|oms-sha256):[0-9a-f]{8,64}")
_NUMBER: Final = re.compile(r"v?([1-9][0-9]{0,15})")


def versions(
    view: View, model: str, *, limit: int = 100, before: int | None = None
) -> list[Row]:
    """List a model's versions, newest first, those below `before`."""
    where = [VERSIONS.c.model == model]
    if before is not None:
        where.append(VERSIONS.c.version < before)
    order = [VERSIONS.c.version.desc()]
    return view.rows(VERSIONS, *where, order_by=order, limit=limit)


def version(view: View, model: str, number: int) -> Row | None:
    """Show one version with its aliases, or None."""
    key = VERSIONS.c.model == model, VERSIONS.c.version == number
    row = view.one(VERSIONS, *key)
    if row is None:
        return None
    where = ALIASES.c.model == model, ALIASES.c.version == number
    pointing = view.rows(ALIASES, *where, order_by=[ALIASES.c.alias])
    return {**row, "aliases": [each["alias"] for each in pointing]}


def resolve(view: View, model: str, word: str) -> tuple[int, ...]:
    """Find the versions a word names: number, `latest`, digest, alias or label.

    Empty: unknown. Several: the beginning of a digest that fits more than one.
    """
    number = _NUMBER.fullmatch(word)
    if number:
        where = VERSIONS.c.model == model, VERSIONS.c.version == int(number[1])
        return _numbers(view.rows(VERSIONS, *where))
    if word == "latest":
        return _numbers(versions(view, model, limit=1))
    if _DIGEST.fullmatch(word):
        return _by_digest(view, model, word)
    key = ALIASES.c.model == model, ALIASES.c.alias == word
    alias = view.one(ALIASES, *key, ALIASES.c.version.is_not(None))
    if alias is not None:
        return (alias["version"],)
    labelled = VERSIONS.c.model == model, VERSIONS.c.label == word
    return _numbers(view.rows(VERSIONS, *labelled, limit=1))


def evidence(view: View, model: str, number: int) -> list[Row]:
    """List the evidence of a version in the order it was recorded."""
    where = EVIDENCE.c.model == model, EVIDENCE.c.version == number
    found = view.rows(EVIDENCE, *where, order_by=[EVIDENCE.c.recorded_seq])
    return [{**row, "live": row["revoked_at"] is None} for row in found]


def _by_digest(view: View, model: str, digest: str) -> tuple[int, ...]:
    column = VERSIONS.c.digest
    fits = column >= digest, column < digest + "g"  # hexadecimal ends before g
    where = VERSIONS.c.model == model, *fits
    return _numbers(
        view.rows(VERSIONS, *where, order_by=[VERSIONS.c.version], limit=20)
    )


def _numbers(found: list[Row]) -> tuple[int, ...]:
    return tuple(row["version"] for row in found)
