"""How are `name=value` options read, and files of metrics?"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click


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
