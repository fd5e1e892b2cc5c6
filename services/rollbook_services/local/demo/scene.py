"""What does every act of the demo work with?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rollbook.artifact import digest_of
from rollbook_services.local.demo.digits import Data, Trained, read_scan
from rollbook_services.local.demo.narrator import Narrator
from rollbook_services.local.demo.players import MODEL, Player


@dataclass(frozen=True, slots=True)
class Scene:
    """The narrator, the people, the models, and where everything lies."""

    narrator: Narrator
    folder: Path
    data: Data
    trained: Mapping[int, Trained]
    """By the version number they will get."""
    ci: Player
    alice: Player
    bob: Player
    carol: Player
    moments: dict[str, int] = field(default_factory=dict)
    """Ledger positions worth going back to, by name."""

    def now(self) -> str:
        """Return the instant, as those who measure would note it."""
        return datetime.now(UTC).isoformat()  # noqa: TID251

    def artifact(self, version: int) -> dict[str, Any]:
        """Describe the bytes of a model as they lie on the disk now."""
        folder = self.trained[version].folder
        digest, size = digest_of(folder)
        return {
            "uri": folder.resolve().as_uri(),
            "digest": digest,
            "size_bytes": size,
            "media_type": "application/x-joblib",
        }

    def served(self, stage: str) -> Path:
        """Return the link that a stage's agent switches."""
        return self.folder / "served" / stage / "default" / MODEL / "current"

    def served_digest(self, stage: str) -> str:
        """Hash what a stage serves now, byte by byte."""
        digest, _ = digest_of(self.served(stage).resolve())
        return str(digest)

    def answer(self, image: Any) -> int:
        """Let what production serves now read a scan."""
        return read_scan(self.served("production"), image)

    def remember(self, moment: str) -> int:
        """Name the ledger's present position."""
        self.moments[moment] = self.carol.transport.get("/v1/lanes")["seq"]
        return self.moments[moment]
