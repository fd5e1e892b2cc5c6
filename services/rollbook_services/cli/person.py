"""Commands about people: `rollbook person link|list`."""

import re
from typing import Final

import click

from rollbook_services.cli.api import Api
from rollbook_services.cli.call import KEY, REASON, Call, command
from rollbook_services.cli.output import Column, Row
from rollbook_services.cli.recorded import PAGE

person = click.Group("person", help="People: link accounts of one, list.")
_PRINCIPAL: Final = re.compile(r"(prn|svc|rollbook):.+")
_PEOPLE: Final = "/v1/access/people"
_LINKED: Final = "identity.linked"


@command("link", into=person)
@click.argument("first", metavar="PRINCIPAL")
@click.argument("others", metavar="PRINCIPAL...", nargs=-1, required=True)
@REASON
@KEY
def link(
    call: Call, first: str, others: tuple[str, ...], reason: str, key: str | None
) -> None:
    """Say that accounts are one person's, who then counts once wherever people count.

    An account is a principal, or the name of a person that is known here.
    """
    api = call.api()
    principals = _principals(api, [first, *others])
    body = {"principals": principals, "reason": reason}
    answer = api.write("/v1/access/links", body, key=key)
    call.output.done(
        answer, f"{' and '.join((first, *others))}   are one person", name=principals[0]
    )


@command("list", into=person, reads=True)
def list_(call: Call) -> None:
    """List the people whose names are known here, with their accounts."""
    api = call.api()
    answer = api.read(_PEOPLE)
    linked = _linked(api)
    rows = [
        {**row, "accounts": sorted(linked.get(row["principal"], ()))}
        for row in answer["data"]
    ]
    columns = [
        Column("NAME", lambda row: row.get("name")),
        Column("PRINCIPAL", lambda row: row.get("principal"), plain=True),
        Column("ONE PERSON WITH", _others, plain=True),
    ]
    call.output.rows(
        {**answer, "data": rows},
        columns,
        name=lambda row: str(row.get("principal")),
        empty="no name of a person is known here",
    )


def _linked(api: Api) -> dict[str, set[str]]:
    """Return, by account, every account of the same person; links are read on."""
    groups: dict[str, set[str]] = {}
    after: str | None = None
    while True:
        page = api.read("/v1/events", type=_LINKED, after=after, limit=PAGE)
        for event in page["data"]:
            accounts = set(event["data"]["principals"])
            together = accounts.union(*(groups.get(each, ()) for each in accounts))
            groups |= dict.fromkeys(together, together)
        after = page.get("next")
        if after is None:
            return groups


def _others(row: Row) -> str:
    others = [each for each in row["accounts"] if each != row["principal"]]
    return ", ".join(others) or "-"


def _principals(api: Api, given: list[str]) -> list[str]:
    """Find the principals of names; a name that is not known is no new person."""
    if all(_PRINCIPAL.fullmatch(each) for each in given):
        return given
    known = {row["name"]: str(row["principal"]) for row in api.read(_PEOPLE)["data"]}
    found = []
    for each in given:
        principal = each if _PRINCIPAL.fullmatch(each) else known.get(each)
        if principal is None:
            raise click.UsageError(
                f"no person called {each!r} is known; 'rollbook person list' shows who "
                "is, and only people are linked"
            )
        found.append(principal)
    return found
