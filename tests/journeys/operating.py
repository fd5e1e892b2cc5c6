"""How does an operator run a fleet by typing, and follow a roll-out meanwhile?"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rollbook_services import main
from tests.journeys.shell import Ended, Rollbook
from tests.support.children import Child

PATIENCE_SECONDS: Final = 30
LOOK_AGAIN_SECONDS: Final = 0.05
STEPS: Final = ((0, 0), (0, 1), (1, 0), (1, 1))
"""Two waves of two steps, as the stage `edge` has them."""
AGENT: Final = 'resync = "1s"\n[driver]\nname = "symlink"\nroutes = true\n'


@dataclass(slots=True)
class Site:
    """What runs beside the command lines."""

    folder: Path
    agents: dict[str, Child] = field(default_factory=dict)

    def secrets(self, target: str, attempt: int = 1) -> Path:
        return self.folder / f"{target}-{attempt}.json"

    def agent(self, stage: str, target: str, attempt: int = 1) -> Child:
        """Start an agent as its operator would."""
        file = self.folder / "agent.toml"
        file.write_text(AGENT)
        arguments = ["agent", "run", "--config", str(file)]
        arguments += ["--stage", stage, "--target", target]
        arguments += ["--root", str(self.folder / "served" / target)]
        arguments += ["--credentials", str(self.secrets(target, attempt))]
        child = Child(arguments, self.folder / "output" / f"{target}-{attempt}")
        self.agents[target] = child
        return begin(child, f"agent {stage}/{target}")

    def stop(self) -> None:
        """Stop every agent that still runs."""
        for agent in self.agents.values():
            agent.stop()

    def home(self, target: str, model: str) -> Path:
        return self.folder / "served" / target / "default" / model

    def serves(self, target: str, model: str) -> str:
        """Read what a target serves now."""
        [file] = (self.home(target, model) / "current").iterdir()
        return file.read_text()


def begin(child: Child, word: str) -> Child:
    child.start()
    until(lambda: word in child.told(), child.told)
    return child


def until(look: Callable[[], Any], told: Callable[[], object]) -> Any:
    """Wait for a fact that only looking tells, and return it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline, told()
        time.sleep(LOOK_AGAIN_SECONDS)
    return found


def enrol(
    rollbook: Rollbook, site: Site, stage: str, target: str, attempt: int = 1
) -> None:
    file = site.secrets(target, attempt)
    good(rollbook("agent", "enrol", f"{stage}/{target}", "--file", str(file)))
    assert file.stat().st_mode & 0o077 == 0


def good(ended: Ended) -> str:
    assert ended.code == 0, ended.err
    return ended.out


def register(rollbook: Rollbook, model: str, *versions: int) -> None:
    for version in versions:
        file = Path(f"{model}-{version}.bin")
        file.write_text(f"{model} {version}")
        good(rollbook("register", model, "--path", str(file)))


def live(rollbook: Rollbook, model: str, version: int, stage: str) -> None:
    """Bring a version onto targets that all change at once."""
    line = ["promote", f"{model}@{version}", "--to", stage, "-m", "weekly"]
    good(rollbook(*line, "--wait=deployed"))


@dataclass(slots=True)
class RollOut:
    """A promotion that goes out while somebody waits for it in another shell."""

    rollbook: Rollbook
    promotion: str
    waiting: Child

    @classmethod
    def begin(
        cls, rollbook: Rollbook, site: Site, model: str, version: int
    ) -> "RollOut":
        line = ["promote", f"{model}@{version}", "--to", "edge", "--wait=deployed"]
        line += ["-m", "weekly", "--data", str(site.folder / "data")]
        waiting = Child(line, site.folder / "promote" / f"{model}-{version}")
        begin(waiting, "progressing")
        return cls(rollbook, waiting.told().split()[0], waiting)

    def why(self) -> dict[str, Any]:
        answer = self.rollbook("why", self.promotion, "--json").json()
        told: dict[str, Any] = answer["data"]
        return told

    def until_applied(self, wave: int, step: int) -> None:
        """Wait until a step runs, and proves itself."""

        def look() -> bool:
            now = self.why()["underway"] or {}
            place = (now.get("wave"), now.get("step"))
            return place == (wave, step) and now["bake_until"] is not None

        until(look, self.waiting.told)

    def measure(self, wave: int, step: int, error_rate: float) -> Ended:
        """Record what was measured of a step since it began."""
        begun = self.why()["recorded"]["rollout"]["now"]["started_at"]
        return self.rollbook(
            *("analysis", "record", self.promotion, "--samples", "500"),
            *("--wave", str(wave), "--step", str(step)),
            *("--metric", f"error_rate={error_rate}"),
            *("--from", begun, "--until", main.EDGE.now().isoformat()),
            as_="alice",
        )

    def proves_itself(self, wave: int, step: int) -> None:
        """Let a step go on; a slow machine may have let its bake pass before."""
        self.until_applied(wave, step)
        measured = self.measure(wave, step, 0.01)
        assert "pass     error_rate" in measured.err, measured
        if self.why()["state"] == "PAUSED":
            line = ["resume", self.promotion, "--wave", str(wave), "--step", str(step)]
            good(self.rollbook(*line, "-m", "measured now", as_="dave"))


def ended(child: Child) -> int:
    """Return a process's exit code, once it has ended by itself."""
    assert child.process is not None
    child.process.join(PATIENCE_SECONDS)
    assert child.process.exitcode is not None, child.told()
    return child.process.exitcode


def goes_out(rollbook: Rollbook, site: Site, model: str, version: int) -> None:
    """Let a version go through every step."""
    out = RollOut.begin(rollbook, site, model, version)
    for wave, step in STEPS:
        out.proves_itself(wave, step)
    assert ended(out.waiting) == 0
    until(lambda: out.why()["state"] == "SUCCEEDED", out.waiting.told)
