"""How does the demo use the command line, as a person would?"""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rollbook_services.local.demo.machinery import rollbook_script

LIMIT_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Told:
    """What a command answered."""

    exit: int
    lines: tuple[str, ...]
    errors: str

    @property
    def document(self) -> Any:
        """Read the answer of a command that was asked for JSON."""
        return json.loads("\n".join(self.lines))


def rollbook(*arguments: str, url: str, token_file: Path) -> Told:
    """Run one command as whoever the token belongs to."""
    ours: Mapping[str, str] = {
        **{name: here for name, here in os.environ.items() if "ROLLBOOK" not in name},
        "ROLLBOOK_URL": url,
        "ROLLBOOK_TOKEN_FILE": str(token_file),
        "COLUMNS": "100",
    }
    done = subprocess.run(
        [*rollbook_script(), *arguments],
        env=ours,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS,
    )
    lines = tuple(line for line in done.stdout.splitlines() if line.strip())
    return Told(done.returncode, lines, done.stderr)
