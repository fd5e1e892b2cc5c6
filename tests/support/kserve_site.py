"""Where does a test of the kserve driver publish, serve and spoil versions?"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rollbook.agent.driver import Setup
from rollbook.agent.drivers.kserve import KserveDriver
from rollbook.catalogue.lane import Variant
from rollbook.commands.desired import Target
from rollbook.names import Digest, Version
from tests.support.kubernetes_stand_in import Cluster, kubeconfig


@dataclass(slots=True)
class Site:
    """A cluster that belongs to one test, and what lies at which address."""

    cluster: Cluster
    folder: Path
    published: dict[str, Digest] = field(default_factory=dict)

    def driver(self, **options: Any) -> KserveDriver:
        given = {
            "kubeconfig": str(kubeconfig(self.folder, self.cluster.url)),
            "model_format": "sklearn",
            "poll_seconds": 0.001,
            "deadline_seconds": 20,
            **options,
        }
        return KserveDriver(Setup("production", "main", self.folder, given))

    async def publish(self, content: bytes, version: int) -> Variant:
        digest = Digest(f"sha256:{hashlib.sha256(content).hexdigest()}")
        uri = f"s3://models/{content.decode()}"
        self.published[uri] = digest
        return Variant(
            version=Version(version), digest=digest, size_bytes=len(content), uri=uri
        )

    async def served(self, target: Target) -> dict[Digest, int | None]:
        found = self.cluster.knative.serves(target.model.replace("/", "-"))
        return {self.published[uri]: percent for uri, percent in found.items()}

    async def edit(self, target: Target) -> None:
        await self.publish(b"by-hand", 9)
        model = {"storageUri": "s3://models/by-hand"}
        self.cluster.edit(target.model.replace("/", "-"), model=model)

    async def refuse(self, variant: Variant) -> None:
        self.cluster.knative.refused.add(variant.uri)

    @property
    def asked(self) -> str:
        """Return the address that the first model's service asks for."""
        body = self.cluster.objects["acme-fraud"]
        uri: str = body["spec"]["predictor"]["model"]["storageUri"]
        return uri
