"""Which streams are there, with which settings, and does the server keep its promises?

Settings are the wire's own words, so that what is created and what is compared is
the same. Nothing here alters a stream: that is an operator's act, never a start-up's.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import nats.errors
from nats.aio.client import Client

from rollbook.errors import Misconfigured, Unavailable

CORE_PREFIX: Final = "JS.CORE.API"
EDGE_PREFIX: Final = "JS.EDGE.API"
OWN_PREFIX: Final = "$JS.API"
FOLLOWERS: Final = ("stage", "lineage", "audit", "conductor")
MAX_MESSAGE_BYTES: Final = 32 * 1024
ANSWER_TIMEOUT_SECONDS: Final = 10.0

_SECOND: Final = 1_000_000_000
_NO_LEADER: Final = 10008
_NOT_FOUND: Final = 10059
# A site may place its streams and describe them; the server adds its own metadata.
_FREE: Final = frozenset({"metadata", "placement", "description", "num_replicas"})


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream: its name, its settings as on the wire, and its durables."""

    name: str
    settings: Mapping[str, object]
    durables: tuple[str, ...] = ()


_KEPT: Final[Mapping[str, object]] = {
    "storage": "file",
    "retention": "limits",
    "discard": "new",
    "max_consumers": -1,
    "max_msgs": -1,
    "max_bytes": -1,
    "max_age": 0,
    "max_msgs_per_subject": -1,
    "max_msg_size": MAX_MESSAGE_BYTES,
    "deny_delete": True,
    "deny_purge": True,
    "allow_rollup_hdrs": False,
    "compression": "none",
    "persist_mode": "",
    "sealed": False,
}
_WRITTEN: Final = {**_KEPT, "duplicate_window": 120 * _SECOND, "allow_direct": True}


def _mirror_of(stream: str, deliver: str) -> dict[str, object]:
    external = {"api": CORE_PREFIX, "deliver": deliver}
    return {"name": stream, "external": external}


def ledger(
    name: str = "LEDGER", subjects: Iterable[str] = ("rollbook.ledger.>",)
) -> Stream:
    """Describe the ledger; another name and subjects serve tests alone."""
    settings = {**_WRITTEN, "subjects": list(subjects), "allow_atomic": True}
    return Stream(name, settings, FOLLOWERS)


LEDGER: Final = ledger()
KV_DESIRED: Final = Stream(
    "KV_DESIRED",
    {**_WRITTEN, "subjects": ["$KV.DESIRED.>"], "max_msgs_per_subject": 1},
)
# A lease ends by itself, by the time-to-live of its message. No marker is left behind:
# what lives is read as a whole, so that a missed end is seen at the next look.
KV_LEASES: Final = Stream(
    "KV_LEASES",
    {
        **_WRITTEN,
        "subjects": ["$KV.LEASES.>"],
        "max_msgs_per_subject": 1,
        "allow_msg_ttl": True,
    },
)
FEED: Final = Stream(
    "FEED", {**_KEPT, "mirror": _mirror_of("LEDGER", "edge.deliver.feed")}
)
DESIRED: Final = Stream(
    "DESIRED",
    {
        **_KEPT,
        "max_msgs_per_subject": 1,
        "mirror": _mirror_of("KV_DESIRED", "edge.deliver.desired"),
        "allow_direct": True,
    },
)
DURABLE: Final[Mapping[str, object]] = {
    "ack_policy": "explicit",
    "deliver_policy": "all",
    "replay_policy": "instant",
    "ack_wait": 30 * _SECOND,
    "max_ack_pending": 1000,
    "max_deliver": -1,
}


async def provision(
    core_admin: Client,
    edge_admin: Client,
    *,
    replicas: int = 1,
    feed_readers: Iterable[str] = (),
) -> None:
    """Create each stream and durable that is missing; refuse those that differ."""
    feed = replace(FEED, durables=tuple(feed_readers))
    for stream in (LEDGER, KV_DESIRED, KV_LEASES):
        await create(core_admin, stream, replicas=replicas)
    for stream in (feed, DESIRED):
        await create(edge_admin, stream, replicas=replicas)


async def create(admin: Client, stream: Stream, *, replicas: int = 1) -> None:
    """Create one stream with its durables, where they are missing."""
    if await _config(admin, stream.name, prefix=OWN_PREFIX) is None:
        body = {"name": stream.name, **stream.settings, "num_replicas": replicas}
        created = await _ask(admin, f"{OWN_PREFIX}.STREAM.CREATE.{stream.name}", body)
        _refuse_error(created, f"stream {stream.name}")
    await check_stream(admin, stream, replicas=replicas)
    for durable in stream.durables:
        await _create_durable(admin, stream.name, durable, replicas=replicas)


async def _create_durable(
    admin: Client, stream: str, durable: str, *, replicas: int
) -> None:
    """Make a durable; `create` keeps an equal one and refuses a different one."""
    config = {
        **DURABLE,
        "name": durable,
        "durable_name": durable,
        "num_replicas": replicas,
    }
    created = await _ask(
        admin,
        f"{OWN_PREFIX}.CONSUMER.CREATE.{stream}.{durable}",
        {"stream_name": stream, "config": config, "action": "create"},
    )
    _refuse_error(created, f"consumer {durable} of stream {stream}")


