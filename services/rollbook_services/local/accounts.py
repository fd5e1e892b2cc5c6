"""Who may say what to whom on NATS: the one table of accounts, users and exports.

Streams live in CORE and EDGE. Programs connect to SERVICES and CLIENTS, which
have no JetStream and import exactly what each role needs (design/proof.md §5).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Account(StrEnum):
    """The five accounts; only the two that hold streams have JetStream."""

    SYS = "SYS"
    CORE = "CORE"
    EDGE = "EDGE"
    SERVICES = "SERVICES"
    CLIENTS = "CLIENTS"

    @property
    def has_jetstream(self) -> bool:
        """Tell whether streams live here."""
        return self in (Account.CORE, Account.EDGE)


class Kind(StrEnum):
    """How an account gives a subject away: answers to requests, or messages."""

    SERVICE = "service"
    STREAM = "stream"


@dataclass(frozen=True, slots=True)
class Export:
    """One subject of an account that others may import."""

    owner: Account
    subject: str
    to: tuple[Account, ...]
    kind: Kind = Kind.SERVICE
    is_streamed: bool = False

    @property
    def imported_as(self) -> str:
        """Spell the subject as the importers know it.

        Under its own name the importing account's server answers `$JS.API.` first,
        with error 10039.
        """
        return self.subject.replace("$JS.API.", f"JS.{self.owner}.API.", 1)


@dataclass(frozen=True, slots=True)
class User:
    """One user: what it may publish, and hear beside its own inbox."""

    name: str
    account: Account
    publish: tuple[str, ...]
    subscribe: tuple[str, ...] = ()

    @property
    def is_admin(self) -> bool:
        """Tell whether this user may do all there is in its account."""
        return self.publish == (">",)

    @property
    def may_subscribe(self) -> tuple[str, ...]:
        """List what the user may subscribe to, its inbox first."""
        inbox = f"_INBOX.{self.name}.>"
        return (">",) if self.is_admin else (inbox, *self.subscribe)


_TO_EDGE: Final = (Account.EDGE,)
_TO_SERVICES: Final = (Account.SERVICES,)
_TO_CLIENTS: Final = (Account.CLIENTS,)


def _consumer_exports(
    owner: Account, stream: str, to: tuple[Account, ...]
) -> tuple[Export, ...]:
    """Give away what a reader with a durable needs, and nothing else."""
    return (
        Export(owner, f"$JS.API.CONSUMER.INFO.{stream}.*", to),
        Export(owner, f"$JS.API.CONSUMER.MSG.NEXT.{stream}.*", to, is_streamed=True),
        Export(owner, f"$JS.ACK.{stream}.>", to),
    )


def _mirror_exports(stream: str) -> tuple[Export, ...]:
    """Let EDGE mirror a stream of CORE, without any right to delete a consumer.

    No streamed answers here: with them the mirror stays empty.
    """
    created = f"$JS.API.CONSUMER.CREATE.{stream}"
    return tuple(
        Export(Account.CORE, subject, _TO_EDGE) for subject in (created, f"{created}.>")
    )


EXPORTS: Final[tuple[Export, ...]] = (
    *_mirror_exports("LEDGER"),
    *_mirror_exports("KV_DESIRED"),
    Export(Account.CORE, "$JS.FC.>", _TO_EDGE),
    Export(Account.CORE, "edge.deliver.>", _TO_EDGE, kind=Kind.STREAM),
    Export(Account.CORE, "$JS.API.STREAM.INFO.LEDGER", _TO_SERVICES),
    *_consumer_exports(Account.CORE, "LEDGER", _TO_SERVICES),
    Export(Account.CORE, "$JS.API.DIRECT.GET.LEDGER", _TO_SERVICES, is_streamed=True),
    Export(Account.CORE, "$JS.API.DIRECT.GET.KV_DESIRED.>", _TO_SERVICES),
    Export(Account.CORE, "$KV.DESIRED.>", _TO_SERVICES),
    Export(
        Account.CORE, "$JS.API.DIRECT.GET.KV_LEASES", _TO_SERVICES, is_streamed=True
    ),
    Export(Account.CORE, "$KV.LEASES.>", _TO_SERVICES),
    *_consumer_exports(Account.EDGE, "FEED", _TO_CLIENTS),
    Export(Account.EDGE, "$JS.API.DIRECT.GET.DESIRED.$KV.DESIRED.>", _TO_CLIENTS),
    Export(Account.SERVICES, "rollbook.command.edge.>", _TO_CLIENTS),
    Export(Account.SERVICES, "rollbook.lease.edge.>", _TO_CLIENTS),
    Export(Account.SERVICES, "rollbook.wake.>", _TO_CLIENTS, kind=Kind.STREAM),
)


def _pulls(prefix: str, stream: str, durable: str) -> tuple[str, ...]:
    return (
        f"{prefix}.CONSUMER.INFO.{stream}.{durable}",
        f"{prefix}.CONSUMER.MSG.NEXT.{stream}.{durable}",
        f"$JS.ACK.{stream}.{durable}.>",
    )


def _follows_the_ledger(name: str) -> tuple[str, ...]:
    """Grant the durable, the stream's end, and bulk replay by batched direct get."""
    return (
        *_pulls("JS.CORE.API", "LEDGER", name),
        "JS.CORE.API.STREAM.INFO.LEDGER",
        "JS.CORE.API.DIRECT.GET.LEDGER",
    )


