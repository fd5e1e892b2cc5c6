"""How does a ledger begin, and how is an existing one recognised as ours?"""

import base64
from contextlib import suppress
from datetime import datetime

from rollbook.catalogue.keys import LedgerOpened, PublicKey
from rollbook.codec import Link, message_to_sign, signed, unsigned
from rollbook.envelope import Actor, ActorKind, Stamp
from rollbook.errors import AppendConflict, InvalidLedger, Misconfigured
from rollbook.ledger.protocol import Draft, Ledger
from rollbook.ledger.whole import read_until
from rollbook.names import CommandId, Digest, Principal, RoleName
from rollbook.proof.validity import Chain, Invalid, check
from rollbook.subjects import KEYS, subject
from rollbook_services.keys import Signer

REGISTRAR = Actor(
    Principal("rollbook:registrar"), ActorKind.SYSTEM, (RoleName("access-admin"),)
)


async def open_ledger(
    ledger: Ledger,
    signer: Signer,
    *,
    origin: str,
    stream_settings: Digest,
    at: datetime,
    entropy: bytes,
) -> Chain:
    """Write genesis into an empty ledger, or check that of an existing one.

    Raises Misconfigured when the ledger has another origin or another event key,
    InvalidLedger when its first message is no genesis.
    """
    if await ledger.last(KEYS) is None:
        stamp = Stamp(
            at=at,
            actor=REGISTRAR,
            command_id=CommandId("genesis"),
            command_digest=stream_settings,
            entropy=entropy,
        )
        draft = await _genesis(signer, stamp, origin, stream_settings)
        # Another registrar may be first; the same checks hold for its genesis.
        with suppress(AppendConflict):
            await ledger.append([draft], expected={KEYS: 0})
    return await _recognise(ledger, signer, origin)


async def _genesis(
    signer: Signer, stamp: Stamp, origin: str, stream_settings: Digest
) -> Draft:
    event = LedgerOpened(
        origin=origin,
        event_key=PublicKey(
            kid=signer.kid, public=base64.b64encode(signer.public).decode()
        ),
        stream_settings=stream_settings,
    )
    fields = unsigned(
        event,
        stamp,
        index=0,
        aggregate=KEYS,
        origin=origin,
        link=Link(),
        kid=signer.kid,
    )
    body = signed(fields, await signer.sign(message_to_sign(fields)))
    return Draft(KEYS, stamp.event_id(0), body)


async def _recognise(ledger: Ledger, signer: Signer, origin: str) -> Chain:
    chain, last = Chain(), await ledger.last(KEYS)
    until = last.sequence if last else 0
    for message in await read_until(ledger, KEYS, after=0, until=until):
        verdict = check(message.body, subject(KEYS), message.sequence, chain)
        if not isinstance(verdict, Invalid):
            chain.accept(verdict)
    if chain.origin is None:
        raise InvalidLedger(
            "the stream LEDGER holds messages but no genesis: it is not a ledger of "
            "Rollbook; point the settings at another server or data directory"
        )
    if chain.origin != origin:
        raise Misconfigured(
            "server.origin",
            f"this ledger is {chain.origin!r}, the settings say {origin!r}; "
            "an origin is for ever, so set it back",
        )
    if signer.kid not in chain.keys:
        raise Misconfigured(
            "the event key",
            f"this ledger does not know {signer.kid}; restore keys/event.pem of "
            "the installation that opened it",
        )
    return chain
