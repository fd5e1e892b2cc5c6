"""What the ledger says of itself: its origin and the keys that sign it."""

from rollbook.catalogue.parts import Part
from rollbook.event import Event
from rollbook.names import Digest, KeyId, Line


class PublicKey(Part):
    """An Ed25519 key; `public` is base64 of its 32 bytes."""

    kid: KeyId
    public: Line


class LedgerOpened(Event, recorded_as="ledger.opened"):
    """Genesis, sequence 1: signed by the event key it names."""

    origin: Line
    event_key: PublicKey
    stream_settings: Digest
    """SHA-256 of the canonical stream settings the ledger was opened with."""


KeysEvent = LedgerOpened
