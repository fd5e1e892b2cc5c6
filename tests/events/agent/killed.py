"""What is left by a kill at each step that changes the disk?

`python -m tests.events.agent.killed store|symlink|routes FOLDER` kills a child of its
own before the first change, before the second, and so on, until one gets through.
"""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rollbook.agent.artifacts.check import is_intact
from rollbook.agent.artifacts.store import Store
from rollbook.agent.driver import Observed
from tests.events.agent.artifacts_here import folder, local, named
from tests.events.agent.driver_contract import PLACE, apply, file_variant, wants
from tests.events.agent.symlinks import link_of, symlinks

CHANGES = {
    "os.rename",
    "os.link",
    "os.symlink",
    "os.remove",
    "os.rmdir",
    "os.mkdir",
    "os.truncate",
    "os.utime",
}
WRITING = os.O_WRONLY | os.O_RDWR


def kills(work: Callable[[], None], check: Callable[[], None]) -> int:
    """Check what each kill leaves; return how many there were."""
    count = 0
    while _child(work, before=count + 1) == -signal.SIGKILL:
        count += 1
        check()
    return count


def _child(work: Callable[[], None], *, before: int) -> int:
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    left = before

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        is_write = event == "open" and int(arguments[2]) & WRITING
        if event in CHANGES or is_write:
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    work()
    os._exit(0)


def store(at: Path) -> int:
    """Kill an agent that fetches a folder, in place of a damaged one at that."""
    variant = local(folder(at / "model"))
    place = named(at / "cache", variant)

    def bring() -> None:
        asyncio.run(Store(at / "cache").bring(variant))

    def check() -> None:
        intact = is_intact(place, variant.digest)
        assert not place.exists() or intact or is_damaged, "half of it is there"
        bring()
        assert is_intact(place, variant.digest)
        reset()

    def reset() -> None:
        if is_damaged:
            (place / "a.bin").write_bytes(b"B")
        else:
            shutil.rmtree(place)

    is_damaged = False
    count = kills(bring, check)
    is_damaged = True
    reset()
    return count + kills(bring, check)


def symlink(at: Path, **options: Any) -> int:
    """Kill an agent that switches from one version to another."""
    world = symlinks(at, on_switch="true", **options)
    one, two = (file_variant(at, content) for content in (b"one", b"two"))

    def switch(variant: Any) -> None:
        asyncio.run(apply(world, world.make(), wants(variant)))

    def check() -> None:
        [served] = link_of(at / "served" / PLACE.model)
        assert served in (one.digest, two.digest)
        [observed] = asyncio.run(world.make().observe(PLACE)).runs
        assert observed in (one.digest, two.digest)
        switch(two)
        assert asyncio.run(world.make().observe(PLACE)) == Observed({two.digest: 100})
        assert link_of(at / "served" / PLACE.model) == {two.digest: 100}
        reset()

    def reset() -> None:
        switch(one)
        shutil.rmtree(at / "cache")
        shutil.rmtree(
            at / "served" / PLACE.model / "versions" / two.digest.replace(":", "-")
        )

    switch(one)
    return kills(lambda: switch(two), check)


def routes(at: Path) -> int:
    """Kill an agent that switches with routes."""
    return symlink(at, routes=True)


if __name__ == "__main__":
    done = {"store": store, "symlink": symlink, "routes": routes}[sys.argv[1]]
    sys.stdout.write(f"{done(Path(sys.argv[2]))}\n")
