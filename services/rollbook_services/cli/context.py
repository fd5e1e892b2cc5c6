"""How far has this user written: what does the next command wait to see?"""

import json
import os
from collections.abc import Mapping

from rollbook.client.settings import Server, state_directory


def remembered(server: Server, environ: Mapping[str, str]) -> int:
    """Return the highest sequence this user has written there, or 0."""
    try:
        seen = json.loads((state_directory(environ) / "seen.json").read_text())
        return int(seen[_place(server)])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def remember(server: Server, sequence: int, environ: Mapping[str, str]) -> None:
    """Keep a sequence, so that the next command reads what this one wrote."""
    directory = state_directory(environ)
    path, place = directory / "seen.json", _place(server)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            seen = json.loads(path.read_text())
        except (OSError, ValueError):
            seen = {}
        recent = {name: seen[name] for name in list(seen)[-20:] if name != place}
        scratch = directory / f".seen.{os.getpid()}"
        scratch.write_text(json.dumps({**recent, place: sequence}))
        scratch.replace(path)
    except (OSError, TypeError):
        return  # A read a moment later may lag by some milliseconds: no harm.


def _place(server: Server) -> str:
    return f"{server.url} {server.ledger}"
