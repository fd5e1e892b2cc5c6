"""Which keys is an agent told of, and how does it prove that they are its own?

The user in the subject, the credential's principal and its place have to agree: the
same two proofs as for a command (design/proof.md §5).
"""

import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ValidationError
from sqlalchemy import Connection

from rollbook import tokens
from rollbook.commands.desired import LeaseRequest
from rollbook.commands.wire import Problem
from rollbook.ledger.edge import LEASE_PREFIX
from rollbook_services.conductor.queries import served


def answer(
    connection: Connection, body: bytes, *, subject: str, credential: str, at: datetime
) -> BaseModel:
    """Answer one request for a lease: a Lease, or a Problem that says why not."""
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
    return served.lease(connection, stage=asked.stage, target=asked.target)


def _is_genuine(held: Mapping[str, Any], secret: bytes, at: datetime) -> bool:
    is_same = hmac.compare_digest(tokens.hash_secret(secret), held["sha256"])
    return is_same and at < datetime.fromisoformat(held["ends"])


def _no(code: str, message: str) -> Problem:
    return Problem(code=code, reason=code.replace("-", "_"), message=message)
