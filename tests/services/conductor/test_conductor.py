"""Is what the ledger asks for done: all of it, once, wherever a kill comes?"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest

from rollbook.commands.desired import Document
from rollbook.commands.wire import Done, Problem, Request
from rollbook.errors import AppendConflict, Unavailable
from rollbook.ledger.bucket import NOTHING, DesiredBucket, Entry
from rollbook_services.conductor import desired as bucket_of
from rollbook_services.conductor.conductor import Conductor, Sender
from rollbook_services.conductor.react.documents import Written, documents
from tests.support.agents import MODEL, TIMEOUT_SECONDS
from tests.support.conducting import (
    Clock,
    Registrar,
    commands,
    conductor,
    desired,
    dispatched,
    ended,
    projector,
    readied,
    requested,
    rounds,
)
from tests.support.nats import LOOK_AGAIN_SECONDS, NatsServer, ask
from tests.support.recorder import Recorder

KEY = "production.main.acme.fraud"


async def sequence(bucket: DesiredBucket) -> int:
    """Read the place of the event that the document wraps."""
    value = (await bucket.get(KEY)).value
    return Document.model_validate_json(value).sequence if value else 0


async def test_a_ready_promotion_is_dispatched_and_written(
    registrar: Registrar, bucket: DesiredBucket, tmp_path: Path
) -> None:
    await registrar.record(requested(1), readied(1))
    async with projector(tmp_path / "conductor.db") as view:
        await rounds(view, registrar, conductor(view, registrar, bucket))
    assert commands(registrar) == ["dispatch/1"]
    assert await sequence(bucket) == 6


async def test_while_the_slot_is_held_nobody_is_dispatched(
    registrar: Registrar, bucket: DesiredBucket, tmp_path: Path
) -> None:
    await registrar.record(requested(1), *dispatched(1, revision=1))
    await registrar.record(requested(2), readied(2))
    await registrar.record(requested(3), readied(3))
    async with projector(tmp_path / "conductor.db") as view:
        conducting = conductor(view, registrar, bucket)
        await rounds(view, registrar, conducting)
        assert not registrar.requests
        registrar.revision = 1
        await registrar.record(*ended(1, token=1))
        await rounds(view, registrar, conducting)
    assert commands(registrar) == ["dispatch/2"]


@pytest.mark.parametrize(
    "code", ["gate-failed", "lane-busy", "promotion-closed", "forbidden"]
)
async def test_a_refused_command_is_not_sent_again(
    registrar: Registrar, bucket: DesiredBucket, tmp_path: Path, code: str
) -> None:
    registrar.says = Problem(code=code, reason="no", message="no")
    await registrar.record(requested(1), readied(1))
    async with projector(tmp_path / "conductor.db") as view:
        conducting = conductor(view, registrar, bucket)
        await rounds(view, registrar, conducting)
        registrar.says = None
        await rounds(view, registrar, conducting)
    assert not registrar.requests


async def test_an_unanswered_command_is_sent_again(
    registrar: Registrar, bucket: DesiredBucket, tmp_path: Path
) -> None:
    registrar.says = Problem(code="unavailable", reason="away", message="away")
    await registrar.record(requested(1), readied(1))
    async with projector(tmp_path / "conductor.db") as view:
        conducting = conductor(view, registrar, bucket)
        await view.catch_up(registrar.ledger)
        with pytest.raises(Unavailable):
            await conducting.act()
        registrar.says = None
        await rounds(view, registrar, conducting)
    assert commands(registrar) == ["dispatch/1"]


class Killed(BaseException):
    """The process ends here."""


@dataclass(slots=True)
class Mortal:
    """A sender and bucket that let some effects happen, then end the process."""

    sender: Sender
    bucket: DesiredBucket
    effects_left: int
    is_kept: bool
    """Whether the effect at which it dies still happens."""

    async def send(self, request: Request, *, credential: str) -> Done | Problem:
        self._live()
        answer = await self.sender.send(request, credential=credential)
        self._die()
        return answer

    async def get(self, key: str) -> object:
        return await self.bucket.get(key)

    async def put(self, key: str, value: bytes, *, expected: int) -> int:
        self._live()
        kept = await self.bucket.put(key, value, expected=expected)
        self._die()
        return kept

    async def wake(self, subject: str, body: bytes) -> None:
        self._live()
        await self.bucket.wake(subject, body)
        self._die()

    def _live(self) -> None:
        self.effects_left -= 1
        if self.effects_left < 0 and not self.is_kept:
            raise Killed

    def _die(self) -> None:
        if self.effects_left < 0:
            raise Killed


@pytest.mark.parametrize("is_kept", [False, True], ids=["lost", "kept"])
@pytest.mark.parametrize("effects", range(6))
@pytest.mark.parametrize("has_memory", [True, False], ids=["same database", "new one"])
async def test_a_kill_at_any_effect_loses_and_doubles_nothing(
    registrar: Registrar,
    bucket: DesiredBucket,
    tmp_path: Path,
    effects: int,
    is_kept: bool,
    has_memory: bool,
) -> None:
    await registrar.record(requested(1), readied(1))
    await registrar.record(requested(2), readied(2))
    mortal = Mortal(registrar, bucket, effects, is_kept)
    async with projector(tmp_path / "1.db") as view:
        dying = Conductor(view, mortal, mortal, credential="", now=Clock())  # type: ignore[arg-type]
        with pytest.raises(Killed):
            await _whole_life(view, registrar, dying)
    async with projector(tmp_path / ("1.db" if has_memory else "2.db")) as view:
        await _whole_life(view, registrar, conductor(view, registrar, bucket))
    assert commands(registrar) == ["dispatch/1", "dispatch/2"]
    last = max(
        message.sequence
        for message in registrar.recorder.messages
        if b"lane.desired_set" in message.body
    )
    assert await sequence(bucket) == last


async def _whole_life(
    view: object, registrar: Registrar, conducting: Conductor
) -> None:
    """Let the first promotion go through, then the second."""
    await rounds(view, registrar, conducting)  # type: ignore[arg-type]
    if registrar.revision == 1 and b"slot_released" not in b"".join(
        message.body for message in registrar.recorder.messages
    ):
        await registrar.record(*ended(1, token=1))
    await rounds(view, registrar, conducting)  # type: ignore[arg-type]


async def test_two_conductors_dispatch_once_and_leave_the_newest(
    registrar: Registrar, bucket: DesiredBucket, tmp_path: Path
) -> None:
    await registrar.record(requested(1), readied(1))
    async with (
        projector(tmp_path / "1.db") as one,
        projector(tmp_path / "2.db") as two,
    ):
        both = [(each, conductor(each, registrar, bucket)) for each in (one, two)]
        for _ in range(3):
            for view, conducting in both:
                await view.catch_up(registrar.ledger)
                await conducting.act()
    assert set(commands(registrar)) == {"dispatch/1"}
    assert await sequence(bucket) == 6


async def test_an_older_document_never_replaces_a_newer(
    registrar: Registrar, bucket: DesiredBucket, tmp_path: Path
) -> None:
    await registrar.record(requested(1), *dispatched(1, revision=1))
    async with projector(tmp_path / "slow.db") as slow:
        await slow.catch_up(registrar.ledger)
        await registrar.record(desired(1, revision=2))
        async with projector(tmp_path / "fast.db") as fast:
            await rounds(fast, registrar, conductor(fast, registrar, bucket))
        newest = await sequence(bucket)
        await conductor(slow, registrar, bucket).act()
    assert await sequence(bucket) == newest == len(registrar.recorder.messages)


async def test_a_race_for_a_key_is_won_by_the_newer_document(
    bucket: DesiredBucket,
) -> None:
    older, newer = (_written(revision) for revision in (1, 2))

    class Overtaken(DesiredBucket):
        """Somebody writes between our look and our write."""

        async def put(self, key: str, value: bytes, *, expected: int) -> int:
            held = await bucket.get(key)
            if held == NOTHING:
                await bucket_of.write(bucket, newer)
            return await bucket.put(key, value, expected=expected)

        async def get(self, key: str) -> object:  # type: ignore[override]
            return await bucket.get(key)

    overtaken = object.__new__(Overtaken)
    assert not await bucket_of.write(overtaken, older)
    assert await sequence(bucket) == newer.document.sequence


class Contested(DesiredBucket):
    """Others write between every look and every write, until they tire."""

    def __init__(self, bucket: DesiredBucket) -> None:
        self.bucket, self.is_contested = bucket, True

    async def get(self, key: str) -> Entry:
        return await self.bucket.get(key)

    async def put(self, key: str, value: bytes, *, expected: int) -> int:
        if self.is_contested:
            raise AppendConflict(key, expected=expected, actual=-1)
        return await self.bucket.put(key, value, expected=expected)

    async def wake(self, subject: str, body: bytes) -> None:
        await self.bucket.wake(subject, body)


async def test_what_others_kept_from_the_bucket_is_written_later(
    registrar: Registrar,
    bucket: DesiredBucket,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bucket_of, "CONFLICT_SECONDS", 0.1)
    await registrar.record(requested(1), *dispatched(1, revision=1))
    contested = Contested(bucket)
    async with projector(tmp_path / "conductor.db") as view:
        conducting = conductor(view, registrar, contested)
        await view.catch_up(registrar.ledger)
        with pytest.raises(Unavailable, match="others keep writing"):
            await conducting.act()
        assert await sequence(bucket) == 0
        contested.is_contested = False
        await conducting.act()
    assert await sequence(bucket) == len(registrar.recorder.messages)


async def test_a_wiped_bucket_is_filled_again(
    registrar: Registrar,
    bucket: DesiredBucket,
    conductors_nats: NatsServer,
    tmp_path: Path,
) -> None:
    await registrar.record(requested(1), readied(1))
    async with projector(tmp_path / "conductor.db") as view:
        await rounds(view, registrar, conductor(view, registrar, bucket))
        written = await bucket.get(KEY)
        await conductors_nats.fresh()
        assert await bucket.get(KEY) == NOTHING
        # Its sweep, or its next start, looks at everything.
        await conductor(view, registrar, bucket).act()
    assert (await bucket.get(KEY)).value == written.value


async def test_a_bucket_is_filled_again_without_a_restart(
    registrar: Registrar,
    bucket: DesiredBucket,
    conductors_nats: NatsServer,
    tmp_path: Path,
) -> None:
    await registrar.record(requested(1), readied(1))
    async with projector(tmp_path / "conductor.db") as view:
        conducting = Conductor(
            view, registrar, bucket, credential="", now=Clock(), sweep_seconds=0.05
        )
        await rounds(view, registrar, conducting)
        await conductors_nats.fresh()
        running = asyncio.create_task(conducting.run())
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not await sequence(bucket):
                pass
        running.cancel()
        await asyncio.wait([running])


async def test_what_nobody_can_read_is_replaced(
    registrar: Registrar, bucket: DesiredBucket, tmp_path: Path
) -> None:
    await bucket.put(KEY, b"nonsense", expected=0)
    await registrar.record(requested(1), readied(1))
    async with projector(tmp_path / "conductor.db") as view:
        await rounds(view, registrar, conductor(view, registrar, bucket))
    assert await sequence(bucket) == 6


async def test_the_mirror_follows_the_bucket(
    bucket: DesiredBucket, conductors_nats: NatsServer
) -> None:
    await bucket_of.write(bucket, _written(1))
    stream = {"subjects_filter": ">"}
    edge = conductors_nats.edge_admin

    async def keys() -> object:
        info = await ask(edge, "$JS.API.STREAM.INFO.DESIRED", stream)
        return info["state"].get("subjects")

    async with asyncio.timeout(30):
        found = await keys()
        while not found:
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
            found = await keys()
    assert found == {f"$KV.DESIRED.{KEY}": 1}


def _written(revision: int) -> Written:
    recorder = Recorder()
    for number in range(1, revision + 1):
        recorder.model(MODEL, desired(1, revision=number))
    message = recorder.messages[-1]
    data = desired(1, revision=revision).model_dump(mode="json")
    [written] = documents(MODEL, message.body, data, sequence=message.sequence)
    return written
