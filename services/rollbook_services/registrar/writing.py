"""How does a decision become signed bytes, each event in its place of its history?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from rollbook.codec import (
    Link,
    enclose,
    leaf_hash,
    message_to_sign,
    parse,
    unsigned,
    with_signature,
)
from rollbook.envelope import Envelope, Stamp
from rollbook.event import Event
from rollbook.ledger.protocol import Draft
from rollbook.names import Digest
from rollbook.subjects import Aggregate
from rollbook_services.keys import Signer
from rollbook_services.registrar.correlation import story
from rollbook_services.registrar.folded import Folded

# What is only true of an event that is recorded.
_OF_THE_RECORD: Final = ("sig", "kid", "prev")


@dataclass(frozen=True, slots=True)
class Part:
    """What one decision writes to one aggregate."""

    folded: Folded
    stamp: Stamp
    events: Sequence[Event]


@dataclass(frozen=True, slots=True)
class Page:
    """Signed events of one aggregate, ready to be appended in a row."""

    part: Part
    drafts: Sequence[Draft]
    links: Sequence[Link]

    def kept(self, sequences: Iterator[int]) -> list[Envelope[Event]]:
        """Put the events into envelopes, in the places the ledger gave them."""
        return [
            enclose(event, parse(draft.body), link.leaf or Digest(""), next(sequences))
            for event, draft, link in zip(
                self.part.events, self.drafts, self.links, strict=True
            )
        ]

    def unsigned(self) -> list[dict[str, Any]]:
        """Return the events as they would be recorded, without signature and chain."""
        return [
            {
                name: value
                for name, value in fields.items()
                if name not in _OF_THE_RECORD
            }
            for fields in (parse(draft.body) for draft in self.drafts)
        ]


class Nobody:
    """Signs nothing: for events that are only shown, as large as they would be."""

    def __init__(self, signer: Signer) -> None:
        """Stand in for a signer."""
        self.kid, self.public = signer.kid, signer.public

    async def sign(self, message: bytes) -> bytes:
        """Return 64 bytes that are no signature."""
        return bytes(64)


async def write(part: Part, signer: Signer, *, origin: str) -> Page:
    """Chain and sign the events of one aggregate."""
    drafts, links, link = [], [], part.folded.link
    for index in range(len(part.events)):
        fields = _unsigned(part, index, link=link, origin=origin, signer=signer)
        message = message_to_sign(fields)
        body = with_signature(message, await signer.sign(message))
        link = Link(link.rev + 1, leaf_hash(body))
        drafts.append(Draft(part.folded.aggregate, fields["id"], body))
        links.append(link)
    return Page(part, drafts, links)


def _unsigned(
    part: Part, index: int, *, link: Link, origin: str, signer: Signer
) -> dict[str, Any]:
    event, aggregate = part.events[index], part.folded.aggregate
    return unsigned(
        event,
        _in_story(event, aggregate, part.stamp),
        index=index,
        aggregate=aggregate,
        origin=origin,
        link=link,
        kid=signer.kid,
    )


def _in_story(event: Event, aggregate: Aggregate, stamp: Stamp) -> Stamp:
    told = story(event, aggregate, stamp)
    is_same = told == stamp.correlation_id
    return stamp if is_same else replace(stamp, correlation_id=told)
