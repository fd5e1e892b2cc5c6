"""What does `docker inspect` say of a container, and which image is a version? Pure.

All that the driver has to remember is in the engine: labels say whose a container is,
and its name ends in `.next` until it is switched to.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from rollbook.agent.driver import Fault, Unapplied
from rollbook.catalogue.lane import Variant
from rollbook.commands.desired import Target
from rollbook.names import Digest

KIND: Final = "oci-sha256:"
NEXT: Final = ".next"
VERSION: Final = "rollbook.version"
_SCHEME: Final = re.compile(r"^(docker|oci)://")
_TAG: Final = re.compile(r":[^/:]*$")


@dataclass(frozen=True, slots=True)
class Network:
    """Where callers find whoever has the alias."""

    name: str
    alias: str


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a place."""

    id: str
    name: str
    image: str
    digest: Digest | None
    """None: it was not made from an image's digest, so not by the driver."""
    version: str
    state: str
    """`running`, `exited`, `restarting` …"""
    restarts: int
    health: str | None
    """`starting`, `healthy`, `unhealthy`; None: the image has no health check."""
    said: str
    """What the health check said last."""
    port: int | None
    """Of this machine."""
    aliases: Mapping[str, frozenset[str]]
    """By network."""

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Self:
        """Read one object of `docker inspect`."""
        state, settings = body["State"], body["NetworkSettings"]
        health = state.get("Health") or {}
        [*log] = health.get("Log") or []
        return cls(
            id=body["Id"],
            name=body["Name"].removeprefix("/"),
            image=body["Config"]["Image"],
            digest=_digest(body["Config"]["Image"]),
            version=(body["Config"].get("Labels") or {}).get(VERSION, ""),
            state=state["Status"],
            restarts=body.get("RestartCount", 0),
            health=health.get("Status"),
            said=log[-1]["Output"].strip() if log else "",
            port=_port(settings.get("Ports") or {}),
            aliases={
                name: frozenset(each.get("Aliases") or ())
                for name, each in (settings.get("Networks") or {}).items()
            },
        )

    @property
    def is_running(self) -> bool:
        """Tell whether its process is there."""
        return self.state == "running"

    @property
    def is_next(self) -> bool:
        """Tell whether it was never switched to."""
        return self.name.endswith(NEXT)

    def has(self, network: Network | None) -> bool:
        """Tell whether callers find it, where they look in a network."""
        return network is None or network.alias in self.aliases.get(
            network.name, frozenset()
        )

    def serves(self, network: Network | None) -> bool:
        """Tell whether it answers requests."""
        return self.is_running and not self.is_next and self.has(network)


def image_of(variant: Variant) -> str:
    """Name a version's image by its digest; Unapplied where it is no image."""
    if not variant.digest.startswith(KIND):
        raise Unapplied(
            Fault.UNSUPPORTED,
            f"docker serves images, and {variant.digest} is none: "
            f"register the version with the digest {KIND}…",
        )
    name, _, pinned = _SCHEME.sub("", variant.uri).partition("@")
    digest = f"sha256:{variant.digest.removeprefix(KIND)}"
    if pinned not in ("", digest):
        raise Unapplied(Fault.DIGEST_MISMATCH, f"{variant.uri} is not {variant.digest}")
    return f"{_TAG.sub('', name)}@{digest}"


def labels_of(target: Target) -> dict[str, str]:
    """Say whose a container is."""
    return {
        "rollbook.stage": target.stage,
        "rollbook.target": target.target,
        "rollbook.model": target.model,
    }


def name_of(target: Target, variant: Variant) -> str:
    """Name the container of a version; Rollbook's names have no dots."""
    model, digest = target.model.replace("/", "."), variant.digest.removeprefix(KIND)
    return f"rollbook.{target.stage}.{target.target}.{model}.{digest[:12]}"


def _digest(image: str) -> Digest | None:
    found = re.search(r"@sha256:([0-9a-f]{64})$", image)
    return Digest(f"{KIND}{found[1]}") if found else None


def _port(ports: Mapping[str, Any]) -> int | None:
    bound = [each for found in ports.values() for each in found or ()]
    return int(bound[0]["HostPort"]) if bound else None
