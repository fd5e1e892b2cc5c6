"""What may be said on an agent's command line?"""

import argparse
import asyncio
import gc
import sys
from pathlib import Path
from typing import Any, Final

from rollbook.agent import config, settings, telling
from rollbook.agent.dry_run import show
from rollbook.agent.runtime import run
from rollbook.agent.settings import CREDENTIALS_FILE, Settings
from rollbook.errors import Misconfigured, Unavailable

MISCONFIGURED: Final = 78  # sysexits.h: EX_CONFIG
UNAVAILABLE: Final = 69  # sysexits.h: EX_UNAVAILABLE
_NOT_SETTINGS: Final = ("config", "data", "dry_run")


def settings_from(arguments: list[str]) -> Settings:
    """Read the command line, and the file it names; flags beat the file."""
    return _settings(_parsed(arguments))


def main(arguments: list[str]) -> int:
    """Run until a signal; return the exit code."""
    telling.leave_out_the_log()
    given = _parsed(arguments)
    try:
        found = _settings(given)
        gc.collect()
        gc.freeze()  # what is here now stays: it need not be looked at again
        if given.dry_run:
            sys.stdout.writelines(f"{line}\n" for line in asyncio.run(show(found)))
        else:
            asyncio.run(run(found))
    except Misconfigured as error:
        sys.stderr.write(f"error: {error}\n")
        return MISCONFIGURED
    except Unavailable as error:
        sys.stderr.write(f"error: {error}\n")
        return UNAVAILABLE
    return 0


def _parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m rollbook.agent",
        description="Serve what is desired at one target, and report it.",
    )
    add = parser.add_argument
    add("--config", type=Path, metavar="FILE", help="agent.toml; flags beat it")
    add("--stage")
    add("--target", help="default: default")
    add("--driver", help="default: symlink")
    add("--root", type=Path, metavar="DIR", help="where it keeps what it serves")
    add("--on-switch", metavar="CMD", help="a command to run after each switch")
    add("--resync", metavar="TIME", help="look again after: 60s")
    add("--listen", metavar="HOST:PORT", help="answer /healthz and /metrics there")
    add("--dry-run", action="store_true", help="show what would be done, and end")
    found = parser.add_mutually_exclusive_group()
    found.add_argument("--credentials", type=Path, metavar="FILE")
    found.add_argument(
        "--data", type=Path, metavar="DIR", help="the directory of `rollbook up`"
    )
    return parser.parse_args(arguments)


def _settings(given: argparse.Namespace) -> Settings:
    flags: dict[str, Any] = {
        name: value for name, value in vars(given).items() if name not in _NOT_SETTINGS
    }
    if given.data is not None:
        flags["credentials"] = given.data / CREDENTIALS_FILE
    said = config.read(given.config, flags)
    if said.credentials is None:
        raise Misconfigured(
            "credentials", "they are not given: pass --credentials or --data"
        )
    return settings.load(said.credentials, said)
