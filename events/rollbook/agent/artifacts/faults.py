"""What does an error on the way of an artifact mean, and may another try help?"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rollbook.agent.driver import Fault, Unapplied
from rollbook.errors import RollbookError

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
FORBIDDEN: Final = frozenset({401, 403})
LONGEST_REASON: Final = 300


class Different(Unapplied):
    """Other bytes than were registered; another try brings the same."""

    def __init__(self, detail: str) -> None:
        """Say what is different."""
        super().__init__(Fault.DIGEST_MISMATCH, detail)


@contextmanager
def as_faults(
    what: str, *, otherwise: Fault = Fault.ARTIFACT_UNREACHABLE
) -> Iterator[None]:
    """Turn whatever goes wrong in the block into Unapplied.

    Each library for a protocol has errors of its own; what is not known is taken for
    an outage, so that another try is made.
    """
    try:
        yield
    except RollbookError:
        raise
    except Exception as error:
        fault = _fault(error) or otherwise
        passes = fault is not Fault.PERMISSION_DENIED
        reason = " ".join(str(error).split())[:LONGEST_REASON] or type(error).__name__
        raise Unapplied(fault, f"{what}: {reason}", is_passing=passes) from error


def _fault(error: Exception) -> Fault | None:
    if isinstance(error, PermissionError) or _status(error) in FORBIDDEN:
        return Fault.PERMISSION_DENIED
    if isinstance(error, OSError) and error.errno in FULL:
        return Fault.NO_CAPACITY
    return None


def _status(error: Exception) -> object:
    """Find the HTTP status where a library keeps one."""
    names = ("status", "status_code", "code")
    return next((getattr(error, name) for name in names if hasattr(error, name)), None)
