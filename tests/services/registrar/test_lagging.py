"""Does a registrar decide on what the leader has, whatever a lagging replica says?"""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from rollbook.commands.access import IssueToken, RevokeToken
from rollbook.commands.alias import MoveAlias
from rollbook.commands.promotion import RequestPromotion
from rollbook.errors import Unavailable
from rollbook.ledger.memory import MemoryLedger
from rollbook.ledger.protocol import Message
from rollbook.names import (
    AliasName,
    Principal,
    Reason,
    RoleName,
    StageName,
    TokenId,
    Version,
)
from rollbook.subjects import ACCESS, POLICIES, Aggregate, model
from rollbook.tokens import new_token
from rollbook_services.registrar import service
from tests.services.registrar.installation import OWNER, activate, propose, written
from tests.services.registrar.registering import (
    FRAUD,
    Clock,
    Desk,
    desk,
    new_model,
    new_version,
    recorded,
    refused,
)

LOST = new_token(bytes(10), bytes(32))


class Lagging(MemoryLedger):
    """A ledger whose replicas do not have the newest messages yet."""

    behind: int = 0
    has_leader: bool = True

    async def history(
        self, aggregate: Aggregate, *, after: int = 0, most: int | None = None
    ) -> list[Message]:
        found = await super().history(aggregate, after=after, most=most)
        there = len(self.messages) - self.behind
        return [each for each in found if each.sequence <= there]

    async def next(self, aggregate: Aggregate, *, after: int) -> Message | None:
        return await super().next(aggregate, after=after) if self.has_leader else None


@pytest.fixture
async def two(tmp_path: Path, clock: Clock) -> tuple[Desk, Desk]:
    """Two registrars on one ledger; both have read the model."""
    ledger = Lagging()
    desks = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        desks.append(await desk(ledger, tmp_path / name, clock))
    recorded(await desks[0].ask("m", new_model()))
    await desks[1].cache.refresh(model(FRAUD))
    return desks[0], desks[1]


@pytest.fixture
def clock() -> Clock:
    return Clock()


def issue(clock: Clock) -> IssueToken:
    return IssueToken(
        token=TokenId(LOST.id),
        sha256=LOST.sha256,
        principal=Principal("svc:ci"),
        roles=(RoleName("publisher"),),
        until=clock.now + timedelta(days=1),
    )


async def is_revoked(asked: Desk) -> bool:
    access = await asked.cache.access()
    return access.tokens[TokenId(LOST.id)].revoked


def lag(asked: Desk, *, behind: int) -> Lagging:
    assert isinstance(asked.ledger, Lagging)
    asked.ledger.behind = behind
    return asked.ledger


CHAMPION = MoveAlias(
    model=FRAUD, alias=AliasName("champion"), version=Version(1), expected_previous=None
)


@pytest.mark.parametrize("behind", [1, 2, 100])
async def test_what_another_registrar_acknowledged_is_never_unknown(
    two: tuple[Desk, Desk], behind: int
) -> None:
    one, other = two
    recorded(await one.ask("v1", new_version()))
    recorded(await one.ask("v2", new_version("b")))
    lag(other, behind=behind)
    recorded(await other.ask("alias", CHAMPION))


async def test_a_retry_at_another_registrar_gets_the_first_answer(
    two: tuple[Desk, Desk],
) -> None:
    one, other = two
    first = recorded(await one.ask("v", new_version()))
    lag(other, behind=1)
    again = recorded(await other.ask("v", new_version()))
    assert again.replayed
    assert [each.id for each in again.envelopes] == [
        each.id for each in first.envelopes
    ]


async def test_a_retry_shows_every_event_though_no_replica_has_them(
    two: tuple[Desk, Desk],
) -> None:
    one, _ = two
    first = recorded(await one.ask("v", new_version()))
    lag(one, behind=1)
    again = recorded(await one.ask("v", new_version()))
    assert (again.replayed, again.rev) == (True, first.rev)
    assert [each.id for each in again.envelopes] == [
        each.id for each in first.envelopes
    ]


async def test_without_the_leader_there_is_no_answer_rather_than_a_refusal(
    two: tuple[Desk, Desk],
) -> None:
    one, other = two
    recorded(await one.ask("v", new_version()))
    lag(other, behind=1).has_leader = False
    with pytest.raises(Unavailable):
        await other.ask("alias", CHAMPION)
    with pytest.raises(Unavailable):
        await one.ask("v", new_version())


async def test_a_registrar_starts_though_no_replica_has_genesis(
    tmp_path: Path, clock: Clock
) -> None:
    ledger = Lagging()
    ledger.behind = 1
    started = await desk(ledger, tmp_path, clock)
    recorded(await started.ask("m", new_model()))


async def test_what_is_followed_is_whole(two: tuple[Desk, Desk]) -> None:
    one, other = two
    recorded(await one.ask("v1", new_version()))
    recorded(await one.ask("v2", new_version("b")))
    ledger = lag(other, behind=2)
    await other.cache.follow(ledger.messages[-1:])
    assert (await other.cache.load(model(FRAUD))).link.rev == 3


@pytest.mark.parametrize("is_snapshot_new", [True, False])
async def test_a_revocation_while_a_registrar_starts_is_seen(
    two: tuple[Desk, Desk], is_snapshot_new: bool, tmp_path: Path, clock: Clock
) -> None:
    one, other = two
    recorded(await one.ask("issue", issue(clock)))
    if is_snapshot_new:
        await other.cache.refresh(ACCESS)
        await other.cache.close()
    head = await one.ledger.head()
    starting = await desk(one.ledger, tmp_path / "two", clock)
    revoke = RevokeToken(token=TokenId(LOST.id), reason=Reason("lost"))
    recorded(await one.ask("revoke", revoke))
    following = asyncio.create_task(
        service.follow(one.ledger, starting.cache, after=head)
    )
    try:
        async with asyncio.timeout(10):
            while not await is_revoked(starting):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    finally:
        following.cancel()


async def test_a_refusal_never_rests_on_who_held_a_role_before(
    two: tuple[Desk, Desk], clock: Clock
) -> None:
    one, other = two
    read = await other.cache.load(ACCESS)
    recorded(await one.ask("issue", issue(clock)))
    refused(await other.ask("alias", CHAMPION))
    assert (await other.cache.load(ACCESS)).sequence > read.sequence


LIVE = RequestPromotion(model=FRAUD, stage=StageName("live"), version=Version(1))


async def test_a_refusal_never_rests_on_which_policy_held_before(
    two: tuple[Desk, Desk],
) -> None:
    one, other = two
    recorded(await one.ask("v", new_version()))
    own = written("tier1", FRAUD, stages=[{"name": "live"}])
    recorded(await one.ask("propose", propose(own), by=OWNER))
    recorded(await one.ask("activate", activate(own), by=OWNER))
    lag(other, behind=2)
    recorded(await other.ask("p", LIVE))


async def test_what_holds_for_all_models_is_followed_from_its_first_event(
    two: tuple[Desk, Desk],
) -> None:
    one, other = two
    head = await one.ledger.head()
    own = written("tier1", FRAUD)
    recorded(await one.ask("propose", propose(own), by=OWNER))
    recorded(await one.ask("activate", activate(own), by=OWNER))
    assert isinstance(one.ledger, Lagging)
    await other.cache.follow(one.ledger.messages[head:])
    theirs = await other.cache.load(POLICIES)
    assert theirs == await one.cache.load(POLICIES)
    assert theirs.link.rev == 2
