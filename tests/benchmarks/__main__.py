"""Which benchmarks run, and where does their table go?

`python -m tests.benchmarks [--events N] [--quick] [--only NAME]`; never decides a test.
"""

import argparse
import importlib
import json
import os
import platform
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import uvloop

from rollbook_services.logs import set_up
from tests.benchmarks.measure import Line, table
from tests.benchmarks.run import Run

NAMES: Final = ("rules", "gates", "registrar", "visibility", "agents", "http", "replay")
RESULTS: Final = Path(__file__).parent / "results"
ENGINES: Final = ("SQLite", "PostgreSQL")
FEW: Final = 20_000


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is asked for, print the table, write it down."""
    given = _parser().parse_args(arguments)
    names = given.only or NAMES
    set_up(level="warning")
    with tempfile.TemporaryDirectory(prefix="rollbook-bench-", dir=given.scratch) as at:
        run = Run(
            folder=Path(at),
            events=FEW if given.quick else given.events,
            is_quick=given.quick,
            engines=tuple(given.engine or ENGINES),
        )
        lines: list[Line] = []
        try:
            uvloop.run(_measure(run, names, lines))
        finally:  # what was measured before something failed is not lost
            _write(run, names, lines)


async def _measure(run: Run, names: Sequence[str], lines: list[Line]) -> None:
    for name in names:
        run.say(f"{name} begins")
        bench = importlib.import_module(f"tests.benchmarks.bench_{name}")
        lines += await bench.measure(run)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description=__doc__
    )
    parser.add_argument(
        "--events", type=int, default=100_000, help="size of the ledger"
    )
    parser.add_argument("--quick", action="store_true", help="a small, rough run")
    parser.add_argument("--only", action="append", choices=NAMES, help="repeatable")
    parser.add_argument("--engine", action="append", choices=ENGINES)
    parser.add_argument("--scratch", type=Path, help="where the run keeps its files")
    return parser


def _write(run: Run, names: Sequence[str], lines: Sequence[Line]) -> None:
    now = datetime.now(UTC)  # noqa: TID251
    about = {
        "at": now.isoformat(timespec="seconds"),
        "events": run.events,
        "benchmarks": list(names),
        "python": platform.python_version(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "load": f"{os.getloadavg()[0]:.1f}",
    }
    head = "  ".join(f"{name}: {value}" for name, value in about.items())
    text = f"{head}\n\n{table(lines)}\n"
    print(text)
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / now.strftime("%Y-%m-%dT%H%M%SZ")
    file.with_suffix(".txt").write_text(text)
    written = {**about, "lines": [line.written() for line in lines]}
    file.with_suffix(".json").write_text(json.dumps(written, indent=2))


if __name__ == "__main__":
    main()
