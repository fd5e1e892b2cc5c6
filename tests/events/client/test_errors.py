"""Does each no of the server have its own error, and does the client stay light?"""

import subprocess
import sys

import pytest

from rollbook import errors
from rollbook.client.errors import (
    ProblemError,
    Refused,
    RevisionMismatch,
    Unavailable,
    from_problem,
)
from rollbook.problems import CODES

HEAVY = {"pydantic", "nats", "rich", "click", "fastapi", "sqlalchemy", "faststream"}


@pytest.mark.parametrize("code", sorted(CODES.keys() - {"internal-error"}))
def test_each_problem_code_has_an_error_of_its_own(code: str) -> None:
    known = CODES[code]
    error = from_problem(known.http, {"code": code, "detail": "No. Do that."})
    assert type(error) is not ProblemError
    assert (error.exit, str(error)) == (known.exit, "No. Do that.")
    assert isinstance(error, errors.RollbookError)
    assert isinstance(error, errors.Unavailable) == (known.exit == 69)


def test_members_are_attributes_and_absent_ones_are_none() -> None:
    error = from_problem(409, {"code": "lane-held", "by": "svc:ci", "reason": "quiet"})
    assert isinstance(error, Refused)
    assert (error.by, error.until, error.reason) == ("svc:ci", None, "quiet")


def test_a_code_of_a_newer_server_goes_by_its_status() -> None:
    error = from_problem(412, {"code": "from-the-future", "title": "Later"})
    assert isinstance(error, RevisionMismatch)
    assert str(error) == "Later"


def test_what_may_be_sent_again_says_when() -> None:
    error = from_problem(503, {"code": "unavailable", "retry_after": 3})
    assert isinstance(error, Unavailable)
    assert error.retry_after_seconds == 3


def test_the_transport_loads_nothing_heavy() -> None:
    script = "import sys, rollbook.client.transport; print(*sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert HEAVY.isdisjoint(found.stdout.split())
