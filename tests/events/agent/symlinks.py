"""How does a test look at links and routes, as the servers that read them do?"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rollbook.agent.driver import Capability, Setup
from rollbook.agent.drivers.symlink import SymlinkDriver
from rollbook.catalogue.lane import Variant
from rollbook.commands.desired import Target
from rollbook.names import Digest
from tests.events.agent.driver_contract import (
    PLACE,
    World,
    file_variant,
)

VERIFIES = frozenset({Capability.VERIFIES_DIGEST})
SHARES = VERIFIES | {Capability.WEIGHTS, Capability.MIRROR}


def home(folder: Path, target: Target = PLACE) -> Path:
    return folder / "served" / target.model


def made(folder: Path, **options: Any) -> SymlinkDriver:
    return SymlinkDriver(Setup("production", "main", folder / "served", options))


def symlinks(folder: Path, **options: Any) -> World:
    """Serve plain files in a folder."""
    with_routes = options.get("routes", False)

    async def serves(target: Target) -> Mapping[Digest, int | None]:
        read = routes_of if with_routes else link_of
        return read(home(folder, target))

    async def publish(content: bytes, version: int) -> Variant:
        return file_variant(folder, content, version)

    async def spoil(variant: Variant) -> None:
        file_of(variant).write_bytes(b"0" * variant.size_bytes)

    async def disturb(target: Target) -> None:
        other = home(folder, target) / "versions" / "by-hand"
        other.mkdir()
        (other / "model.bin").write_bytes(b"by hand")
        point(home(folder, target), "versions/by-hand")

    return World(
        folder=folder,
        make=lambda: made(folder, **options),
        serves=serves,
        capabilities=SHARES if with_routes else VERIFIES,
        variant=publish,
        spoil=spoil,
        disturb=disturb,
    )


def file_of(variant: Variant) -> Path:
    return Path(variant.uri.removeprefix("file://"))


def digest_of(folder: Path) -> Digest:
    """Hash the one file of a folder, as a server loads it."""
    [file] = folder.iterdir()
    return file_variant(folder.parents[3] / "seen", file.read_bytes()).digest


def link_of(at: Path) -> Mapping[Digest, int | None]:
    return {digest_of((at / "current").resolve()): 100} if at_current(at) else {}


def at_current(at: Path) -> bool:
    return (at / "current").is_dir()


def routes_of(at: Path) -> Mapping[Digest, int | None]:
    """Share the traffic as a server does that reads the routes."""
    if not (at / "routes.json").exists():
        return {}
    read = json.loads((at / "routes.json").read_text())["variants"]
    return {digest_of(at / each["path"]): each["weight"] for each in read.values()}


def point(at: Path, where: str) -> None:
    (at / "current").unlink()
    (at / "current").symlink_to(where)


def script(folder: Path, text: str) -> str:
    """Write a command for `on_switch`; `$LOG` is a file beside it."""
    file = folder / "switch.sh"
    file.write_text(f"#!/bin/sh\nLOG={folder}/log\n{text}\n")
    file.chmod(0o755)
    return str(file)


def log(folder: Path) -> list[str]:
    written = folder / "log"
    return written.read_text().splitlines() if written.exists() else []
