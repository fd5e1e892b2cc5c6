"""How is a container engine asked, by its command line?"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from rollbook.agent import processes
from rollbook.agent.driver import Fault, Unapplied
from rollbook.agent.drivers.docker.container import Container, Network
from rollbook.agent.processes import Ended

ANSWER_SECONDS: Final = 60.0
LAST_LINES: Final = 10
_GONE: Final = ("no such container", "no such object")
# What the engine says, what that means, and whether it may pass; the first that fits.
_FAULTS: Final = (
    ("cannot connect to the docker daemon", Fault.DRIVER_ERROR, True),
    ("no space left on device", Fault.NO_CAPACITY, False),
    ("permission denied", Fault.PERMISSION_DENIED, False),
    ("unauthorized", Fault.PERMISSION_DENIED, False),
    ("access to the resource is denied", Fault.PERMISSION_DENIED, False),
)
_FAULTS_OF_A_PULL: Final = (
    ("verification failed for digest", Fault.DIGEST_MISMATCH, False),
    ("unexpected commit digest", Fault.DIGEST_MISMATCH, False),
    ("manifest unknown", Fault.ARTIFACT_UNREACHABLE, False),
    ("not found", Fault.ARTIFACT_UNREACHABLE, False),
    ("", Fault.ARTIFACT_UNREACHABLE, True),
)
_NO_PROGRAM: Final = (126, 127)  # of `docker run`: the image's command cannot be run


class Engine:
    """The program `docker`; each call raises Unapplied where it fails."""

    def __init__(self, program: str, is_stopping: Callable[[], bool]) -> None:
        """Take the program, and when it should not go on."""
        self._program, self._is_stopping = program, is_stopping

    async def containers(self, labels: Mapping[str, str]) -> list[Container]:
        """List what has these labels, running or not."""
        filters = [f"--filter=label={key}={value}" for key, value in labels.items()]
        listed = await self._ask("ps", "--all", "--quiet", "--no-trunc", *filters)
        return await self.look(*listed.split())

    async def look(self, *containers: str) -> list[Container]:
        """Look at containers; those that are gone are left out."""
        if not containers:
            return []
        ended = await self._run("inspect", "--type=container", *containers)
        is_partial = _is_gone(ended)
        said = ended.said if is_partial else self._said(ended, "inspect")
        return [Container.read(each) for each in json.loads(said or "[]")]

    async def has_image(self, image: str) -> bool:
        """Tell whether an image is here, whose digest the engine has compared."""
        ended = await self._run("image", "inspect", "--format={{.Id}}", image)
        return ended.code == 0

    async def pull(self, image: str, *, seconds: float) -> None:
        """Fetch an image; the engine compares what it gets with the digest."""
        await self._ask("pull", "--quiet", image, seconds=seconds)

    async def run(
        self, image: str, options: Sequence[str], command: Sequence[str]
    ) -> str:
        """Start a container beside the others; return its id."""
        return await self._ask("run", "--detach", *options, image, *command)

    async def rename(self, container: Container, name: str) -> None:
        """Give a container another name."""
        await self._ask("rename", container.id, name)

    async def connect(self, container: Container, network: Network) -> None:
        """Let callers find a container by the alias, beside whoever has it."""
        if container.has(network):
            return
        if network.name in container.aliases:
            await self._ask("network", "disconnect", network.name, container.id)
        await self._ask(
            *("network", "connect", f"--alias={network.alias}"),
            *(network.name, container.id),
        )

    async def stop(self, container: Container, *, seconds: int) -> None:
        """Let a container end its requests, then remove it, if it is still there."""
        await self._try(
            *("stop", "-t", str(seconds), container.id),
            seconds=ANSWER_SECONDS + seconds,
        )
        await self.remove(container)

    async def remove(self, container: Container) -> None:
        """Remove a container at once, if it is still there."""
        await self._try("rm", "--force", container.id)

    async def last_words(self, container: Container) -> str:
        """Return the end of what a container has said."""
        ended = await self._run("logs", f"--tail={LAST_LINES}", container.id)
        return ended.last_words

    async def _ask(self, *arguments: str, seconds: float = ANSWER_SECONDS) -> str:
        return self._said(await self._run(*arguments, seconds=seconds), arguments[0])

    async def _try(self, *arguments: str, seconds: float = ANSWER_SECONDS) -> None:
        """Do what may be done already."""
        ended = await self._run(*arguments, seconds=seconds)
        if not _is_gone(ended):
            self._said(ended, arguments[0])

    async def _run(self, *arguments: str, seconds: float = ANSWER_SECONDS) -> Ended:
        return await processes.run(
            (self._program, *arguments),
            environment={},
            deadline_seconds=seconds,
            is_stopping=self._is_stopping,
        )

    def _said(self, ended: Ended, asked: str) -> str:
        if ended.code == 0:
            return ended.said.decode(errors="replace").strip()
        fault, is_passing = _fault(ended, asked)
        raise Unapplied(
            fault,
            f"{self._program} {asked}: {ended.last_words}",
            is_passing=is_passing,
        )


def _fault(ended: Ended, asked: str) -> tuple[Fault, bool]:
    if asked == "run" and ended.code in _NO_PROGRAM:
        return Fault.LOAD_FAILED, False
    known = (*_FAULTS, *(_FAULTS_OF_A_PULL if asked == "pull" else ()))
    for sign, fault, is_passing in known:
        if sign in ended.last_words.lower():
            return fault, is_passing
    return Fault.DRIVER_ERROR, False


def _is_gone(ended: Ended) -> bool:
    return ended.code != 0 and any(sign in ended.last_words.lower() for sign in _GONE)
