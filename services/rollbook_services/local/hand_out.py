"""What must each process of a deployment know, and nobody else?

The registrar makes every token; this puts each into a folder of its holder, which is
then carried to the holder's machine. `conductor`, `agent-<stage>-<target>`, `operator`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from rollbook.errors import Misconfigured
from rollbook.ledger.connection import read_seed
from rollbook_services.credentials import (
    CONDUCTOR,
    Credentials,
    agent_name,
    read_credentials,
)
from rollbook_services.serving import places

FILE: Final = "credentials.json"
_SHARED: Final = ("nats_url", "nats_ca", "origin", "event_key")


def hand_out(data: Path, seeds: Path, folder: Path, *, url: str = "") -> list[Path]:
    """Write a file for each holder, whole and for its owner alone; return the files.

    `url` is where people reach the gateway. Writing again replaces what was there.
    """
    held = read_credentials(data / FILE)
    if "event_key" not in held.content:
        raise Misconfigured(
            str(data / FILE),
            "no registrar has written it yet: start one on this data directory first",
        )
    return [
        _write(folder / holder / FILE, content)
        for holder, content in _portions(held, seeds, url)
    ]


def _portions(
    held: Credentials, seeds: Path, url: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    shared = {name: held.content[name] for name in _SHARED}
    yield "conductor", {"tokens": {CONDUCTOR: held.content["tokens"][CONDUCTOR]}}
    for stage, target in places(credentials=held):
        user = agent_name(stage, target)
        identity = {
            "user": user,
            "seed": read_seed(seeds / f"{user}.nk"),
            "token": held.token(f"svc:{user}"),
        }
        yield user, {**shared, "agents": {f"{stage}/{target}": identity}}
    entrance = {"token": held.operator_token(), "event_key": held.content["event_key"]}
    yield "operator", {"url": url, **entrance}


def _write(file: Path, content: dict[str, Any]) -> Path:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    Credentials(file).note(**content)
    return file
