"""Does the next command wait to see what this one wrote?"""

from pathlib import Path

from rollbook.client.settings import Wanted, find_server
from rollbook_services.cli.context import remember, remembered


def test_what_was_written_last_is_remembered_for_each_ledger(alone: Path) -> None:
    environ = {"XDG_STATE_HOME": str(alone / "state")}
    found = find_server(Wanted(url="http://one.example"), environ)
    other = find_server(Wanted(url="http://other.example"), environ)
    assert remembered(found, environ) == 0
    remember(found, 7, environ)
    remember(other, 9, environ)
    assert (remembered(found, environ), remembered(other, environ)) == (7, 9)
