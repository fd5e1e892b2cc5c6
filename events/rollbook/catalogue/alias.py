"""What happens to a free pointer at a version."""

from rollbook.event import Event
from rollbook.names import AliasName, Reason, Version


class AliasMoved(Event, recorded_as="alias.moved"):
    """An alias was set, moved or removed."""

    alias: AliasName
    from_version: Version | None
    to_version: Version | None
    protected: bool
    reason: Reason | None