async def check_stream(
    client: Client,
    stream: Stream,
    *,
    replicas: int | None = None,
    prefix: str = OWN_PREFIX,
) -> None:
    """Refuse a stream whose settings are not ours; say which and what to do."""
    config = await _config(client, stream.name, prefix=prefix)
    if config is None:
        raise Misconfigured(
            f"stream {stream.name}",
            "it is missing: run the provisioning with the administrators' seeds",
        )
    wanted = dict(stream.settings)
    if replicas is not None:
        wanted["num_replicas"] = replicas
    for setting, ours in wanted.items():
        theirs = config.get(setting, type(ours)())
        if theirs != ours:
            raise _differs(stream.name, setting, ours=ours, theirs=theirs)
    known = {"name", *wanted, *_FREE, *_harmless(stream)}
    for setting, theirs in config.items():
        if setting not in known and theirs:
            raise _differs(stream.name, setting, ours=None, theirs=theirs)


def _harmless(stream: Stream) -> tuple[str, ...]:
    """Name what the server sets by itself on a stream that takes no publishes."""
    return ("duplicate_window",) if "mirror" in stream.settings else ()


def _differs(
    stream: str, setting: str, *, ours: object, theirs: object
) -> Misconfigured:
    return Misconfigured(
        f"stream {stream}, setting {setting}",
        f"it is {json.dumps(theirs)} and has to be {json.dumps(ours)}: find out who "
        "changed it, then have an operator set it back with the administrator's seed",
    )


async def check_server(sys: Client, *, quiet_seconds: float = 0.5) -> None:
    """Refuse servers that break our promises; asks every server of a cluster."""
    inbox = sys.new_inbox()
    answers = await sys.subscribe(inbox)
    try:
        await sys.publish("$SYS.REQ.SERVER.PING.VARZ", reply=inbox)
        server = json.loads((await answers.next_msg(ANSWER_TIMEOUT_SECONDS)).data)
        check_varz(server["data"])
        # How many answer is not known beforehand, and one may be down: take all.
        while server["data"].get("cluster"):
            message = await answers.next_msg(quiet_seconds)
            check_varz(json.loads(message.data)["data"])
    except nats.errors.TimeoutError as silence:
        if answers.delivered == 0:
            raise Unavailable("no NATS server answers the system account") from silence
    finally:
        await answers.unsubscribe()


def check_varz(varz: Mapping[str, Any]) -> None:
    """Refuse one server by what it says of itself."""
    name, version = varz.get("server_name", "?"), str(varz.get("version", "0"))
    if not _is_recent(version):
        raise Misconfigured(
            f"nats-server {version} ({name})",
            "it lacks fixes Rollbook relies on: "
            "install 2.14.0 or newer (on the 2.12 line, 2.12.7 or newer)",
        )
    config = varz.get("jetstream", {}).get("config")
    if not config:
        raise Misconfigured(
            f"jetstream ({name})", "it is off: add a jetstream block to the server"
        )
    if config.get("sync_always") is not True:
        raise Misconfigured(
            f"jetstream.sync_interval ({name})",
            "a power cut would lose acknowledged events: "
            "set `sync_interval: always` in the server's jetstream block, restart it",
        )


def _is_recent(version: str) -> bool:
    """Tell whether the 2026 advisories are fixed in this version."""
    numbers = version.partition("-")[0].partition("+")[0].split(".")
    parts = tuple(int(part) if part.isdigit() else 0 for part in numbers)
    return parts >= (2, 14) or (2, 12, 7) <= parts < (2, 13)


async def _config(
    client: Client, stream: str, *, prefix: str
) -> dict[str, object] | None:
    answer = await _ask(client, f"{prefix}.STREAM.INFO.{stream}", {})
    if answer.get("error", {}).get("err_code") == _NOT_FOUND:
        return None
    _refuse_error(answer, f"stream {stream}")
    config: dict[str, object] = answer["config"]
    return config


async def _ask(client: Client, subject: str, body: object) -> dict[str, Any]:
    payload = json.dumps(body).encode() if body else b""
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_SECONDS):
            message = await client.request(
                subject, payload, timeout=ANSWER_TIMEOUT_SECONDS
            )
    except (TimeoutError, nats.errors.Error) as error:
        raise Unavailable(f"no answer to {subject} ({error!r})") from error
    answer: dict[str, Any] = json.loads(message.data)
    return answer


def _refuse_error(answer: Mapping[str, Any], setting: str) -> None:
    error = answer.get("error")
    if error and error.get("err_code") == _NO_LEADER:
        raise Unavailable(f"the NATS cluster has no leader yet, needed for {setting}")
    if error:
        raise Misconfigured(
            setting,
            f"the server refuses it ({error.get('err_code')} "
            f"{error.get('description')}): compare its settings with Rollbook's, and "
            "have an operator remove or repair it",
        )
