"""How does a test get a driver that shares traffic, hangs, crashes and lies?

It serves from real files: `serving/<digest>` holds the bytes, `serving.json` says
which of them run and with how much of the traffic. The file `behave`, where there is
one, says in a word how it misbehaves.
"""

import asyncio
import json
import shutil
from collections import Counter
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import ClassVar

from rollbook.agent.driver import (
    AgentContext,
    Capability,
    Fault,
    Health,
    Observed,
    Plan,
    Progress,
    Unapplied,
)
from rollbook.agent.wanted import Wanted
from rollbook.artifact import digest_of
from rollbook.commands.desired import Target
from rollbook.names import Digest


class FilesDriver:
    """Shares traffic between files, as far as `behave` lets it."""

    name: ClassVar[str] = "files"
    capabilities: ClassVar[frozenset[Capability]] = frozenset(Capability)

    def __init__(self, root: Path) -> None:
        """Keep everything under one folder."""
        self.root = root
        self.served: list[dict[Digest, int]] = []
        """Everything that was ever served, in order."""
        self.running = 0
        self.most_running = 0
        self.tries = 0
        self.looks: Counter[str] = Counter()
        self.hung, self.release = asyncio.Event(), asyncio.Event()
        self.closed = 0

    def behave(self, word: str) -> None:
        """Misbehave from now on; an empty word: no more."""
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / "behave").write_text(word)

    def plan(self, wanted: Wanted, observed: Observed) -> Plan:
        if self._word() == "unsupported":
            raise Unapplied(Fault.UNSUPPORTED, "this cannot be done here")
        digests = sorted(wanted.digests().items())
        lines = tuple(f"serve {digest} {weight} %" for digest, weight in digests)
        return Plan(wanted, observed, () if observed.equals(wanted) else lines)

    async def apply(
        self, plan: Plan, context: AgentContext
    ) -> AsyncGenerator[Progress]:
        self.tries += 1
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            async for step in self._apply(plan, context):
                yield step
        finally:
            self.running -= 1
            self.closed += 1

    async def _apply(
        self, plan: Plan, context: AgentContext
    ) -> AsyncGenerator[Progress]:
        home = self._home(plan.target)
        for share in plan.wanted.shares.values():
            fetched = await context.fetch(share.variant)
            [file] = fetched.iterdir()
            home.joinpath("serving").mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, home / "serving" / _name(share.variant.digest))
        if self._word() == "slow":
            self.hung.set()
            await self.release.wait()
        yield Progress("fetched", plan.target.model)
        await self._misbehave(home)
        if self._word() != "lie":
            self._point(home, dict(plan.wanted.digests()))
        yield Progress("switched", plan.target.model)

    async def observe(self, target: Target) -> Observed:
        self.looks[target.model] += 1
        if self._word() == "blind":
            raise Unapplied(Fault.DRIVER_ERROR, "nobody can tell", is_passing=True)
        home = self._home(target)
        try:
            said = json.loads((home / "serving.json").read_text())
        except FileNotFoundError:
            return Observed()
        return Observed(
            {
                digest_of(home / "serving" / _name(Digest(digest)))[0]: weight
                for digest, weight in said.items()
            }
        )

    async def health(self, target: Target) -> Health:
        return Health.BAD if self._word() == "bad" else Health.GOOD

    def serve(self, target: Target, runs: dict[Digest, int]) -> None:
        """Serve something else than was desired, as a person might."""
        self._point(self._home(target), runs)

    async def _misbehave(self, home: Path) -> None:
        match self._word():
            case "hang":
                self.hung.set()
                await self.release.wait()
            case "crash":
                raise ZeroDivisionError("it crashed")
            case "cancel":
                raise asyncio.CancelledError
            case "full":
                raise Unapplied(Fault.NO_CAPACITY, "no room", is_passing=True)
            case "unloadable":
                raise Unapplied(Fault.LOAD_FAILED, "it does not load", is_passing=True)
            case "gone":
                (home / "serving.json").unlink(missing_ok=True)
                self.behave("")
                raise Unapplied(Fault.LOAD_FAILED, "nothing is left")
            case _:
                pass

    def _point(self, home: Path, runs: dict[Digest, int]) -> None:
        draft = home / "serving.json.new"
        home.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(runs))
        draft.replace(home / "serving.json")
        self.served.append(runs)

    def _word(self) -> str:
        file = self.root / "behave"
        return file.read_text() if file.exists() else ""

    def _home(self, target: Target) -> Path:
        return self.root / target.model.replace("/", ".")


def _name(digest: Digest) -> str:
    return digest.replace(":", "-")
