"""How is one request sent so that a cancellation is never lost?"""

import asyncio

from nats.aio.client import Client
from nats.aio.msg import Msg


async def request(
    client: Client,
    subject: str,
    body: bytes,
    *,
    timeout_seconds: float,
    headers: dict[str, str] | None = None,
) -> Msg:
    """Send a request and return its answer, or raise as nats-py does.

    nats-py waits by `asyncio.wait_for`, which before Python 3.12 drops a cancellation
    that comes together with the answer: a loop around it would then never end.
    """
    try:
        return await client.request(
            subject, body, timeout=timeout_seconds, headers=headers
        )
    finally:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError
