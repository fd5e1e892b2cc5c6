"""How are `name=value` options read, and files of metrics?"""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import click

_DIGEST: Final = re.compile(r"(sha256|oci-sha256|oms-sha256):[0-9a-f]{64}")


def pairs(option: str, given: Iterable[str]) -> dict[str, str]:
    """Split each `name=value`; a name given twice is a mistake."""
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise click.UsageError(f"{option} {text!r}: write name=value")
        if name in found:
            raise click.UsageError(f"{option} {name}: given twice")
        found[name] = value
    return found


def numbers(option: str, given: Iterable[str]) -> dict[str, float]:
    """Read each `name=number`; the server refuses what is not finite."""
    found = {}
    for name, value in pairs(option, given).items():
        try:
            found[name] = float(value)
        except ValueError as error:
            raise click.UsageError(
                f"{option} {name}={value!r}: a number is wanted"
            ) from error
    return found


def scalars(option: str, given: Iterable[str]) -> dict[str, Any]:
    """Read each `name=value` as number, truth value or text."""
    return {name: _scalar(value) for name, value in pairs(option, given).items()}


def metrics(files: Iterable[Path], given: Iterable[str]) -> dict[str, float]:
    """Read metrics from JSON files, then from options, which win."""
    found: dict[str, float] = {}
    for path in files:
        found.update(_metrics_in(path))
    return {**found, **numbers("--metric", given)}


def dataset(text: str) -> dict[str, Any]:
    """Read `name@digest`, or `name=path`, whose digest is computed here."""
    name, equals, path = text.partition("=")
    if equals and name:
        from rollbook_services.cli.artifact import measure

        return {"name": name, "digest": measure(Path(path)).digest}
    name, at, digest = text.partition("@")
    if not (name and at and _DIGEST.fullmatch(digest)):
        raise click.UsageError(
            f"--dataset {text!r}: a data set is known by its digest; write "
            "name@sha256:<64 hex digits>, or name=path to have it computed"
        )
    return {"name": name, "digest": digest}


def _scalar(text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float) else text


def _metrics_in(path: Path) -> dict[str, float]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise click.UsageError(f"--metrics {path}: {error}") from error
    if not isinstance(found, dict):
        raise click.UsageError(f"--metrics {path}: an object of numbers is wanted")
    for name, value in found.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise click.UsageError(
                f"--metrics {path}: {name} is {value!r}, a number is wanted"
            )
    return {name: float(value) for name, value in found.items()}
