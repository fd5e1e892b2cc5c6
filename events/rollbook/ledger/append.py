"""What did the server do with an append, and what is left to do about it?

Any answer but a clean acknowledgement is settled by reading back, through the
leader, the first message after the expected one: whose it is decides
(design/ledger.md §2). Sending the same again is safe: its ids and guards stay.

A history that is expected and not written to is guarded as well: nothing is kept once
it has moved on (design/promotion.md §1.5).
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import nats.errors
import orjson

from rollbook.errors import AppendConflict, Misconfigured, Unacknowledged, Unavailable
from rollbook.ledger import pauses
from rollbook.ledger.protocol import Draft
from rollbook.ledger.source import Source
from rollbook.names import LARGEST_BODY
from rollbook.subjects import Aggregate, subject

MSG_ID: Final = "Nats-Msg-Id"
GUARD: Final = "Nats-Expected-Last-Subject-Sequence"
GUARDED: Final = "Nats-Expected-Last-Subject-Sequence-Subject"
LARGEST_BATCH: Final = 1000
_TOO_LARGE: Final = 10054
_WRONG_LAST_SEQUENCE: Final = 10071
_NO_BATCHES: Final = 10174


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said to one try; a `sequence` only where it said yes."""

    sequence: int | None = None
    is_duplicate: bool = False
    code: int = 0
    text: str = ""


async def append(
    source: Source,
    drafts: Sequence[Draft],
    *,
    expected: Mapping[Aggregate, int],
    answer: Answer | None = None,
) -> list[int]:
    """Write all drafts or none, once, however often it takes to hear of it.

    `answer` is what the server said to a first try, where there was one.
    """
    waiting = pauses.until(source.deadline_seconds)
    while True:
        answer = answer or await send(source, drafts, expected)
        if answer.sequence is not None and not answer.is_duplicate:
            return _row(answer.sequence - len(drafts) + 1, len(drafts))
        try:
            kept = await _read_back(
                source, drafts, expected, within_seconds=waiting.seconds_left
            )
            if kept:
                return kept
            await _give_up_where_pointless(answer, source, drafts, expected)
        except Unavailable:
            pass  # still nobody knows: the next try asks again
        if waiting.is_over or source.client.is_closed:
            raise Unacknowledged(subject(drafts[0].aggregate), cause=answer.text)
        await waiting.take()
        answer = None


def check(drafts: Sequence[Draft], expected: Mapping[Aggregate, int]) -> None:
    """Refuse what no server could keep; ValueError says which."""
    if len(drafts) > LARGEST_BATCH:
        raise ValueError(f"{len(drafts)} events in one append, {LARGEST_BATCH} fit")
    for draft in drafts:
        if len(draft.body) > LARGEST_BODY:
            raise ValueError(
                f"the event takes {len(draft.body)} bytes, {LARGEST_BODY} fit; "
                "put the large part elsewhere and record its digest"
            )
        if draft.aggregate not in expected:
            raise ValueError(f"no expected sequence for {draft.aggregate}")
    if len({draft.id for draft in drafts}) < len(drafts):
        raise ValueError("two events of one append have the same id")
    if drafts and len(expected) > len(drafts):
        raise ValueError(
            f"{len(drafts)} events carry as many guards, {len(expected)} are expected: "
            "a history that is not written to is guarded on a second event"
        )


async def send(
    source: Source, drafts: Sequence[Draft], expected: Mapping[Aggregate, int]
) -> Answer:
    """Try once; a batch gets a new batch id, since the old one may be half there."""
    *most, last = _messages(drafts, expected)
    try:
        for to, body, headers in most:
            await source.client.publish(to, body, headers=headers)
        to, body, headers = last
        reply = await source.client.request(
            to, body, headers=headers, timeout=source.try_seconds
        )
    except nats.errors.Error as error:
        return Answer(text=repr(error))
    return _understood(orjson.loads(reply.data))


