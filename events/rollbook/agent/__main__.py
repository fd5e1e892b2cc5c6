"""Run an agent: `python -m rollbook.agent --stage S --target T --root DIR …`."""

import argparse
import asyncio
import logging
import sys
from pathlib import Path

import structlog

from rollbook.agent.driver import DriverOptions
from rollbook.agent.runtime import run
from rollbook.agent.settings import CREDENTIALS_FILE, RESYNC_SECONDS, Settings, load
from rollbook.errors import Misconfigured

MISCONFIGURED = 78  # sysexits.h: EX_CONFIG


def settings_from(arguments: list[str]) -> Settings:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m rollbook.agent")
    parser.add_argument("--stage", required=True)
    parser.add_argument("--target", default="default")
    parser.add_argument("--driver", default="symlink")
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--on-switch", help="a command to run after each switch")
    parser.add_argument("--resync", type=float, default=RESYNC_SECONDS, metavar="S")
    found = parser.add_mutually_exclusive_group(required=True)
    found.add_argument("--credentials", type=Path)
    found.add_argument("--data", type=Path, help="the directory of `rollbook up`")
    given = parser.parse_args(arguments)
    return load(
        given.credentials or given.data / CREDENTIALS_FILE,
        stage=given.stage,
        target=given.target,
        driver=given.driver,
        options=DriverOptions(root=given.root, on_switch=given.on_switch),
        resync_seconds=given.resync,
    )


def main(arguments: list[str]) -> int:
    """Run until a signal; return the exit code."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    try:
        asyncio.run(run(settings_from(arguments)))
    except Misconfigured as error:
        sys.stderr.write(f"error: {error}\n")
        return MISCONFIGURED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
