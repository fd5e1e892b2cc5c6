"""Is each decision recorded once, whatever happens on the way?"""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from rollbook.catalogue.approval import ApprovalRefused
from rollbook.catalogue.version import VersionRegistered
from rollbook.commands.approval import Approve
from rollbook.commands.promotion import RequestPromotion
from rollbook.commands.version import RegisterVersion
from rollbook.errors import Unacknowledged
from rollbook.ledger.memory import MemoryLedger
from rollbook.names import PromotionId, StageName, Version
from rollbook.refusals import Reason
from rollbook.subjects import POLICIES, model, subject
from rollbook_services.registrar.command_handler import Rehearsed
from tests.services.registrar.installation import (
    OWNER,
    activate,
    propose,
    unknown_digest,
    written,
)
from tests.services.registrar.registering import (
    ANNA,
    FRAUD,
    Clock,
    Desk,
    Faulty,
    Loss,
    desk,
    new_model,
    new_version,
    recorded,
    refused,
)
from tests.support.scenario import person


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


LIVE = StageName("live")
OWN_VOTE = Approve(model=FRAUD, promotion=PromotionId(1), binding=unknown_digest())


async def ask_for_live(one: Desk) -> None:
    """Let a policy hold whose stage asks a reviewer, and ask for a version there."""
    gate = {"kind": "approvals", "id": "sign-off", "slots": [{"role": "reviewer"}]}
    document = written("tier1", FRAUD, stages=[{"name": LIVE, "gates": [gate]}])
    recorded(await one.ask("propose", propose(document), by=OWNER))
    recorded(await one.ask("activate", activate(document), by=OWNER))
    recorded(await one.ask("v", new_version()))
    asked = RequestPromotion(model=FRAUD, stage=LIVE, version=Version(1))
    recorded(await one.ask("p", asked))


async def test_a_model_is_judged_by_the_policy_that_holds_for_it(one: Desk) -> None:
    await ask_for_live(one)
    unknown = RequestPromotion(
        model=FRAUD, stage=StageName("production"), version=Version(1)
    )
    assert refused(await one.ask("q", unknown)).reason is Reason.UNKNOWN_STAGE


async def test_a_refused_vote_is_recorded_and_refused_again(
    one: Desk, tmp_path: Path, clock: Clock
) -> None:
    await ask_for_live(one)
    first = refused(await one.ask("vote", OWN_VOTE))
    assert first.reason is Reason.SELF_APPROVAL
    told = (await one.history())[-1]
    assert isinstance(told.event, ApprovalRefused)
    assert told.event.message == first.message
    await one.cache.close()
    for asked in (one, await desk(one.ledger, tmp_path, clock)):
        again = refused(await asked.ask("vote", OWN_VOTE))
        assert (again.reason, again.message) == (first.reason, first.message)
        other = refused(await asked.ask("another", OWN_VOTE))
        assert other == first
    assert await one.ledger.head() == told.sequence


async def test_a_rehearsal_tells_what_would_happen_and_leaves_nothing(
    one: Desk,
) -> None:
    head = await one.ledger.head()
    told = await one.ask("v", new_version(), dry_run=True)
    assert isinstance(told, Rehearsed)
    [event] = told.events
    assert (event["type"], event["rev"]) == ("io.rollbook.version.registered.v1", 2)
    assert event["data"]["version"] == 1
    assert not {"sig", "prev", "kid"} & set(event)
    assert (told.rev, await one.ledger.head()) == (1, head)
    meant = recorded(await one.ask("v", new_version()))
    assert not meant.replayed
    assert meant.envelopes[0].raw["data"] == event["data"]


async def test_a_rehearsal_says_the_same_no(one: Desk) -> None:
    await ask_for_live(one)
    head = await one.ledger.head()
    large = new_version("b", tags={f"tag{n}": "x" * 1_900 for n in range(20)})
    for command, why in (
        (new_model(), Reason.ALREADY_EXISTS),
        (OWN_VOTE, Reason.SELF_APPROVAL),
        (large, Reason.TOO_LARGE),
    ):
        assert refused(await one.ask("try", command, dry_run=True)).reason is why
    assert await one.ledger.head() == head


async def test_a_rehearsal_rests_on_the_newest(
    one: Desk, tmp_path: Path, clock: Clock
) -> None:
    two = await desk(one.ledger, tmp_path / "two", clock)
    recorded(await one.ask("v", new_version()))
    told = await two.ask("w", new_version("b"), dry_run=True)
    assert isinstance(told, Rehearsed)
    assert told.events[0]["data"]["version"] == 2


async def test_policies_are_never_forgotten_for_want_of_room(
    tmp_path: Path, clock: Clock
) -> None:
    asked = await desk(MemoryLedger(), tmp_path, clock, most=3)
    recorded(await asked.ask("m", new_model()))
    await ask_for_live(asked)
    for number in range(12):
        recorded(await asked.ask(f"m{number}", new_model(f"acme/m{number}")))
    assert (await asked.cache.load(POLICIES)).link.rev == 2
