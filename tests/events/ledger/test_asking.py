"""Does a cancelled request stay cancelled, whatever arrives with it?"""

import asyncio
from pathlib import Path

from nats.aio.msg import Msg

from rollbook.ledger.asking import request
from rollbook.ledger.connection import connect
from tests.support.nats import plain_nats

TRIES = 200


async def test_a_cancellation_that_comes_with_the_answer_is_kept(
    tmp_path: Path,
) -> None:
    async with plain_nats(tmp_path) as url, connect(url, user="test") as client:

        async def answer(message: Msg) -> None:
            await message.respond(b"answer")

        await client.subscribe("question", cb=answer)
        outcomes = {await _cancelled(client, turns) for turns in range(TRIES)}
    assert outcomes <= {"cancelled", "answered"}


async def _cancelled(client: object, turns: int) -> str:
    """Cancel a request after some turns of the loop; say how it ended."""

    async def asking() -> None:
        await request(client, "question", b"?", timeout_seconds=5)  # type: ignore[arg-type]

    task = asyncio.create_task(asking())
    for _ in range(turns % 40):
        await asyncio.sleep(0)
    was_asked = task.cancel()
    await asyncio.wait([task])
    if task.cancelled():
        return "cancelled"
    return "swallowed" if was_asked else "answered"
