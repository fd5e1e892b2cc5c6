"""How is a whole ledger read, from the server or from what was exported of it?"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from rollbook_services.cli.api import Api
from rollbook_services.cli.call import Call

if TYPE_CHECKING:
    from rollbook.envelope import Envelope
    from rollbook.event import Event

PAGE: Final = 500
EXPORTED: Final = click.option(
    "--events",
    "exported",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="What 'rollbook events export' wrote; asked of the server if left out.",
)


class Damaged(click.ClickException):
    """What was read is no ledger of ours, or not all of one."""

    exit_code = 10


def pages(api: Api, *, since: int, until: int, model: str | None) -> Iterator[Any]:
    """Read stored events, page by page: rows of `seq` and `body`."""
    asked = {"since": since, "until": until, "model": model, "limit": PAGE}
    after: str | None = None
    while True:
        page = api.read("/v1/events/stored", after=after, **asked)
        yield page["data"]
        after = page.get("next")
        if after is None:
            return


def head(api: Api) -> int:
    """Return where the ledger ends."""
    return int(api.read("/v1/events", limit=1).get("seq") or 0)


def events_of(call: Call, exported: Path | None) -> "list[Envelope[Event]]":
    """Verify and read every event from the first on; raises Damaged."""
    from rollbook_services.registrar.hindsight.history import read_exported

    with _verified():
        if exported is None:
            return list(_served(call.api()))
        with exported.open("rb") as lines:
            return list(read_exported(lines))


def _served(api: Api) -> "Iterator[Envelope[Event]]":
    from rollbook.codec import parse
    from rollbook.errors import InvalidLedger
    from rollbook.subjects import PREFIX
    from rollbook_services.registrar.hindsight.history import read_history

    def messages() -> Iterator[tuple[int, str, bytes]]:
        for page in pages(api, since=1, until=head(api), model=None):
            for row in page:
                body = row["body"].encode()
                sequences.append(int(row["seq"]))
                yield sequences[-1], f"{PREFIX}{parse(body)['subject']}", body

    sequences: list[int] = []
    read = 0
    for envelope in read_history(messages()):
        if sequences[read] != envelope.sequence:
            break
        read += 1
        yield envelope
    if read < len(sequences):
        # The server gives valid events alone, so one that is left out is none.
        raise InvalidLedger(
            f"event {sequences[read]} is not the next one of a ledger: 'rollbook "
            "doctor' looks at the server"
        )


@contextmanager
def _verified() -> Iterator[None]:
    from rollbook.errors import InvalidLedger, UnreadableEvent

    try:
        yield
    except (InvalidLedger, UnreadableEvent) as error:
        raise Damaged(str(error)) from error
