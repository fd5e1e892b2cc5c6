"""Which keys is an agent told of, and how does it prove that they are its own?

The user in the subject, the credential's principal and its place have to agree: the
same two proofs as for a command (design/proof.md §5). Of two processes with one
identity the one that came first goes on, and the other stands by.
"""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog
from pydantic import BaseModel, ValidationError
from sqlalchemy import Connection

from rollbook import tokens
from rollbook.commands import desired
from rollbook.commands.desired import ONLY_LOOKS, LeaseRequest
from rollbook.commands.wire import Problem
from rollbook.errors import AppendConflict, Unavailable
from rollbook.ledger.bucket import Entry, LeaseBucket
from rollbook.ledger.edge import LEASE_PREFIX
from rollbook.ledger.pauses import until
from rollbook_projections.database import Database
from rollbook_services.conductor.queries import fleet, served
from rollbook_services.conductor.react.leasing import Lease, key_of

LEASE_SECONDS: Final = 45
RENEWALS: Final = 3  # in the life of a lease
CONFLICT_SECONDS: Final = 2.0

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Granted:
    """What an agent may hold, and what it is told when it does."""

    key: str
    session: str
    keys: Mapping[str, int]
    is_drained: bool
    is_news: bool
    """The ledger does not know yet that it is there."""


class Leases:
    """Answers agents, and keeps their leases alive."""

    def __init__(
        self,
        database: Database,
        bucket: LeaseBucket,
        *,
        now: Callable[[], datetime],
        noticed: Callable[[], None] = lambda: None,
        lease_seconds: int = LEASE_SECONDS,
    ) -> None:
        """Take what is known, where leases lie, and whom to tell that one came."""
        self._database, self._bucket = database, bucket
        self._now, self._noticed = now, noticed
        self._lease_seconds = lease_seconds

    async def answer(self, body: bytes, *, subject: str, credential: str) -> BaseModel:
        """Answer one request: a Lease, or a Problem that says why not."""
        at = self._now()
        granted = await self._database.read(
            check, body, subject=subject, credential=credential, at=at
        )
        if isinstance(granted, Problem):
            return granted
        refusal = None
        if granted.session != ONLY_LOOKS:
            refusal = await self._hold(granted, at)
        return refusal or desired.Lease(
            keys=dict(granted.keys),
            is_drained=granted.is_drained,
            renew_seconds=self._lease_seconds / RENEWALS,
        )

    async def _hold(self, granted: Granted, at: datetime) -> Problem | None:
        """Keep the lease, and tell who came; say why where that cannot be."""
        try:
            refusal = await self._renew(granted, at)
        except Unavailable as away:
            log.warning("lease_not_renewed", key=granted.key, error=str(away))
            return _no("unavailable", f"The lease cannot be kept now: {away}.")
        if refusal is None and granted.is_news:
            self._noticed()
        return refusal

    async def _renew(self, granted: Granted, at: datetime) -> Problem | None:
        """Hold the lease for one more time, unless another process does."""
        ours = Lease(session=granted.session, at=at).model_dump_json().encode()
        pauses = until(CONFLICT_SECONDS)
        while not pauses.is_over:
            held = await self._bucket.get(granted.key)
            lease = read_lease(held)
            if lease is not None and lease.session != granted.session:
                return self._taken(lease)
            try:
                await self._bucket.renew(
                    granted.key,
                    ours,
                    expected=held.sequence,
                    ttl_seconds=self._lease_seconds,
                )
            except AppendConflict:
                # Another process, or a replica that lags: reading again tells.
                await pauses.take()
            else:
                return None
        raise Unavailable(f"others keep writing {granted.key}")

    def _taken(self, lease: Lease) -> Problem:
        return Problem(
            code="conflict",
            reason="another_session",
            message="Another process of this agent holds its lease, renewed at "
            f"{lease.at.isoformat(timespec='seconds')}: let one of the two stop. Ask "
            f"again; {self._lease_seconds} s after its last word the lease is free.",
            detail={"session": lease.session, "at": lease.at.isoformat()},
        )


def read_lease(held: Entry) -> Lease | None:
    """Read who holds a lease; None: nobody, or nobody can read it."""
    if held.value is None:
        return None
    try:
        return Lease.model_validate_json(held.value)
    except ValidationError:
        return None


def check(
    connection: Connection, body: bytes, *, subject: str, credential: str, at: datetime
) -> Granted | Problem:
    """Find out whose lease is asked for, and whether that is the one who asks."""
    try:
        asked = LeaseRequest.model_validate_json(body)
    except ValidationError:
        return _no("invalid-request", "A lease is asked for with stage and target.")
    read = tokens.read_token(credential)
    held = served.token(connection, read[0]) if read else None
    if read is None or held is None or not _is_genuine(held, read[1], at):
        return _no(
            "unauthenticated", "The agent's token is unknown, revoked or expired."
        )
    user = subject.removeprefix(LEASE_PREFIX)
    place = held["stage"], held["target"]
    if held["principal"] != f"svc:{user}" or place != (asked.stage, asked.target):
        return _no(
            "forbidden",
            f"The token is {held['principal']}'s for {'/'.join(place)}: "
            "ask as that agent, for that target.",
        )
    return _granted(connection, user, asked)


def _granted(
    connection: Connection, user: str, asked: LeaseRequest
) -> Granted | Problem:
    agent = fleet.agent(connection, user)
    if agent is not None and agent.is_revoked:
        return _no(
            "forbidden",
            f"Agent {user} was revoked: enrol it again (`rollbook agent enrol`).",
        )
    return Granted(
        key=key_of(asked.stage, asked.target, user),
        session=asked.session,
        keys=served.keys(connection, stage=asked.stage, target=asked.target),
        is_drained=agent is not None and agent.is_drained,
        is_news=agent is not None and not agent.is_present,
    )


def _is_genuine(held: Mapping[str, Any], secret: bytes, at: datetime) -> bool:
    is_same = hmac.compare_digest(tokens.hash_secret(secret), held["sha256"])
    return is_same and at < datetime.fromisoformat(held["ends"])


def _no(code: str, message: str) -> Problem:
    return Problem(code=code, reason=code.replace("-", "_"), message=message)
