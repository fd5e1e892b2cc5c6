"""What every ledger promises, as tests: a subclass with the fixture runs them."""

import asyncio
import uuid

import pytest

from rollbook.errors import AppendConflict
from rollbook.ledger.protocol import Draft, Ledger, Message
from rollbook.names import LARGEST_BODY, EventId
from rollbook.subjects import Aggregate, subject

FRAUD = Aggregate("model.default.fraud")
CHURN = Aggregate("model.default.churn")
CALENDAR = Aggregate("calendar")
POLICIES = Aggregate("policies")


def draft(aggregate: Aggregate = FRAUD, body: bytes = b"{}") -> Draft:
    return Draft(aggregate, EventId(str(uuid.uuid4())), body)


async def replayed(ledger: Ledger, *, after: int = 0) -> list[Message]:
    return [each async for batch in ledger.replay(after=after) for each in batch]


class LedgerContract:
    """Promises of `Ledger`; a subclass says which one."""

    @pytest.fixture
    def ledger(self) -> Ledger:
        raise NotImplementedError

    async def test_an_empty_ledger_has_no_head(self, ledger: Ledger) -> None:
        assert await ledger.head() == 0
        assert await ledger.last(FRAUD) is None
        assert await ledger.history(FRAUD) == []
        assert await replayed(ledger) == []

    async def test_the_first_message_has_sequence_1(self, ledger: Ledger) -> None:
        first = draft(body=b"one")
        assert await ledger.append([first], expected={FRAUD: 0}) == [1]
        kept = Message(1, subject(FRAUD), b"one", first.id)
        assert await ledger.last(FRAUD) == kept
        assert await ledger.history(FRAUD) == [kept]
        assert await replayed(ledger) == [kept]
        assert await ledger.head() == 1

    async def test_appending_nothing_changes_nothing(self, ledger: Ledger) -> None:
        assert await ledger.append([], expected={}) == []
        assert await ledger.head() == 0

    async def test_each_aggregate_has_its_own_history(self, ledger: Ledger) -> None:
        await ledger.append([draft(FRAUD, b"1")], expected={FRAUD: 0})
        await ledger.append([draft(CHURN, b"2")], expected={CHURN: 0})
        await ledger.append([draft(FRAUD, b"3")], expected={FRAUD: 1})
        assert [each.body for each in await ledger.history(FRAUD)] == [b"1", b"3"]
        assert [each.body for each in await ledger.history(CHURN)] == [b"2"]
        assert [each.body for each in await replayed(ledger)] == [b"1", b"2", b"3"]

    async def test_reading_goes_on_after_a_sequence(self, ledger: Ledger) -> None:
        for number in range(4):
            await ledger.append([draft()], expected={FRAUD: number})
        assert [each.sequence for each in await ledger.history(FRAUD, after=2)] == [
            3,
            4,
        ]
        assert [each.sequence for each in await replayed(ledger, after=3)] == [4]
        assert await replayed(ledger, after=4) == []
        [second, third] = await ledger.history(FRAUD, after=1, most=2)
        assert (second.sequence, third.sequence) == (2, 3)
        assert await ledger.history(FRAUD, after=4) == []

    async def test_the_next_message_is_the_aggregates_own(self, ledger: Ledger) -> None:
        assert await ledger.next(FRAUD, after=0) is None
        await ledger.append([draft(FRAUD)], expected={FRAUD: 0})
        await ledger.append([draft(CHURN)], expected={CHURN: 0})
        await ledger.append([draft(FRAUD)], expected={FRAUD: 1})
        history = await ledger.history(FRAUD)
        assert await ledger.next(FRAUD, after=0) == history[0]
        assert await ledger.next(FRAUD, after=1) == history[1]
        assert await ledger.next(FRAUD, after=3) is None

    async def test_each_place_holds_one_message(self, ledger: Ledger) -> None:
        await ledger.append([draft(FRAUD)], expected={FRAUD: 0})
        await ledger.append([draft(CHURN)], expected={CHURN: 0})
        [first, second] = await replayed(ledger)
        assert [await ledger.at(1), await ledger.at(2)] == [first, second]
        assert await ledger.at(3) is None

    async def test_of_two_writers_the_second_is_told_what_is_there(
        self, ledger: Ledger
    ) -> None:
        await ledger.append([draft(CHURN)], expected={CHURN: 0})
        await ledger.append([draft(FRAUD, b"winner")], expected={FRAUD: 0})
        with pytest.raises(AppendConflict) as conflict:
            await ledger.append([draft(FRAUD, b"loser")], expected={FRAUD: 0})
        assert (conflict.value.expected, conflict.value.actual) == (0, 2)
        assert [each.body for each in await ledger.history(FRAUD)] == [b"winner"]

    async def test_who_expects_more_than_there_is_conflicts(
        self, ledger: Ledger
    ) -> None:
        await ledger.append([draft()], expected={FRAUD: 0})
        for drafts in ([draft()], [draft(), draft()]):
            with pytest.raises(AppendConflict) as conflict:
                await ledger.append(drafts, expected={FRAUD: 7})
            assert conflict.value.actual == 1
        assert await ledger.head() == 1

    async def test_sending_the_same_again_is_recognised(self, ledger: Ledger) -> None:
        first, second = draft(body=b"1"), draft(body=b"2")
        await ledger.append([first], expected={FRAUD: 0})
        assert await ledger.append([first], expected={FRAUD: 0}) == [1]
        await ledger.append([second], expected={FRAUD: 1})
        # Also when others have written since.
        assert await ledger.append([first], expected={FRAUD: 0}) == [1]
        assert await ledger.head() == 2

    async def test_a_decision_is_kept_in_a_row(self, ledger: Ledger) -> None:
        await ledger.append([draft(CHURN)], expected={CHURN: 0})
        drafts = [draft(FRAUD, str(number).encode()) for number in range(3)]
        assert await ledger.append(drafts, expected={FRAUD: 0}) == [2, 3, 4]
        assert [each.body for each in await ledger.history(FRAUD)] == [b"0", b"1", b"2"]
        assert await ledger.append([draft()], expected={FRAUD: 4}) == [5]

    async def test_a_decision_sent_again_is_recognised(self, ledger: Ledger) -> None:
        drafts = [draft(), draft(), draft()]
        await ledger.append(drafts, expected={FRAUD: 0})
        await ledger.append([draft()], expected={FRAUD: 3})
        assert await ledger.append(drafts, expected={FRAUD: 0}) == [1, 2, 3]
        assert await ledger.head() == 4

    async def test_a_decision_is_kept_whole_or_not_at_all(self, ledger: Ledger) -> None:
        await ledger.append([draft()], expected={FRAUD: 0})
        with pytest.raises(AppendConflict):
            await ledger.append([draft(), draft()], expected={FRAUD: 0})
        assert await ledger.head() == 1

    async def test_a_decision_over_two_aggregates_guards_both(
        self, ledger: Ledger
    ) -> None:
        both = [draft(FRAUD), draft(CHURN), draft(FRAUD)]
        assert await ledger.append(both, expected={FRAUD: 0, CHURN: 0}) == [1, 2, 3]
        assert await ledger.append(both, expected={FRAUD: 0, CHURN: 0}) == [1, 2, 3]
        for stale in ({FRAUD: 3, CHURN: 0}, {FRAUD: 1, CHURN: 2}):
            with pytest.raises(AppendConflict):
                await ledger.append([draft(FRAUD), draft(CHURN)], expected=stale)
        assert await ledger.head() == 3

    async def test_a_history_beside_is_guarded_and_not_written(
        self, ledger: Ledger
    ) -> None:
        await ledger.append([draft(CALENDAR)], expected={CALENDAR: 0})
        started = [draft(FRAUD), draft(FRAUD)]
        beside = {FRAUD: 0, CALENDAR: 1}
        assert await ledger.append(started, expected=beside) == [2, 3]
        assert len(await ledger.history(CALENDAR)) == 1

    @pytest.mark.parametrize("known", [0, 7])
    async def test_nothing_is_kept_once_a_history_beside_moved_on(
        self, ledger: Ledger, known: int
    ) -> None:
        await ledger.append([draft(CALENDAR)], expected={CALENDAR: 0})
        started = [draft(FRAUD), draft(FRAUD), draft(FRAUD)]
        with pytest.raises(AppendConflict) as conflict:
            await ledger.append(started, expected={FRAUD: 0, CALENDAR: known})
        assert conflict.value.subject == subject(CALENDAR)
        assert (conflict.value.expected, conflict.value.actual) == (known, 1)
        assert await ledger.head() == 1
        # Decided again on what is there now, the same writer is not in its own way.
        again = [draft(FRAUD), draft(FRAUD)]
        assert await ledger.append(again, expected={FRAUD: 0, CALENDAR: 1}) == [2, 3]

    async def test_several_histories_beside_are_guarded_each(
        self, ledger: Ledger
    ) -> None:
        await ledger.append([draft(CALENDAR)], expected={CALENDAR: 0})
        drafts = [draft(FRAUD), draft(CHURN), draft(CHURN), draft(FRAUD)]
        beside = {FRAUD: 0, CHURN: 0, CALENDAR: 1, POLICIES: 0}
        for moved, wrong in ((CALENDAR, 0), (POLICIES, 1)):
            with pytest.raises(AppendConflict) as conflict:
                await ledger.append(drafts, expected={**beside, moved: wrong})
            assert conflict.value.subject == subject(moved)
        assert await ledger.append(drafts, expected=beside) == [2, 3, 4, 5]

    async def test_what_was_kept_is_recognised_though_a_history_beside_moved_on(
        self, ledger: Ledger
    ) -> None:
        started, beside = [draft(FRAUD), draft(FRAUD)], {FRAUD: 0, CALENDAR: 0}
        await ledger.append(started, expected=beside)
        await ledger.append([draft(CALENDAR)], expected={CALENDAR: 0})
        assert await ledger.append(started, expected=beside) == [1, 2]
        assert await ledger.head() == 3

    async def test_a_guard_beside_takes_a_message_of_its_own(
        self, ledger: Ledger
    ) -> None:
        with pytest.raises(ValueError, match="second event"):
            await ledger.append([draft()], expected={FRAUD: 0, CALENDAR: 0})

    async def test_of_a_freeze_and_what_it_stops_the_first_one_wins(
        self, ledger: Ledger
    ) -> None:
        """Racing, again and again: nothing ever starts behind the freeze."""
        models = [Aggregate(f"model.default.m{number}") for number in range(12)]

        async def start(model: Aggregate) -> None:
            try:
                started = [draft(model), draft(model)]
                await ledger.append(started, expected={model: 0, CALENDAR: 0})
            except AppendConflict as conflict:
                assert conflict.subject == subject(CALENDAR)  # noqa: PT017

        async def freeze() -> None:
            await ledger.append([draft(CALENDAR)], expected={CALENDAR: 0})

        half = len(models) // 2
        await asyncio.gather(
            *map(start, models[:half]), freeze(), *map(start, models[half:])
        )
        [*_, last] = await replayed(ledger)
        assert last.subject == subject(CALENDAR)

    async def test_an_id_that_another_subject_holds_is_no_success(
        self, ledger: Ledger
    ) -> None:
        taken = draft(FRAUD)
        await ledger.append([taken], expected={FRAUD: 0})
        with pytest.raises(AppendConflict) as conflict:
            await ledger.append([Draft(CHURN, taken.id, b"")], expected={CHURN: 0})
        assert conflict.value.actual == 1
        assert await ledger.history(CHURN) == []
        assert await ledger.append([draft(CHURN)], expected={CHURN: 0}) == [2]

    async def test_what_is_too_large_never_leaves(self, ledger: Ledger) -> None:
        with pytest.raises(ValueError, match="bytes"):
            await ledger.append(
                [draft(body=bytes(LARGEST_BODY + 1))], expected={FRAUD: 0}
            )
        largest = [draft(body=bytes(LARGEST_BODY))]
        assert await ledger.append(largest, expected={FRAUD: 0}) == [1]

    async def test_every_append_says_what_it_expects(self, ledger: Ledger) -> None:
        with pytest.raises(ValueError, match="expected"):
            await ledger.append([draft(FRAUD)], expected={CHURN: 0})

    async def test_one_id_stands_for_one_event(self, ledger: Ledger) -> None:
        twice = draft()
        with pytest.raises(ValueError, match="same id"):
            await ledger.append([twice, twice], expected={FRAUD: 0})

    async def test_of_many_racers_exactly_one_wins(self, ledger: Ledger) -> None:
        async def race() -> bool:
            try:
                await ledger.append([draft()], expected={FRAUD: 0})
            except AppendConflict:
                return False
            return True

        won = await asyncio.gather(*[race() for _ in range(20)])
        assert sum(won) == 1
        assert await ledger.head() == 1

    async def test_racing_decisions_never_mix(self, ledger: Ledger) -> None:
        async def race(name: bytes) -> bool:
            try:
                drafts = [draft(body=name) for _ in range(3)]
                await ledger.append(drafts, expected={FRAUD: 0})
            except AppendConflict:
                return False
            return True

        won = await asyncio.gather(*[race(str(each).encode()) for each in range(20)])
        assert sum(won) == 1
        kept = await ledger.history(FRAUD)
        assert [each.body for each in kept] == [str(won.index(True)).encode()] * 3

    async def test_replay_brings_every_message_once_and_in_order(
        self, ledger: Ledger
    ) -> None:
        sizes = [50] * 50
        for number, size in enumerate(sizes):
            drafts = [draft(body=str(number).encode()) for _ in range(size)]
            await ledger.append(drafts, expected={FRAUD: number * size})
        sequences = [each.sequence for each in await replayed(ledger)]
        assert sequences == list(range(1, sum(sizes) + 1))
        assert [each.sequence for each in await ledger.history(FRAUD)] == sequences
