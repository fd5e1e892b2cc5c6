"""Which answers does a sender of commands and questions believe?"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from nats.aio.client import Client
from nats.aio.msg import Msg

from rollbook.commands.explain import Explain
from rollbook.commands.model import RegisterModel
from rollbook.commands.wire import (
    AnyCommand,
    Done,
    Problem,
    Request,
    Told,
    write_reply,
)
from rollbook.ledger.commands import CommandSender
from rollbook.ledger.connection import connect
from rollbook.names import CommandId, ModelName
from tests.support.nats import plain_nats, processed

TOLD = Told(sequence=7, answer={"answer": "Waiting for one reviewer."})
DONE = Done(sequence=7, rev=1, events=({"commandid": "q"},))
WHY = Explain(model=ModelName("fraud"))
REGISTER = RegisterModel(model=ModelName("fraud"))


@dataclass
class Line:
    """A sender, and somebody at the other end who says what a test wants."""

    sender: CommandSender
    client: Client
    says: bytes = b""

    async def answer(self, message: Msg) -> None:
        await message.respond(self.says)

    async def ask(self, says: Told | Done | Problem | bytes) -> Told | Problem:
        self.says = says if isinstance(says, bytes) else write_reply(says)
        return await self.sender.ask(request(WHY), credential="")

    async def send(
        self, says: Told | Done | bytes, *, dry_run: bool = False
    ) -> Done | Problem:
        self.says = says if isinstance(says, bytes) else write_reply(says)
        return await self.sender.send(request(REGISTER, dry_run), credential="")


def request(command: AnyCommand, dry_run: bool = False) -> Request:
    return Request(id=CommandId("q"), command=command, dry_run=dry_run)


@pytest_asyncio.fixture(loop_scope="session")
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    async with plain_nats(tmp_path) as url, connect(url, user="test") as client:
        sender = CommandSender(client, user="gateway", timeout_seconds=5)
        opened = Line(sender, client)
        await client.subscribe("rollbook.command.>", cb=opened.answer)
        await processed(client)
        yield opened


async def test_a_question_is_told_and_a_command_is_done(line: Line) -> None:
    assert await line.ask(TOLD) == TOLD
    assert await line.send(DONE) == DONE


async def test_an_answer_of_the_other_sort_is_not_believed(line: Line) -> None:
    told = await line.send(TOLD)
    assert isinstance(told, Problem)
    assert (told.code, told.reason) == ("outcome-unknown", "foreign_answer")
    done = await line.ask(DONE)
    assert isinstance(done, Problem)
    assert (done.code, done.reason) == ("unavailable", "foreign_answer")


async def test_of_what_records_nothing_no_outcome_is_unknown(line: Line) -> None:
    for answer in (
        await line.ask(b"nonsense"),
        await line.send(b"nonsense", dry_run=True),
    ):
        assert isinstance(answer, Problem)
        assert (answer.code, answer.reason) == ("unavailable", "unreadable_answer")
    meant = await line.send(b"nonsense")
    assert isinstance(meant, Problem)
    assert meant.code == "outcome-unknown"


async def test_a_refusal_is_handed_on(line: Line) -> None:
    no = Problem(code="not-found", reason="unknown_model", message="there is no model")
    assert await line.ask(no) == no


@pytest.mark.parametrize("command", [WHY, REGISTER])
async def test_without_a_registrar_nothing_was_recorded(
    command: AnyCommand, line: Line
) -> None:
    nobody = CommandSender(line.client, user="gateway", zone="x.y")
    await line.client.drain()
    answer = await nobody.send(request(command), credential="")
    assert isinstance(answer, Problem)
    assert (answer.code, answer.reason) == ("unavailable", "nats_away")
