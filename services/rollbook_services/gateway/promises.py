"""Do server and stream still keep what the ledger promises? Asked by `doctor`."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from rollbook.errors import Misconfigured, Unavailable
from rollbook.ledger import streams
from rollbook.ledger.connection import Connection
from rollbook_services.gateway.gateway import Check

Connect = Callable[[str], AbstractAsyncContextManager[Connection]]


async def look(connect: Connect, *, is_sys: bool) -> list[Check]:
    """Check the servers' settings, where this process may ask, and the stream's."""
    checks = [await _check("stream LEDGER", _ledger(connect))]
    if is_sys:
        checks.append(await _check("server settings", _server(connect)))
    return checks


async def _check(name: str, looking: Awaitable[str]) -> Check:
    try:
        return Check(name, ok=True, detail=await looking)
    except Misconfigured as error:
        return Check(name, ok=False, detail=error.setting, fix=error.remedy)
    except Unavailable as error:
        return Check(name, ok=False, detail=str(error), fix="see the check `nats`")


async def _server(connect: Connect) -> str:
    async with connect("sys") as system:
        await streams.check_server(system)
    return "version and sync_interval keep what is acknowledged"


async def _ledger(connect: Connect) -> str:
    async with connect("audit") as reader:
        await streams.check_stream(reader, streams.LEDGER, prefix=streams.CORE_PREFIX)
    return "as it was opened: nothing is deleted, nothing expires"
