"""How does a command become signed events, without a broker?

The rules, the folding and the codec are those of the registrar's write path; only
the ledger and the network are missing.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rollbook import subjects
from rollbook.catalogue.keys import LedgerOpened, PublicKey
from rollbook.codec import Link, message_to_sign, parse, read, signed, unsigned
from rollbook.commands.access import IssueToken
from rollbook.commands.command import ModelScoped, content_digest
from rollbook.commands.wire import AnyCommand
from rollbook.envelope import Actor, ActorKind, Stamp
from rollbook.event import Event
from rollbook.names import CommandId, KeyId, Principal, RoleName, StageName, TargetName
from rollbook.proof.validity import key_id
from rollbook.refusals import Refusal
from rollbook.subjects import ACCESS, KEYS, Aggregate
from rollbook_services.registrar.authorise import CONDUCTOR as CONDUCTOR_ID
from rollbook_services.registrar.correlation import story
from rollbook_services.registrar.deciding import decide_any, initial
from rollbook_services.registrar.decision import Decided, Refused
from rollbook_services.registrar.folded import Folded, fold
from rollbook_services.registrar.genesis import REGISTRAR
from rollbook_services.registrar.governing import Around
from rollbook_services.registrar.surroundings import Access, Calendar, Policies
from tests.benchmarks.workload import digest

NO_POLICIES: Final = Policies()
NO_FREEZES: Final = Calendar()
BEGIN: Final = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
STEP: Final = timedelta(milliseconds=40)


def workload_actor(name: str, *roles: str, **credential: str) -> Actor:
    """Describe a program that holds a token."""
    held = tuple(RoleName(role) for role in roles)
    return Actor(Principal(f"svc:{name}"), ActorKind.WORKLOAD, held, credential)


def agent_of(stage: StageName, target: TargetName) -> Actor:
    """Describe the agent of one target."""
    return workload_actor(f"agent-{stage}", "agent", stage=stage, target=target)


CI_BOT: Final = workload_actor("ci-bot", "publisher")
CONDUCTOR: Final = Actor(CONDUCTOR_ID, ActorKind.SYSTEM, ())
REVIEWER: Final = Actor(
    Principal("prn:" + "b" * 13), ActorKind.PERSON, (RoleName("reviewer"),)
)
MANAGER: Final = Actor(
    Principal("prn:" + "c" * 13), ActorKind.PERSON, (RoleName("release-manager"),)
)


@dataclass(slots=True)
class Author:
    """Writes histories with one key; each decision is a moment later than the last."""

    key: Ed25519PrivateKey
    origin: str
    lot: int = 0
    """Tells authors apart that write one ledger side by side."""
    at: datetime = BEGIN
    count: int = 0
    folded: dict[Aggregate, Folded] = field(default_factory=dict)
    _kid: KeyId = field(init=False)

    def __post_init__(self) -> None:
        """Name the key."""
        self._kid = key_id(self.key.public_key().public_bytes_raw())

    def open(self) -> list[bytes]:
        """Write genesis and the reviewer's token, which the approvals gate reads.

        Every author of one ledger writes the same; one of them is kept.
        """
        public = self.key.public_key().public_bytes_raw()
        opened = LedgerOpened(
            origin=self.origin,
            event_key=PublicKey(
                kid=key_id(public), public=base64.b64encode(public).decode()
            ),
            stream_settings=digest("settings"),
        )
        stamp = replace(self.stamp(REGISTRAR), entropy=bytes(16))
        genesis, _ = self.sign(opened, stamp, 0, KEYS, Link())
        token = IssueToken(
            token="a" * 16,
            sha256="0" * 64,
            principal=REVIEWER.id,
            roles=REVIEWER.roles,
            until=BEGIN + timedelta(days=80),
        )
        return [genesis, *self.ask(token, REGISTRAR)]

    def ask(self, command: AnyCommand, actor: Actor) -> list[bytes]:
        """Decide and fold one command; return the bodies of its events."""
        aggregate = (
            subjects.model(command.model)
            if isinstance(command, ModelScoped)
            else ACCESS
        )
        folded = self.of(aggregate)
        stamp = replace(
            self.stamp(actor), command_digest=content_digest(command, actor=actor.id)
        )
        decided = decide_any(command, folded.state, self.around(), stamp)
        if isinstance(decided, Refusal | Refused | Decided):
            raise AssertionError(f"{command.command} led to {decided}")
        return self._record(decided, folded, stamp)

    def of(self, aggregate: Aggregate) -> Folded:
        """Return an aggregate as it is now."""
        if aggregate not in self.folded:
            self.folded[aggregate] = Folded(aggregate, initial(aggregate))
        return self.folded[aggregate]

    def _record(
        self, decided: Sequence[Event], folded: Folded, stamp: Stamp
    ) -> list[bytes]:
        bodies = []
        aggregate = folded.aggregate
        for index, event in enumerate(decided):
            told = replace(stamp, correlation_id=story(event, aggregate, stamp))
            body, folded = self._fold(event, told, index, folded)
            bodies.append(body)
        self.folded[aggregate] = folded
        return bodies

    def _fold(
        self, event: Event, stamp: Stamp, index: int, folded: Folded
    ) -> tuple[bytes, Folded]:
        body, raw = self.sign(event, stamp, index, folded.aggregate, folded.link)
        return body, fold(folded, read(raw, body, folded.sequence + 1))

    def sign(
        self, event: Event, stamp: Stamp, index: int, aggregate: Aggregate, link: Link
    ) -> tuple[bytes, dict[str, object]]:
        """Write the bytes that the ledger would keep, and what they say."""
        fields = unsigned(
            event,
            stamp,
            index=index,
            aggregate=aggregate,
            origin=self.origin,
            link=link,
            kid=self._kid,
        )
        body = signed(fields, self.key.sign(message_to_sign(fields)))
        return body, parse(body)

    def around(self) -> Around:
        """Return who holds which role; nobody makes policies or freezes here."""
        state = self.of(ACCESS).state
        assert isinstance(state, Access)
        return Around(state, NO_POLICIES, NO_FREEZES)

    def stamp(self, actor: Actor) -> Stamp:
        """Say who and when, a moment after the last."""
        self.count += 1
        self.at += STEP
        return Stamp(
            at=self.at,
            actor=actor,
            command_id=CommandId(f"ci/{self.lot}/{self.count}"),
            command_digest=digest("command", self.count),
            entropy=self.lot.to_bytes(8) + self.count.to_bytes(8),
        )
