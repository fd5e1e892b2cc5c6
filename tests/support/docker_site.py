"""Where does a test of the docker driver publish, serve and spoil images?"""

import hashlib
import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollbook.agent.driver import Setup
from rollbook.agent.drivers.docker import DockerDriver
from rollbook.catalogue.lane import Variant
from rollbook.commands.desired import Target
from rollbook.names import Digest, Version
from tests.support import docker_stand_in
from tests.support.docker_stand_in import CALLS, State, state_in

IMAGE = "registry.local:5000/acme/model"
NETWORK = "models"


def image(variant: Variant) -> str:
    return f"{IMAGE}@{variant.digest.removeprefix('oci-')}"


@dataclass(slots=True)
class Site:
    """An engine that belongs to one test."""

    folder: Path

    def __post_init__(self) -> None:
        """Write the program that stands in for docker."""
        home = Path(docker_stand_in.__file__).parent
        code = (
            f"import sys; sys.path.append('{home}'); import docker_stand_in; "
            "sys.exit(docker_stand_in.main(sys.argv[1:]))"
        )
        self.program.write_text(
            f'#!/bin/sh\nexport DOCKER_STAND_IN="{self.folder}"\n'
            f'exec {sys.executable} -I -S -c "{code}" "$@"\n'
        )
        self.program.chmod(0o755)
        with self.state() as state:
            state["networks"].append(NETWORK)

    @property
    def program(self) -> Path:
        return self.folder / "docker"

    def state(self) -> AbstractContextManager[State]:
        return state_in(self.folder)

    def options(self, **options: Any) -> dict[str, Any]:
        return {
            "program": str(self.program),
            "network": NETWORK,
            "network_alias": "{name}",
            "poll_seconds": 0.001,
            "settle_seconds": 0,
            "drain_seconds": 0,
            **options,
        }

    def driver(self, **options: Any) -> DockerDriver:
        given = self.options(**options)
        return DockerDriver(Setup("production", "main", self.folder, given))

    async def publish(self, content: bytes, version: int, **image: Any) -> Variant:
        """Push an image; say how it behaves."""
        digest = hashlib.sha256(content).hexdigest()
        with self.state() as state:
            state["registry"][f"{IMAGE}@sha256:{digest}"] = {
                "is_well": True,
                "has_check": True,
                "crashes": False,
                "is_spoiled": False,
                **image,
            }
        return Variant(
            version=Version(version),
            digest=Digest(f"oci-sha256:{digest}"),
            size_bytes=len(content),
            uri=f"docker://{IMAGE}:v{version}@sha256:{digest}",
        )

    async def served(self, target: Target) -> dict[Digest, int | None]:
        """Ask the network's names, as a caller does."""
        _, _, alias = target.model.rpartition("/")
        with self.state() as state:
            found = [
                each["Config"]["Image"].partition("@")[2]
                for each in state["containers"].values()
                if each["State"]["Running"]
                and alias
                in each["NetworkSettings"]["Networks"]
                .get(NETWORK, {})
                .get("Aliases", ())
            ]
        return {Digest(f"oci-{each}"): 100 // len(found) for each in found}

    async def change(self, variant: Variant, **image_: Any) -> None:
        """Let an image behave otherwise."""
        with self.state() as state:
            state["registry"][image(variant)] |= image_

    async def end(self, target: Target) -> None:
        """Stop the containers of a place by hand."""
        with self.state() as state:
            for each in state["containers"].values():
                if each["Config"]["Labels"]["rollbook.model"] == target.model:
                    docker_stand_in.end(each)

    def containers(self) -> dict[str, str]:
        """List every container's name and state."""
        with self.state() as state:
            return {
                each["Name"].removeprefix("/"): each["State"]["Status"]
                for each in state["containers"].values()
            }

    def calls(self) -> Iterator[list[str]]:
        for line in (self.folder / CALLS).read_text().splitlines():
            yield json.loads(line)