def _projection(name: str) -> User:
    return User(name, Account.SERVICES, _follows_the_ledger(name))


PLATFORM: Final[tuple[User, ...]] = (
    User("sys", Account.SYS, ("$SYS.REQ.SERVER.PING.VARZ",)),
    User("core-admin", Account.CORE, (">",)),
    User("edge-admin", Account.EDGE, (">",)),
    User(
        "registrar",
        Account.CORE,
        (
            "rollbook.ledger.>",
            "$JS.API.STREAM.INFO.LEDGER",
            "$JS.API.STREAM.MSG.GET.LEDGER",
            "$JS.API.DIRECT.GET.LEDGER",
        ),
    ),
    # No allow_responses: it lets a requester steer the answer to any subject.
    User(
        "registrar-commands",
        Account.SERVICES,
        ("_INBOX.>", "_R_.>"),
        ("rollbook.command.> registrar",),
    ),
    _projection("stage"),
    _projection("lineage"),
    _projection("audit"),
    User(
        "conductor",
        Account.SERVICES,
        (
            *_follows_the_ledger("conductor"),
            "rollbook.command.core.conductor.>",
            "$KV.DESIRED.>",
            "JS.CORE.API.DIRECT.GET.KV_DESIRED.>",
            "$KV.LEASES.>",
            "JS.CORE.API.DIRECT.GET.KV_LEASES",
            "rollbook.wake.>",
            "_R_.>",
        ),
        ("rollbook.lease.edge.> conductor",),
    ),
    User("gateway", Account.SERVICES, ("rollbook.command.core.gateway.>",)),
)

_TOKEN: Final = re.compile(r"(?:[A-Za-z0-9_-]|%[0-9A-F]{2}){1,128}")


def agent(name: str, *, stage: str, target: str) -> User:
    """Describe the agent that serves one stage on one target."""
    _check_tokens(name, stage, target)
    return User(
        name,
        Account.CLIENTS,
        (
            f"JS.EDGE.API.DIRECT.GET.DESIRED.$KV.DESIRED.{stage}.{target}.>",
            f"rollbook.command.edge.{name}.>",
            f"rollbook.lease.edge.{name}",
        ),
        (f"rollbook.wake.{stage}.{target}",),
    )


def pipeline(principal: str) -> User:
    """Describe a pipeline, which may only send commands in its own name."""
    _check_tokens(principal)
    return User(principal, Account.CLIENTS, (f"rollbook.command.edge.{principal}.>",))


def feed_reader(name: str) -> User:
    """Describe a reader of the feed, which has the durable of its name on FEED."""
    _check_tokens(name)
    return User(name, Account.CLIENTS, _pulls("JS.EDGE.API", "FEED", name))


def with_platform(clients: Iterable[User]) -> tuple[User, ...]:
    """Join the platform's users and a site's own; a name stands for one of them."""
    users = (*PLATFORM, *clients)
    names = [user.name for user in users]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise ValueError(f"two NATS users are called {', '.join(doubled)}")
    return users


def _check_tokens(*tokens: str) -> None:
    """Refuse what would grant more than one subject token, such as `*` or `a.b`."""
    for token in tokens:
        if _TOKEN.fullmatch(token) is None:
            raise ValueError(f"{token!r} is not one subject token: percent-encode it")
