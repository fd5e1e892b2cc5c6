"""How does a server learn that something else is to be served?"""

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rollbook.agent import processes
from rollbook.agent.driver import Fault, Unapplied
from rollbook.agent.drivers.symlink.options import SymlinkOptions
from rollbook.agent.drivers.symlink.serving import CURRENT, ROUTES, Serving
from rollbook.agent.wanted import Wanted


@dataclass(frozen=True, slots=True)
class Teller:
    """Runs the command or sends the signal, as the options say."""

    options: SymlinkOptions

    async def tell(self, wanted: Wanted, serving: Serving, home: Path) -> str:
        """Tell of a switch; return what was done, for people.

        Raises Unapplied: `load_failed` when the command says no.
        """
        if serving.current is None:
            return ""  # there is nothing to load
        if self.options.on_switch:
            await self._run(_variables(wanted, serving, home))
            return f"{self.options.on_switch[0]} done"
        if self.options.signal and self.options.pid_file:
            return _send(self.options.signal, self.options.pid_file)
        return ""

    async def _run(self, variables: Mapping[str, str]) -> None:
        command = self.options.on_switch or ()
        ended = await processes.run(
            command, environment=variables, deadline_seconds=self.options.deadline
        )
        if ended.code != 0:
            raise Unapplied(
                Fault.LOAD_FAILED,
                f"{command[0]}: exit {ended.code} {ended.last_words}".rstrip(),
            )


def _variables(wanted: Wanted, serving: Serving, home: Path) -> Mapping[str, str]:
    target, variants = wanted.target, [*wanted.event.variants.values()]
    if wanted.event.previous is not None:
        variants.append(wanted.event.previous)
    folder = (serving.current or "").rpartition("/")[2]
    versions = [
        str(each.version)
        for each in variants
        if each.digest.replace(":", "-") == folder
    ]
    return {
        "ROLLBOOK_MODEL": target.model,
        "ROLLBOOK_STAGE": target.stage,
        "ROLLBOOK_TARGET": target.target,
        "ROLLBOOK_REVISION": str(wanted.event.revision),
        "ROLLBOOK_VERSION": versions[0] if versions else "",
        "ROLLBOOK_CURRENT": str(home / CURRENT),
        "ROLLBOOK_ROUTES": str(home / ROUTES) if serving.routes else "",
    }


def _send(name: str, pid_file: Path) -> str:
    """Send a signal; a server that does not run yet reads the link when it starts."""
    try:
        text = pid_file.read_text()
    except FileNotFoundError:
        return f"{pid_file} is not there: nobody was told"
    if not text.strip().isdecimal() or int(text) <= 1:
        raise Unapplied(Fault.DRIVER_ERROR, f"{pid_file} names no process: {text!r}")
    try:
        os.kill(int(text), signal.Signals[f"SIG{name}"])
    except ProcessLookupError:
        return f"process {text.strip()} is gone: nobody was told"
    except PermissionError as error:
        raise Unapplied(
            Fault.PERMISSION_DENIED, f"process {text.strip()} is another user's"
        ) from error
    return f"process {text.strip()} got {name}"
