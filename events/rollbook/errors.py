"""What can go wrong, by what the caller can do about it.

RollbookError
├ LedgerError
│ ├ AppendConflict    somebody else wrote first: load, decide again
│ ├ Unacknowledged    kept or lost, nobody knows: read back, or retry the same command
│ ├ UnreadableEvent   written by a newer release: stop that aggregate, upgrade
│ └ InvalidLedger     the ledger is not what it was: page somebody
├ Unavailable         try again later with the same command id
└ Misconfigured       refuses to start; names the setting and the remedy
"""


class RollbookError(Exception):
    """The root of everything Rollbook raises on purpose."""


class LedgerError(RollbookError):
    """The ledger could not do what was asked."""


class AppendConflict(LedgerError):
    """Another writer was first on this subject; nothing of ours was written."""

    def __init__(self, subject: str, *, expected: int, actual: int) -> None:
        """Hold the sequences that the guard expected and that the ledger has."""
        self.subject, self.expected, self.actual = subject, expected, actual
        super().__init__(
            f"{subject} moved on: expected its last sequence to be {expected}, "
            f"it is {actual}; load it and decide again"
        )


class Unacknowledged(LedgerError):
    """The append may or may not be kept; the same append may be sent again."""

    def __init__(self, subject: str, *, cause: str) -> None:
        """Hold the subject and what stood in the way of an answer."""
        self.subject, self.cause = subject, cause
        super().__init__(
            f"no answer to the append on {subject} ({cause}); "
            "send the same command with the same id again"
        )


class UnreadableEvent(LedgerError):
    """A valid event that this release cannot read."""

    def __init__(self, type_: str, *, why: str) -> None:
        """Hold the event's type and what is unknown about it."""
        self.type, self.why = type_, why
        super().__init__(f"{type_}: {why}; upgrade Rollbook to read it")


class InvalidLedger(LedgerError):
    """The ledger contradicts what was seen of it before."""


class Unavailable(RollbookError):
    """Something we need is away; the same command may be sent again."""

    def __init__(self, what: str, *, retry_after_seconds: float = 1.0) -> None:
        """Hold what is away and when another try makes sense."""
        self.what, self.retry_after_seconds = what, retry_after_seconds
        super().__init__(f"{what}; try again in {retry_after_seconds:g} s")


class Misconfigured(RollbookError):
    """A setting makes a promise impossible, so nothing starts."""

    def __init__(self, setting: str, remedy: str) -> None:
        """Name the setting and say what to do."""
        self.setting, self.remedy = setting, remedy
        super().__init__(f"{setting}: {remedy}")
