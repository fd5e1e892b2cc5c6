"""Which error does a caller see for each no of the server, and what does it carry?

RollbookError
└ ProblemError           a problem with `code`, `reason`, `message`, `detail`, `exit`
  ├ InvalidRequest       mend the request; `errors` name each fault and its place
  ├ Unauthenticated      bring a credential that is valid now
  ├ Forbidden            somebody else must do this
  ├ NotFound             look for the right name
  ├ Conflict             it moved meanwhile: look again, then decide
  │ ├ RevisionMismatch   by revision
  │ └ StaleReport        by an agent: read what is desired again
  ├ Refused              a gate or a rule says no
  ├ Unavailable          send the same command with the same id again, later
  ├ PromotionEnded       it was rejected, cancelled or replaced
  ├ StillPending         it waits, longer than you wanted to
  └ DeploymentFailed     it was dispatched and did not come to be live
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from rollbook import errors
from rollbook.problems import CODES

EXIT_UNEXPECTED: Final = 1


class ProblemError(errors.RollbookError):
    """The server said no, and why."""

    members: ClassVar[tuple[str, ...]] = ()
    """Which parts of `detail` are attributes; None where the server is silent."""
    exit_code: ClassVar[int | None] = None
    """Set where the code alone does not say it."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "unavailable",
        reason: str = "",
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Hold the problem; `message` says what was refused and the next step."""
        self.code, self.reason, self.message = code, reason or code, message
        self.detail: Mapping[str, Any] = detail or {}
        for member in self.members:
            setattr(self, member, self.detail.get(member))
        Exception.__init__(self, message)

    @property
    def told(self) -> str:
        """Return the message with the names of the people in it, for people."""
        told, people = self.message, self.detail.get("people")
        for principal, name in (people or {}).items():
            told = told.replace(str(principal), str(name))
        return told

    @property
    def exit(self) -> int:
        """Return the exit code a program ends with after this."""
        if self.exit_code is not None:
            return self.exit_code
        known = CODES.get(self.code)
        return known.exit if known else EXIT_UNEXPECTED


class InvalidRequest(ProblemError):
    """The request is not well formed."""

    members = ("errors", "faults", "candidates", "first_seq", "limit")
    errors: list[dict[str, Any]] | None
    """`pointer`, `message` and where known `hint` of each fault."""
    faults: list[dict[str, Any]] | None
    """Of a policy: `path`, `message` and `remedy` of each fault."""
    candidates: list[str] | None
    first_seq: int | None
    limit: int | None


class Unauthenticated(ProblemError):
    """Nobody knows the credential, or not any more."""


class Forbidden(ProblemError):
    """The caller's roles, or the part the caller had, do not allow it."""

    members = ("permission", "granted_to", "clause")
    permission: str | None
    granted_to: list[str] | None
    clause: str | None


class NotFound(ProblemError):
    """There is no such thing."""

    members = ("reference", "near")
    reference: str | None
    near: list[str] | None


class Conflict(ProblemError):
    """It moved meanwhile."""

    members: ClassVar[tuple[str, ...]] = (
        "expected",
        "actual",
        "promotion",
        "by",
        "at",
    )
    expected: Any
    actual: Any
    promotion: int | None
    by: str | None
    at: str | None


class RevisionMismatch(Conflict):
    """The resource has another revision now."""

    members = (*Conflict.members, "current", "changes")
    current: int | None
    changes: list[dict[str, Any]] | None


class StaleReport(Conflict):
    """Something newer is desired."""

    members = (*Conflict.members, "desired_revision")
    desired_revision: int | None


class Refused(ProblemError):
    """A gate or a rule says no."""

    members = ("gates", "by", "since", "until", "lift_with")
    gates: list[dict[str, Any]] | None
    by: str | None
    since: str | None
    until: str | None
    lift_with: str | None


class Unavailable(ProblemError, errors.Unavailable):
    """The server is away, busy or behind; the same request may be sent again."""

    members = ("position", "idempotency_key", "retry_after")
    position: int | None
    idempotency_key: str | None
    retry_after: float | None

    def __init__(
        self,
        message: str,
        *,
        code: str = "unavailable",
        reason: str = "",
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Hold the problem; `retry_after_seconds` is never absent."""
        ProblemError.__init__(self, message, code=code, reason=reason, detail=detail)
        self.what, self.retry_after_seconds = message, float(self.retry_after or 1)


class PromotionEnded(ProblemError):
    """The promotion was rejected, cancelled or replaced while it was waited for."""

    exit_code = 7


class StillPending(ProblemError):
    """The promotion stays open; the waiting ended."""

    exit_code = 8


class DeploymentFailed(ProblemError):
    """The promotion was dispatched and failed, errored or was aborted."""

    exit_code = 9


_CLASS_OF: Final[dict[str, type[ProblemError]]] = {
    "invalid-request": InvalidRequest,
    "as-of-out-of-range": InvalidRequest,
    "idempotency-key-reused": InvalidRequest,
    "policy-invalid": InvalidRequest,
    "payload-too-large": InvalidRequest,
    "unauthenticated": Unauthenticated,
    "forbidden": Forbidden,
    "separation-of-duties": Forbidden,
    "protected-alias": Forbidden,
    "not-found": NotFound,
    "incumbent-moved": Conflict,
    "already-exists": Conflict,
    "promotion-closed": Conflict,
    "wrong-state": Conflict,
    "approval-void": Conflict,
    "stale-report": StaleReport,
    "gate-failed": Refused,
    "stage-unreachable": Refused,
    "in-use": Refused,
    "lane-busy": Refused,
    "lane-held": Refused,
    "lane-frozen": Refused,
    "version-quarantined": Refused,
    "digest-mismatch": Refused,
    "rate-limited": Unavailable,
    "projection-behind": Unavailable,
    "outcome-unknown": Unavailable,
    "unavailable": Unavailable,
}
_BY_STATUS: Final[dict[int, type[ProblemError]]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: RevisionMismatch,
    413: InvalidRequest,
    422: InvalidRequest,
    429: Unavailable,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}
_STANDARD: Final = frozenset(
    {"type", "title", "detail", "status", "code", "reason", "instance"}
)


def from_problem(status: int, problem: Mapping[str, Any]) -> ProblemError:
    """Make the error of a problem document; codes of newer servers go by status."""
    code = str(problem.get("code", ""))
    kind = _CLASS_OF.get(code) or _BY_STATUS.get(status, ProblemError)
    return kind(
        str(problem.get("detail") or problem.get("title") or f"HTTP {status}"),
        code=code or f"http-{status}",
        reason=str(problem.get("reason") or ""),
        detail={name: part for name, part in problem.items() if name not in _STANDARD},
    )
