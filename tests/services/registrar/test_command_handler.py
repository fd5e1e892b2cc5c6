"""Is each decision recorded once, whatever happens on the way?"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

import pytest

from rollbook.catalogue.parts import Artifact
from rollbook.catalogue.version import VersionRegistered
from rollbook.commands.model import RegisterModel
from rollbook.commands.version import RegisterVersion
from rollbook.errors import Unacknowledged
from rollbook.ledger.memory import MemoryLedger
from rollbook.ledger.protocol import Draft
from rollbook.names import Digest, ModelName
from rollbook.refusals import Reason, Refusal
from rollbook.subjects import Aggregate, model, subject
from rollbook_services.registrar.command_handler import Recorded
from tests.services.registrar.registering import ANNA, Clock, Desk, desk
from tests.support.scenario import person

FRAUD = ModelName("acme/fraud")


def new_model(name: str = FRAUD) -> RegisterModel:
    return RegisterModel(model=ModelName(name))


def new_version(fill: str = "a", **changes: object) -> RegisterVersion:
    artifact = Artifact(
        uri="file:///m", digest=Digest("sha256:" + fill * 64), size_bytes=5
    )
    command = RegisterVersion(model=FRAUD, artifact=artifact)
    return RegisterVersion.model_validate({**command.model_dump(), **changes})


def recorded(outcome: Recorded | Refusal) -> Recorded:
    assert isinstance(outcome, Recorded), outcome
    return outcome


def refused(outcome: Recorded | Refusal) -> Refusal:
    assert isinstance(outcome, Refusal), outcome
    return outcome


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def one(tmp_path: Path, clock: Clock) -> Desk:
    started = await desk(MemoryLedger(), tmp_path, clock)
    recorded(await started.ask("m", new_model()))
    return started


async def test_a_retry_gets_the_first_answer_and_adds_nothing(one: Desk) -> None:
    first = recorded(await one.ask("v", new_version()))
    head = await one.ledger.head()
    again = recorded(await one.ask("v", new_version()))
    assert again.replayed
    assert [each.id for each in again.envelopes] == [
        each.id for each in first.envelopes
    ]
    assert (again.rev, await one.ledger.head()) == (first.rev, head)


async def test_a_retry_long_after_a_restart_gets_the_first_answer(
    one: Desk, tmp_path: Path, clock: Clock
) -> None:
    first = recorded(await one.ask("v", new_version()))
    clock.now += timedelta(days=40)
    for name in ("with-snapshots", "without"):
        folder = tmp_path if name == "with-snapshots" else tmp_path / name
        folder.mkdir(exist_ok=True)
        await one.cache.close()
        later = await desk(one.ledger, folder, clock)
        again = recorded(await later.ask("v", new_version()))
        assert (again.replayed, again.rev) == (True, first.rev)


async def test_a_command_id_belongs_to_one_content_and_one_actor(one: Desk) -> None:
    recorded(await one.ask("v", new_version()))
    other = refused(await one.ask("v", new_version("b")))
    assert other.reason is Reason.COMMAND_ID_REUSED
    bea = person("b", "publisher")
    assert refused(await one.ask("v", new_version(), by=bea)).reason is other.reason


async def test_of_two_registrars_the_second_decides_on_what_the_first_wrote(
    one: Desk, tmp_path: Path, clock: Clock
) -> None:
    (tmp_path / "two").mkdir()
    two = await desk(one.ledger, tmp_path / "two", clock)
    for turn, fill in enumerate("abcdef"):
        writer = (one, two)[turn % 2]
        answer = recorded(await writer.ask(f"v{turn}", new_version(fill)))
        event = answer.envelopes[0].event
        assert isinstance(event, VersionRegistered)
        assert event.version == turn + 1


async def test_a_refusal_never_rests_on_what_was_true_before(
    one: Desk, tmp_path: Path, clock: Clock
) -> None:
    (tmp_path / "two").mkdir()
    two = await desk(one.ledger, tmp_path / "two", clock)
    recorded(await one.ask("n", new_model("acme/new")))
    # `two` has never read this model; "unknown" would be true of an empty history.
    answer = await two.ask("again", new_model("acme/new"))
    assert refused(answer).reason is Reason.ALREADY_EXISTS


async def test_many_at_once_on_one_model_are_all_recorded_in_one_order(
    one: Desk, tmp_path: Path, clock: Clock
) -> None:
    (tmp_path / "two").mkdir()
    two = await desk(one.ledger, tmp_path / "two", clock)
    commands = [
        new_version("0123456789abcdef"[n % 16], label=f"l{n}") for n in range(16)
    ]
    answers = await asyncio.gather(
        *((one, two)[n % 2].ask(f"v{n}", each) for n, each in enumerate(commands))
    )
    numbers = sorted(
        each.event.version
        for answer in answers
        for each in recorded(answer).envelopes
        if isinstance(each.event, VersionRegistered)
    )
    assert numbers == list(range(1, 17))


async def test_a_foreign_message_only_moves_the_guard(one: Desk) -> None:
    recorded(await one.ask("v1", new_version()))
    assert isinstance(one.ledger, MemoryLedger)
    one.ledger.inject(subject(model(FRAUD)), b'{"forged":true}')
    answer = recorded(await one.ask("v2", new_version("b")))
    assert (answer.rev, answer.envelopes[0].rev) == (3, 3)


async def test_time_never_runs_backwards_in_a_history(one: Desk, clock: Clock) -> None:
    before = recorded(await one.ask("v1", new_version())).envelopes[0].at
    clock.now -= timedelta(days=1)
    assert recorded(await one.ask("v2", new_version("b"))).envelopes[0].at == before


async def test_what_is_too_large_is_refused_and_leaves_nothing(one: Desk) -> None:
    head = await one.ledger.head()
    tags = {f"tag{n}": "x" * 1_900 for n in range(20)}
    answer = refused(await one.ask("big", new_version(tags=tags)))
    assert answer.reason is Reason.TOO_LARGE
    assert "31744" in answer.message.replace(",", "").replace("_", "")
    assert await one.ledger.head() == head


async def test_actor_and_time_come_from_the_registrar(one: Desk, clock: Clock) -> None:
    envelope = recorded(await one.ask("v", new_version())).envelopes[0]
    assert (envelope.actor.id, envelope.actor.kind) == (ANNA.id, ANNA.kind)
    assert abs(envelope.at - clock.now) < timedelta(milliseconds=5)


class Loss(StrEnum):
    """What becomes of an append that nobody answers."""

    LOST = "lost"
    KEPT = "kept"


class Faulty(MemoryLedger):
    """A ledger whose next append is not acknowledged."""

    loss: Loss | None = None

    async def append(
        self, drafts: Sequence[Draft], *, expected: Mapping[Aggregate, int]
    ) -> list[int]:
        loss, self.loss = self.loss, None
        if loss is Loss.LOST:
            raise Unacknowledged(drafts[0].aggregate, cause="lost")
        kept = await super().append(drafts, expected=expected)
        if loss is Loss.KEPT:
            raise Unacknowledged(drafts[0].aggregate, cause="kept")
        return kept


@pytest.mark.parametrize("loss", Loss)
@pytest.mark.parametrize("is_restarted", [False, True])
async def test_an_unanswered_append_is_recorded_once_by_the_next_try(
    loss: Loss, is_restarted: bool, tmp_path: Path, clock: Clock
) -> None:
    ledger = Faulty()
    asked = await desk(ledger, tmp_path, clock)
    recorded(await asked.ask("m", new_model()))
    ledger.loss = loss
    with suppress(Unacknowledged):
        await asked.ask("v", new_version())
        pytest.fail("nobody could know, yet an answer came")
    if is_restarted:
        asked = await desk(ledger, tmp_path, clock)
    answer = recorded(await asked.ask("v", new_version()))
    assert answer.replayed is (loss is Loss.KEPT)
    written = [
        each for each in ledger.messages if each.subject == subject(model(FRAUD))
    ]
    assert len(written) == 2


async def test_evicted_models_come_back_from_their_snapshots(
    tmp_path: Path, clock: Clock
) -> None:
    asked = await desk(MemoryLedger(), tmp_path, clock, most=3)
    names = [f"acme/m{n}" for n in range(12)]
    for name in names:
        recorded(await asked.ask(name, new_model(name)))
    for name in names:
        command = replace_model(new_version(), name)
        assert recorded(await asked.ask(f"{name}/v", command)).rev == 2


def replace_model(command: RegisterVersion, name: str) -> RegisterVersion:
    return RegisterVersion.model_validate({**command.model_dump(), "model": name})


async def test_deleting_the_snapshots_changes_nothing(
    one: Desk, tmp_path: Path, clock: Clock
) -> None:
    recorded(await one.ask("v", new_version()))
    await one.cache.close()
    warm = await desk(one.ledger, tmp_path, clock)
    (tmp_path / "empty").mkdir()
    cold = await desk(one.ledger, tmp_path / "empty", clock)
    for each in (warm, cold):
        folded = await each.cache.refresh(model(FRAUD))
        assert replace(folded) == await one.cache.refresh(model(FRAUD))


async def test_what_another_registrar_wrote_is_followed(
    one: Desk, tmp_path: Path, clock: Clock
) -> None:
    (tmp_path / "two").mkdir()
    two = await desk(one.ledger, tmp_path / "two", clock)
    await two.cache.refresh(model(FRAUD))
    head = await one.ledger.head()
    recorded(await one.ask("v1", new_version()))
    recorded(await one.ask("v2", new_version("b")))
    batches = [batch async for batch in one.ledger.replay(after=head)]
    # The later one alone leaves a hole, which following has to fill.
    await two.cache.follow([batches[-1][-1]])
    assert (await two.cache.load(model(FRAUD))).link.rev == 3
