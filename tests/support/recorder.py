"""How does a test get a history of really signed events?"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rollbook import codec, subjects
from rollbook.catalogue.keys import LedgerOpened, PublicKey
from rollbook.codec import Link
from rollbook.envelope import Actor, ActorKind, Stamp
from rollbook.event import Event
from rollbook.ledger.memory import MemoryLedger
from rollbook.ledger.protocol import Draft, Ledger, Message
from rollbook.names import CommandId, Digest, EventId, ModelName, Principal, RoleName
from rollbook.proof.validity import key_id
from rollbook.subjects import KEYS, Aggregate

ORIGIN: Final = "ledger.test"
SEED: Final = bytes(range(64, 96))
BEGIN: Final = datetime(2026, 5, 1, 9, 0, tzinfo=UTC)
CI_BOT: Final = Actor(
    Principal("svc:ci-bot"), ActorKind.WORKLOAD, (RoleName("publisher"),)
)
CONDUCTOR: Final = Actor(Principal("rollbook:conductor"), ActorKind.SYSTEM, ())


@dataclass(slots=True)
class Recorder:
    """Signs events with a test key; `messages` is the ledger they make.

    Each call is one decision, one second after the one before unless told otherwise.
    Sequence 1 is genesis.
    """

    messages: list[Message] = field(default_factory=list)
    at: datetime = BEGIN
    seed: bytes = SEED
    origin: str = ORIGIN
    _links: dict[Aggregate, Link] = field(default_factory=dict)
    _key: Ed25519PrivateKey = field(init=False, repr=False)
    _appended: int = 0

    def __post_init__(self) -> None:
        """Open the ledger, as its first event."""
        self._key = Ed25519PrivateKey.from_private_bytes(self.seed)
        if not self.messages:
            self.record(KEYS, _genesis(self._key, self.origin), by=CONDUCTOR)

    def model(
        self,
        name: str,
        *events: Event,
        by: Actor = CI_BOT,
        at: datetime | None = None,
        correlation: str | None = None,
        causation: EventId | None = None,
    ) -> list[Message]:
        """Record events of one decision on a model."""
        return self.record(
            subjects.model(ModelName(name)),
            *events,
            by=by,
            at=at,
            correlation=correlation,
            causation=causation,
        )

    def record(
        self,
        aggregate: Aggregate,
        *events: Event,
        by: Actor = CI_BOT,
        at: datetime | None = None,
        correlation: str | None = None,
        causation: EventId | None = None,
    ) -> list[Message]:
        """Record the events of one decision."""
        self.at = at or self.at + timedelta(seconds=1)
        number = len(self.messages)
        stamp = Stamp(
            at=self.at,
            actor=by,
            command_id=CommandId(f"command-{number}"),
            command_digest=Digest("sha256:" + hashlib.sha256(b"").hexdigest()),
            correlation_id=correlation,
            causation_id=causation,
            entropy=number.to_bytes(16),
        )
        return [
            self._write(aggregate, event, stamp, index)
            for index, event in enumerate(events)
        ]

    def foreign(self, subject: str, body: bytes) -> Message:
        """Put a message into the stream that nobody signed."""
        message = Message(len(self.messages) + 1, subject, body)
        self.messages.append(message)
        return message

    def retyped(self, message: Message, type_: str) -> Message:
        """Record an event again as another type, properly signed and chained.

        Stands for what a newer release writes.
        """
        raw = codec.parse(message.body)
        link = self._links.get(Aggregate(raw["subject"]), Link())
        fields = {name: raw[name] for name in raw if name != "sig"}
        fields |= {
            "id": Stamp(
                at=self.at,
                actor=CI_BOT,
                command_id=CommandId("newer"),
                command_digest=Digest(""),
                entropy=len(self.messages).to_bytes(16),
            ).event_id(0),
            "type": type_,
            "dataschema": f"urn:rollbook:schema:{type_}",
            "rev": link.rev + 1,
            "prev": link.leaf,
        }
        return self._sign({name: v for name, v in fields.items() if v is not None})

    def branch(self) -> "Recorder":
        """Go on from here without touching this history."""
        return replace(self, messages=list(self.messages), _links=dict(self._links))

    async def append_to(self, ledger: Ledger) -> None:
        """Append what is new here; a foreign message only goes into memory."""
        for message in self.messages[self._appended :]:
            if message.id is None:
                assert isinstance(ledger, MemoryLedger)
                self._appended = ledger.inject(message.subject, message.body)
                continue
            raw = codec.parse(message.body)
            aggregate = Aggregate(raw["subject"])
            last = await ledger.last(aggregate)
            [sequence] = await ledger.append(
                [Draft(aggregate, EventId(raw["id"]), message.body)],
                expected={aggregate: last.sequence if last else 0},
            )
            assert sequence == message.sequence
            self._appended = sequence

    def _write(
        self, aggregate: Aggregate, event: Event, stamp: Stamp, index: int
    ) -> Message:
        return self._sign(
            codec.unsigned(
                event,
                stamp,
                index=index,
                aggregate=aggregate,
                origin=self.origin,
                link=self._links.get(aggregate, Link()),
                kid=key_id(self._key.public_key().public_bytes_raw()),
            )
        )

    def _sign(self, fields: dict[str, object]) -> Message:
        body = codec.signed(fields, self._key.sign(codec.message_to_sign(fields)))
        aggregate = Aggregate(str(fields["subject"]))
        link = self._links.get(aggregate, Link())
        self._links[aggregate] = Link(link.rev + 1, codec.leaf_hash(body))
        message = Message(
            len(self.messages) + 1,
            subjects.subject(aggregate),
            body,
            str(fields["id"]),
        )
        self.messages.append(message)
        return message


def person(letter: str, *roles: str) -> Actor:
    """Make a person by pseudonym, from one letter."""
    return Actor(
        Principal("prn:" + letter * 13),
        ActorKind.PERSON,
        tuple(RoleName(role) for role in roles),
    )


def ids(messages: Sequence[Message]) -> list[EventId]:
    """Return the ids of recorded events."""
    return [EventId(message.id or "") for message in messages]


def _genesis(key: Ed25519PrivateKey, origin: str) -> LedgerOpened:
    public = key.public_key().public_bytes_raw()
    return LedgerOpened(
        origin=origin,
        event_key=PublicKey(
            kid=key_id(public),
            public=base64.b64encode(public).decode(),
        ),
        stream_settings=Digest("sha256:" + "0" * 64),
    )
