"""Commands that run everything here: `rollbook up`, `rollbook demo`."""

from pathlib import Path
from typing import Any

import click

_DATA = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="The data directory; made where it is missing.",
)


@click.command("up")
@_DATA
@click.option(
    "--port", type=click.IntRange(0, 65535), help="HTTP port; 0 takes a free one."
)
@click.option("--host", help="Address to listen on; loopback unless said.")
@click.option("--nats-port", type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option(
    "--place",
    "places",
    multiple=True,
    metavar="STAGE/TARGET",
    help="A target of a policy of yours whose agent may sign in; it is remembered.",
)
def up(
    data: Path | None,
    port: int | None,
    host: str | None,
    nats_port: int | None,
    places: tuple[str, ...],
) -> None:
    """Run all of Rollbook here, in one process, on one data directory."""
    import uvloop

    from rollbook_services.local.up import run
    from rollbook_services.settings import load

    server = {"data": data, "port": port, "host": host, "places": places or None}
    given: dict[str, Any] = {
        "server": _told(server),
        "nats": _told({"port": nats_port}),
    }
    uvloop.run(run(load(**_told(given))))


@click.command("serve")
@click.option(
    "--role",
    "roles",
    multiple=True,
    help="registrar, stage, lineage, audit, conductor, gateway; all if left out.",
)
@_DATA
def serve(roles: tuple[str, ...], data: Path | None) -> None:
    """Run some services here, over a NATS server that runs elsewhere."""
    import asyncio

    from rollbook_services.serving import run
    from rollbook_services.settings import load

    asyncio.run(run(load(**_told({"server": _told({"data": data})})), roles))


@click.command("demo")
@_DATA
@click.option("--keep-running", is_flag=True, help="Stay up at the end, until Ctrl-C.")
def demo(data: Path | None, keep_running: bool) -> None:
    """Watch real models live: trained, approved, served, found wanting, rolled back."""
    from rollbook_services.local.demo.story import tell

    tell(data, keep_running=keep_running)


def _told(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value not in (None, {})}
