"""How is what a pipeline knows of a version spelled as a command's body?

The command line and the Python client build registrations and evidence here, so that
the same facts give the same record. Bytes are hashed here: run it in a thread.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from rollbook.client.errors import InvalidRequest
from rollbook.reference import InvalidReference, VersionReference, parse_version

_DIGEST: Final = re.compile(r"(sha256|oci-sha256|oms-sha256):[0-9a-f]{64}")


def artifact(
    *,
    path: str | Path | None,
    digest: str | None,
    size: int | None,
    uri: str | None,
    media_type: str | None = None,
) -> dict[str, Any]:
    """Say which bytes; hashes `path`. Raises InvalidRequest, or OSError at a path."""
    if (path is None) == (digest is None):
        raise InvalidRequest(
            "which bytes? give either a path, or a digest with size and uri",
            code="invalid-request",
        )
    if path is not None:
        from rollbook.artifact import measure  # noqa: PLC0415  loads pydantic

        measured = measure(Path(path))
        digest, size = measured.digest, measured.size_bytes
        uri = uri or Path(path).resolve().as_uri()
    if size is None or uri is None:
        raise InvalidRequest(
            "a digest alone is not enough: say also size and uri",
            code="invalid-request",
        )
    made = {"uri": uri, "digest": digest, "size_bytes": size, "media_type": media_type}
    return without_none(made)


def lineage(
    *,
    run: str | None,
    repository: str | None,
    commit: str | None,
    datasets: Iterable[str],
    parents: Iterable[str],
    base: str | None,
) -> dict[str, Any]:
    """Say what a version was made from."""
    if commit and not repository:
        raise InvalidRequest(
            "a commit is one of a repository: say which", code="invalid-request"
        )
    made: dict[str, Any] = {
        "run": run,
        "code": {"repository": repository, "commit": commit} if commit else None,
        "datasets": [dataset(text) for text in datasets],
        "parents": [parent(text) for text in parents],
        "base": base,
    }
    return {name: value for name, value in made.items() if value}


def dataset(text: str) -> dict[str, Any]:
    """Read `name@digest`, or `name=path`, whose digest is computed here."""
    name, equals, path = text.partition("=")
    if equals and name:
        from rollbook.artifact import measure  # noqa: PLC0415  loads pydantic

        return {"name": name, "digest": measure(Path(path)).digest}
    name, at, digest = text.partition("@")
    if not (name and at and _DIGEST.fullmatch(digest)):
        raise InvalidReference(
            text,
            "a data set is known by its digest; write name@sha256:<64 hex digits>, "
            "or name=path to have it computed",
        )
    return {"name": name, "digest": digest}


def parent(text: str) -> dict[str, Any]:
    """Read the version that this one was made from."""
    named = parse_version(text)
    if not isinstance(named, VersionReference) or not isinstance(named.at, int):
        raise InvalidReference(text, "a parent is one version, write model@number")
    return {"model": str(named.model), "version": named.at}


def without_none(fields: dict[str, Any]) -> dict[str, Any]:
    """Leave out what was not said."""
    return {name: value for name, value in fields.items() if value is not None}


def measured(
    on: str | None, report: str | Path | None, uri: str | None
) -> dict[str, Any]:
    """Say on which data set evidence was found and which report holds all of it."""
    found: dict[str, Any] = {}
    if on is not None:
        found["dataset"] = dataset(on)
    if report is not None:
        from rollbook.artifact import measure  # noqa: PLC0415  loads pydantic

        path = Path(report)
        digest = measure(path).digest
        found["statement"] = {"uri": uri or path.resolve().as_uri(), "digest": digest}
    return found


def numbers(given: Mapping[str, float] | None) -> dict[str, float]:
    """Make plain numbers of what numeric libraries give."""
    return {name: float(value) for name, value in (given or {}).items()}
