"""Does the audit view answer who did what, when and why?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection

from rollbook.catalogue.access import TokenIssued, TokenRevoked
from rollbook.subjects import ACCESS
from rollbook_projections import checkpoint
from rollbook_projections.audit import queries
from rollbook_projections.audit.handlers import AUDIT
from rollbook_projections.audit.queries import Filter
from rollbook_projections.database import Database, open_database
from rollbook_projections.projector import Projector
from tests.projections import change
from tests.projections.counting import moved, registered
from tests.projections.site import COMMANDER, Site, member
from tests.projections.story import BOB, Story
from tests.support.recorder import BEGIN, Recorder, person

ALICE = person("a", "reviewer")


@asynccontextmanager
async def audited(url: str, recorder: Recorder) -> AsyncIterator[Database]:
    async with open_database(url, AUDIT.name) as database:
        projector = Projector(AUDIT, database)
        await projector.open()
        await projector.apply(recorder.messages)
        yield database


def some() -> Recorder:
    """Sequences 2 and 3 register models, 4 to 9 move an alias, half by Alice."""
    recorder = Recorder()
    recorder.model("team/a", registered("team/a"))
    recorder.model("b", registered("b"))
    for number in range(6):
        recorder.model(
            "team/a" if number % 2 else "b",
            moved(number + 1, reason=f"Reason {number} is 100% sure_"),
            by=ALICE if number >= 3 else person("b"),
            correlation=f"team/a:{number // 2}",
        )
    return recorder


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Filter(), [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (Filter(model="team/a"), [2, 5, 7, 9]),
        (Filter(model="b"), [3, 4, 6, 8]),
        (Filter(actor=ALICE.id), [7, 8, 9]),
        (Filter(type="alias.moved", model="b"), [4, 6, 8]),
        (Filter(type="model.*"), [2, 3]),
        (Filter(type="*.registered"), [2, 3]),
        (Filter(type="alias_moved"), []),
        (Filter(version=3), [6]),
        (Filter(correlation="team/a:1"), [6, 7]),
        (Filter(command_id="command-4"), [5]),
        (Filter(since=3, until=5), [3, 4, 5]),
        (Filter(since=BEGIN + timedelta(seconds=8)), [8, 9]),
        (Filter(until=BEGIN + timedelta(seconds=2)), [1, 2]),
        (Filter(text="reason 4"), [8]),
        (Filter(text="100% SURE_"), [4, 5, 6, 7, 8, 9]),
        (Filter(text="100_"), []),
    ],
)
async def test_events_are_found_by_what_people_know(
    database_url: str, wanted: Filter, expected: list[int]
) -> None:
    async with audited(database_url, some()) as database:
        found = await database.read(queries.events, wanted)
        assert [row["seq"] for row in found] == expected


async def test_pages_follow_each_other_in_both_directions(database_url: str) -> None:
    async with audited(database_url, some()) as database:

        def pages(connection: Connection, *, newest_first: bool) -> list[list[int]]:
            found: list[list[int]] = []
            after = 0
            while page := queries.events(
                connection, after=after, limit=4, newest_first=newest_first
            ):
                found.append([row["seq"] for row in page])
                after = found[-1][-1]
            return found

        forwards = await database.read(pages, newest_first=False)
        backwards = await database.read(pages, newest_first=True)
    assert forwards == [[1, 2, 3, 4], [5, 6, 7, 8], [9]]
    assert backwards == [[9, 8, 7, 6], [5, 4, 3, 2], [1]]


async def test_an_event_comes_with_exactly_the_stored_bytes(database_url: str) -> None:
    recorder = some()
    async with audited(database_url, recorder) as database:
        row = await database.read(queries.event, 7)
        assert row is not None
        assert await database.read(queries.event, 10) is None
        stored = await database.read(queries.bodies, Filter(until=8), after=6, as_of=9)
    assert row["body"] == recorder.messages[6].body
    assert (row["actor"], row["roles"]) == (ALICE.id, ["reviewer"])
    assert row["data"]["reason"] == row["reason"] == "Reason 3 is 100% sure_"
    assert [(each["seq"], each["body"]) for each in stored] == [
        (n, recorder.messages[n - 1].body) for n in (7, 8)
    ]


async def test_a_moment_is_the_last_sequence_not_later_than_it(
    database_url: str,
) -> None:
    recorder = Recorder()
    for seconds in (10, 20, 15, 20, 30):  # a clock that went back
        at = BEGIN + timedelta(seconds=seconds)
        recorder.model("a", moved(seconds), at=at)
    async with audited(database_url, recorder) as database:
        settled = [
            await database.read(
                queries.resolve_as_of, BEGIN + timedelta(seconds=seconds)
            )
            for seconds in (-9, 1, 9, 10, 15, 19, 20, 29, 30, 99)
        ]
        time = await database.read(queries.instant_of, 4)
    assert settled == [0, 1, 1, 2, 2, 2, 5, 5, 6, 6]
    assert time == "2026-05-01T09:00:20.000Z"


async def test_a_moment_may_fall_on_foreign_messages(database_url: str) -> None:
    recorder = Recorder()
    recorder.foreign("rollbook.ledger.model.default.x", b"{")
    recorder.model("a", moved(1))
    recorder.foreign("rollbook.ledger.model.default.x", b"{")
    async with audited(database_url, recorder) as database:
        early = await database.read(queries.resolve_as_of, BEGIN - timedelta(days=1))
        late = await database.read(queries.resolve_as_of, BEGIN + timedelta(days=1))
        found = await database.read(queries.anomalies)
        before = await database.read(queries.anomalies, as_of=3)
        head = await database.read(queries.head)
    assert (early, late, head) == (0, 4, 4)
    assert [each.sequence for each in found] == [2, 4]
    assert [each.sequence for each in before] == [2]


async def test_a_token_is_known_until_now_and_as_it_was(database_url: str) -> None:
    recorder = Recorder()
    token = "a" * 16
    recorder.record(
        ACCESS,
        TokenIssued.model_validate(
            {
                "token": token,
                "sha256": "0" * 64,
                "principal": "svc:agent",
                "roles": ("agent",),
                "place": {"stage": "production", "target": "default"},
                "until": datetime(2027, 1, 1, tzinfo=UTC),
            }
        ),
        by=ALICE,
    )
    recorder.record(
        ACCESS,
        TokenRevoked.model_validate({"token": token, "reason": "lost"}),
        by=ALICE,
    )
    async with audited(database_url, recorder) as database:
        [now] = await database.read(queries.tokens)
        then = await database.read(queries.token, token, as_of=2)
        assert await database.read(queries.tokens, as_of=1) == []
    assert then is not None
    assert (then["roles"], then["revoked_at"]) == (["agent"], None)
    assert then["place"] == {"stage": "production", "target": "default"}
    assert (now["revoked_by"], now["revoked_reason"]) == (ALICE.id, "lost")


def beside_the_models() -> Site:
    """Let a policy, a freeze, a bundle, a person and a waiver come into being."""
    story = Story().begun()
    story.version()
    id_ = story.request(1, "production")
    site = Site(story)
    site.propose("tier1", by=ALICE)
    site.freeze(stages=("production",))
    number = site.bundle(member("fraud", 1, 1), member("churn", 1, 1))
    site.cancel(number)
    site.link(ALICE, BOB)
    waiver = change.ask_to_waive(story, id_, by=BOB)
    review = change.waive(story, id_, waiver, asked_by=BOB, by=ALICE)
    change.close_review(story, review, by=ALICE)
    change.refuse_vote(story, id_, by=BOB)
    return site


@pytest.mark.parametrize(
    ("wanted", "who", "why"),
    [
        (Filter(type="policy.*"), ALICE.id, "stricter"),
        (Filter(type="freeze.*"), COMMANDER.id, "year end"),
        (Filter(type="bundle.requested"), BOB.id, "they belong together"),
        (Filter(type="bundle.cancelled"), "rollbook:conductor", "no need"),
        (Filter(type="identity.*"), ALICE.id, "two accounts"),
        (Filter(type="waiver.*", promotion=1), BOB.id, "payments fail"),
        (Filter(type="gate.waived", model="fraud"), ALICE.id, "payments fail"),
        (Filter(type="review.closed"), ALICE.id, "the incident was real"),
        (Filter(text="does not judge"), BOB.id, "the requester does not judge it"),
    ],
)
async def test_what_happens_beside_the_models_says_who_when_and_why(
    database_url: str, wanted: Filter, who: str, why: str
) -> None:
    site = beside_the_models()
    async with audited(database_url, site.story.ledger) as database:
        [found] = await database.read(queries.events, wanted)
        told = Filter(correlation=found["correlation"], since=found["seq"])
        assert found in await database.read(queries.events, told)
        same = Filter(actor=who, since=datetime.fromisoformat(found["at"]))
        assert found in await database.read(queries.events, same)
    assert found["actor"] == who
    assert found["reason"].startswith(why)


async def test_what_a_newer_release_wrote_is_kept_and_found(database_url: str) -> None:
    recorder = some()
    type_ = "io.rollbook.model.dreamt.v1"
    recorder.retyped(recorder.messages[1], type_)
    recorder.model("team/a", moved(9))
    async with audited(database_url, recorder) as database:
        found = await database.read(queries.events, Filter(type="model.dreamt"))
        assert await database.read(checkpoint.halted) == []
        assert await database.read(queries.head) == len(recorder.messages)
    assert [row["type"] for row in found] == [type_]


async def test_questions_are_answered_while_the_view_is_written(
    database_url: str,
) -> None:
    recorder = some()
    async with audited(database_url, recorder) as database:
        projector = Projector(AUDIT, database)
        for number in range(30):
            recorder.model("b", moved(number + 1))

        async def ask() -> None:
            for _ in range(30):
                rows = await database.read(queries.events, limit=1000)
                assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))

        async with asyncio.TaskGroup() as tasks:
            for _ in range(4):
                tasks.create_task(ask())
            for message in recorder.messages[9:]:
                await projector.apply([message])