def _messages(
    drafts: Sequence[Draft], expected: Mapping[Aggregate, int]
) -> list[tuple[str, bytes, dict[str, str]]]:
    batch = uuid.uuid4().hex
    beside = _not_written(drafts, expected)
    guarded: set[Aggregate] = set()
    messages = []
    for number, draft in enumerate(drafts, 1):
        headers = {MSG_ID: str(draft.id)}
        if draft.aggregate not in guarded:  # a second guard inside a batch is refused
            headers[GUARD] = str(expected[draft.aggregate])
            guarded.add(draft.aggregate)
        elif beside:  # a message carries one guard, and this one needs none of its own
            other = beside.pop(0)
            headers |= {GUARD: str(expected[other]), GUARDED: subject(other)}
        if len(drafts) > 1:
            headers |= {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(number)}
        messages.append((subject(draft.aggregate), draft.body, headers))
    if len(drafts) > 1:
        messages[-1][2]["Nats-Batch-Commit"] = "1"
    return messages


def _not_written(
    drafts: Sequence[Draft], expected: Iterable[Aggregate]
) -> list[Aggregate]:
    written = {draft.aggregate for draft in drafts}
    return [aggregate for aggregate in expected if aggregate not in written]


def _understood(answer: Mapping[str, Any]) -> Answer:
    error = answer.get("error")
    if error:
        return Answer(code=error.get("err_code", 0), text=str(error["description"]))
    return Answer(answer["seq"], is_duplicate=answer.get("duplicate", False))


async def _read_back(
    source: Source,
    drafts: Sequence[Draft],
    expected: Mapping[Aggregate, int],
    *,
    within_seconds: float,
) -> list[int]:
    """Find out whose the first message after the expected one is.

    Ours: return the sequences. Another's: AppendConflict, and for good, since our
    guard can never hold again. Nothing there: return nothing. What is only guarded
    comes last: it may well have moved on after ours was kept.
    """
    ids: list[str] = [draft.id for draft in drafts]
    written = dict.fromkeys(draft.aggregate for draft in drafts)
    for aggregate in (*written, *_not_written(drafts, expected)):
        to, after = subject(aggregate), expected[aggregate]
        found = await source.stored(
            {"seq": after + 1, "next_by_subj": to}, within_seconds=within_seconds
        )
        if found is None:
            continue
        if found.id is None or found.id not in ids:
            raise AppendConflict(to, expected=after, actual=found.sequence)
        # A batch is kept whole and in a row.
        return _row(found.sequence - ids.index(found.id), len(drafts))
    return []


async def _give_up_where_pointless(
    answer: Answer,
    source: Source,
    drafts: Sequence[Draft],
    expected: Mapping[Aggregate, int],
) -> None:
    """Raise where nothing was kept and the same append never can be."""
    if answer.code == _TOO_LARGE:
        raise ValueError(f"the server refuses the size: {answer.text}")
    if answer.code == _NO_BATCHES:
        raise Misconfigured(
            f"stream {source.stream}, setting allow_atomic",
            "it is off: have an operator switch it on",
        )
    first = drafts[0].aggregate
    if answer.sequence is not None:
        # A duplicate that is not ours: another subject holds our id, and
        # de-duplication is stream-wide. Only a decision with new ids can be kept.
        raise AppendConflict(
            subject(first), expected=expected[first], actual=answer.sequence
        )
    if answer.code == _WRONG_LAST_SEQUENCE:
        await _check_that_expected_exists(source, expected)


async def _check_that_expected_exists(
    source: Source, expected: Mapping[Aggregate, int]
) -> None:
    """Refuse a caller that has seen messages this stream does not hold."""
    for aggregate, after in expected.items():
        last = await source.stored({"last_by_subj": subject(aggregate)})
        actual = last.sequence if last else 0
        if actual < after:
            raise AppendConflict(subject(aggregate), expected=after, actual=actual)


def _row(first: int, length: int) -> list[int]:
    return list(range(first, first + length))
