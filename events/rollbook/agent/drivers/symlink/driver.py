"""How does a link on the disk serve a version, or several with their shares?

`<root>/<team>/<name>/versions/<digest>/…` holds verified bytes, `current` points at
one of them and moves by an atomic rename. Versions are kept, so going back is quick.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from typing import ClassVar

from rollbook.agent.artifacts.faults import as_faults
from rollbook.agent.driver import (
    AgentContext,
    Capability,
    Fault,
    Health,
    Observed,
    Plan,
    Progress,
    Setup,
    Unapplied,
    driver,
    refuse_split,
)
from rollbook.agent.drivers.symlink.options import SymlinkOptions
from rollbook.agent.drivers.symlink.serving import (
    CURRENT,
    ROUTES,
    Home,
    Serving,
    serving,
)
from rollbook.agent.drivers.symlink.telling import Teller
from rollbook.agent.versions import (
    Versions,
    forget_old,
    home_of,
    to_fetch,
    variants_of,
    verified,
)
from rollbook.agent.wanted import Wanted
from rollbook.agent.web import Asking, ask
from rollbook.commands.desired import Target
from rollbook.names import Digest


@driver
class SymlinkDriver:
    """Serves through the link `current`, and shares by the file `routes.json`."""

    name: ClassVar[str] = "symlink"

    def __init__(self, setup: Setup) -> None:
        """Take the root of all models, and how a server is told."""
        self._options = setup.read(SymlinkOptions)
        self._root = setup.root.absolute()
        self._versions = Versions()
        self._teller = Teller(self._options)
        can = {Capability.VERIFIES_DIGEST}
        if self._options.url is not None:
            can.add(Capability.HEALTH)
        if self._options.routes:
            can |= {Capability.WEIGHTS, Capability.MIRROR}
        self.capabilities = frozenset(can)

    def plan(self, wanted: Wanted, observed: Observed) -> Plan:
        """Say what is fetched, and where the link will lead."""
        refuse_split(self, wanted)
        lines = () if observed.equals(wanted) else tuple(self._lines(wanted))
        return Plan(wanted, observed, lines)

    async def apply(
        self, plan: Plan, context: AgentContext
    ) -> AsyncGenerator[Progress]:
        """Have the bytes beside, verify them, switch, tell the server."""
        home, is_new = Home(home_of(self._root, plan.target)), False
        for variant in variants_of(plan.wanted):
            is_new |= await self._versions.bring(home.folder, variant, context)
            yield verified(variant)
        with as_faults(str(home.folder), otherwise=Fault.DRIVER_ERROR):
            line = await self._switch(plan.wanted, home, is_new=is_new)
            await asyncio.to_thread(self._forget_old, home)
        yield Progress("switched", line)

    async def observe(self, target: Target) -> Observed:
        """Hash what link and routes lead to; again only where files changed."""
        home = Home(home_of(self._root, target))
        return Observed(await asyncio.to_thread(self._look, home))

    async def health(self, target: Target) -> Health:
        """Ask the server's URL; without one, say whether the link leads to files."""
        home = Home(home_of(self._root, target))
        if await asyncio.to_thread(lambda: home.read().current) is None:
            return Health.UNKNOWN
        if self._options.url is None:
            return Health.GOOD
        try:
            answer = await ask(
                Asking("GET", str(self._options.url)),
                seconds=self._options.deadline,
                allow_private=True,
            )
        except Unapplied:
            return Health.BAD
        return Health.GOOD if answer.is_good else Health.BAD

    def _lines(self, wanted: Wanted) -> Iterator[str]:
        yield from map(to_fetch, variants_of(wanted))
        after = serving(wanted, with_routes=self._options.routes)
        if after.routes:
            yield f"write {ROUTES} with {len(wanted.shares)} variants"
        yield f"{CURRENT} -> {after.current}" if after.current else f"remove {CURRENT}"
        if after.current and (self._options.on_switch or self._options.signal):
            yield "tell the server"

    async def _switch(self, wanted: Wanted, home: Home, *, is_new: bool) -> str:
        """Change the link; where the server says no, serve again what was served."""
        after = serving(wanted, with_routes=self._options.routes)
        unfinished, now = await asyncio.to_thread(lambda: (home.before(), home.read()))
        if unfinished is None and not is_new and now.means() == after.means():
            if now != after:
                await asyncio.to_thread(home.write, after)
            return f"{_shown(home, after)}   as before"
        before = unfinished or now
        await asyncio.to_thread(home.change, before, after)
        try:
            told = await self._teller.tell(wanted, after, home.folder)
        except Unapplied:
            await self._go_back(wanted, home, before)
            raise
        except BaseException:
            # No time to tell anybody: the note stays, and so does the next one's duty.
            home.write(before)
            raise
        await asyncio.to_thread(home.finish)
        return f"{_shown(home, after)}   {told or 'previous kept'}"

    async def _go_back(self, wanted: Wanted, home: Home, before: Serving) -> None:
        await asyncio.to_thread(home.write, before)
        try:
            await self._teller.tell(wanted, before, home.folder)
        except Unapplied:
            return  # the note stays: whatever is applied next is told again
        await asyncio.to_thread(home.finish)

    def _look(self, home: Home) -> dict[Digest, int | None]:
        """What is being switched to counts only when the server was told."""
        found: dict[Digest, int | None] = {}
        for path, weight in (home.before() or home.read()).runs().items():
            try:
                digest = self._versions.digest(home.folder / path)
            except OSError:
                continue  # it is gone, or a link was put into it
            found[digest] = (found.get(digest) or 0) + weight
        return found

    def _forget_old(self, home: Home) -> None:
        served = [home.folder / path for path in home.read().runs()]
        forget_old(home.folder, keep=self._options.keep, served=served)


def _shown(home: Home, serving: Serving) -> str:
    if serving.current is None:
        return f"{CURRENT} removed, nothing is served"
    return f"{home.folder / CURRENT} -> {serving.current}"
