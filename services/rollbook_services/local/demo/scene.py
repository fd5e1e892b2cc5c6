"""What does every act of the demo work with?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rollbook.artifact import digest_of
from rollbook_services.local.demo.digits import Data, Trained, read_scan
from rollbook_services.local.demo.narrator import Narrator
from rollbook_services.local.demo.players import MODEL, Player

DEFAULT: Final = "default"
EDGE: Final = "edge"
TARGETS: Final = ("eu-1", "eu-2", "us-1")


@dataclass(frozen=True, slots=True)
class Scene:
    """The narrator, the people, the models, and where everything lies."""

    narrator: Narrator
    folder: Path
    data: Data
    trained: Mapping[int, Trained]
    """By the version number they will get."""
    operator: Player
    """Runs the installation."""
    ci: Player
    alice: Player
    bob: Player
    carol: Player
    dora: Player
    """Owns policies, as erin does."""
    erin: Player
    mona: Player
    """Answers for the model."""
    rolf: Player
    """Answers for the risk."""
    frank: Player
    """Commands incidents, as erin does."""
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

    def served(self, stage: str, target: str = DEFAULT) -> Path:
        """Return the link that a target's agent switches."""
        root = stage if target == DEFAULT else target
        return self.folder / "served" / root / "default" / MODEL / "current"

    def served_digest(self, stage: str, target: str = DEFAULT) -> str:
        """Hash what a target serves now, byte by byte."""
        digest, _ = digest_of(self.served(stage, target).resolve())
        return str(digest)

    def answer(self, image: Any) -> int:
        """Let what production serves now read a scan."""
        return read_scan(self.served("production"), image)

    def token_file(self, who: Player) -> Path:
        """Return where somebody's token lies."""
        return self.folder / "tokens" / f"{who.name}.token"

    def people(self) -> tuple[Player, ...]:
        """Return everybody who is a person."""
        return (
            *(self.alice, self.bob, self.carol, self.dora, self.erin),
            *(self.mona, self.rolf, self.frank),
        )

    def remember(self, moment: str) -> int:
        """Name the ledger's present position."""
        self.moments[moment] = self.carol.transport.get("/v1/lanes")["seq"]
        return self.moments[moment]
