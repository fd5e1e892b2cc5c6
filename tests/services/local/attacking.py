"""How does a test try what a NATS user may not do, and learn what the server says?"""

from collections.abc import Awaitable

from nats.aio.client import Client

from tests.support.nats import processed


async def is_refused(client: Client, subject: str) -> bool:
    """Tell whether the server names this publish a violation."""
    return f'publish to "{subject}"'.lower() in await violation(
        client, client.publish(subject, b"{}")
    )


async def may_subscribe(client: Client, subject: str, *, queue: str = "") -> bool:
    told = await violation(client, client.subscribe(subject, queue=queue))
    return f'subscription to "{subject}"'.lower() not in told


async def violation(client: Client, act: Awaitable[object]) -> str:
    """Do something and return what the server complained about, lower-case."""
    client._err = None  # noqa: SLF001 (nats-py keeps the last error nowhere else)
    await act
    await processed(client)
    return str(client.last_error or "").lower()
