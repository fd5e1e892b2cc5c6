"""Commands about tokens: `rollbook token create|list|revoke`; secrets stay here."""

import os
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click

from rollbook_services.cli.api import Api
from rollbook_services.cli.call import KEY, REASON, Call, command
from rollbook_services.cli.output import Column
from rollbook_services.cli.waiting import seconds

token = click.Group("token", help="Tokens: create, list, revoke.")
_PRINCIPAL: Final = re.compile(r"(prn|svc|rollbook):.+")
_LONGEST_SECONDS: Final = 90 * 86400
_TOKENS: Final = "/v1/access/tokens"
_SOMEBODY: Final = "svc:somebody"  # a dry run needs a name that nobody has yet


@command("create", into=token)
@click.argument("name")
@click.option(
    "--role",
    "roles",
    multiple=True,
    required=True,
    help="One of Rollbook's, or one that a policy names.",
)
@click.option("--service", is_flag=True, help="NAME is a program, not a person.")
@click.option("--stage", help="With --target: it may report for that target alone.")
@click.option("--target")
@click.option("--expires", default="90d", show_default=True, help="At most 90d.")
@click.option(
    "--file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the token there (0600) instead of showing it.",
)
@KEY
def create(
    call: Call,
    name: str,
    roles: tuple[str, ...],
    service: bool,
    stage: str | None,
    target: str | None,
    expires: str,
    file: Path | None,
    key: str | None,
) -> None:
    """Make a token for a person or a program; it is shown once and kept nowhere."""
    from rollbook.tokens import new_token

    if (stage is None) != (target is None):
        raise click.UsageError("--stage and --target go together")
    until = until_of(expires)
    _check_roles(roles, has_place=stage is not None)
    if file is not None and file.exists():
        raise click.UsageError(f"--file {file}: it exists; choose another name")
    api = call.api()
    made = new_token(secrets.token_bytes(10), secrets.token_bytes(32))
    body: dict[str, Any] = {
        "token": made.id,
        "sha256": made.sha256,
        "roles": list(roles),
        "until": until.isoformat(),
        **({"place": {"stage": stage, "target": target}} if stage else {}),
    }
    principal = _rehearsed_for(api, body, name, service=service)
    if file is not None:
        # Kept before it opens anything: a crash leaves a token nobody knows of.
        write_secret(file, made.text)
    answer = api.write(_TOKENS, {**body, "principal": principal}, key=key)
    shown = {"principal": principal, "id": made.id, "until": until.isoformat()}
    secret = {"file": str(file)} if file else {"token": made.text}
    if call.output.is_for_programs():
        call.output.facts({**answer, "data": {**shown, **secret}}, [], name=made.id)
        return
    call.output.note(
        f"token {made.id} for {name} ({principal}) as {', '.join(roles)}, "
        f"until {call.output.time(until.isoformat())}; it is shown this once"
    )
    click.echo(str(file) if file else made.text)


@command("list", into=token, reads=True)
def list_(call: Call) -> None:
    """List tokens: whose, with which roles, until when; never the secret."""
    answer = call.api().read(_TOKENS)
    columns = [
        Column("TOKEN", lambda row: row.get("token")),
        Column("PRINCIPAL", lambda row: row.get("principal")),
        Column("ROLES", lambda row: row.get("roles")),
        Column("PLACE", lambda row: row.get("place")),
        Column(
            "UNTIL",
            lambda row: call.output.time(row.get("expires_at") or row.get("until")),
        ),
        Column("ISSUED BY", lambda row: row.get("issued_by")),
        Column("REVOKED", lambda row: row.get("revoked_reason")),
    ]
    call.output.rows(
        answer, columns, name=lambda row: str(row.get("token")), empty="no token"
    )


@command("revoke", into=token)
@click.argument("id_", metavar="TOKEN")
@REASON
@KEY
def revoke(call: Call, id_: str, reason: str, key: str | None) -> None:
    """Make a token open nothing any more, by its id or by the token itself."""
    found = id_.split("_")[1] if id_.startswith("rbk_") and id_.count("_") == 2 else id_
    path = f"{_TOKENS}/{found}/revocations"
    answer = call.api().write(path, {"reason": reason}, key=key)
    call.output.done(answer, f"token {found}   revoked", name=found)


def _rehearsed_for(api: Api, body: dict[str, Any], name: str, *, service: bool) -> str:
    """Return whose token it is, if there may be such a token.

    What is refused is refused before the name of a person is kept for it.
    """
    if not (service or _PRINCIPAL.fullmatch(name)):
        api.rehearse(_TOKENS, {**body, "principal": _SOMEBODY})
    return principal_of(api, name, service=service)


def principal_of(api: Api, name: str, *, service: bool) -> str:
    """Return the principal of a program or, by their name, of a person."""
    if _PRINCIPAL.fullmatch(name):
        return name
    if service:
        return f"svc:{name}"
    answer = api.transport.post("/v1/access/people", {"name": name})
    found = answer.get("data", answer)
    return str(found["principal"])


def _check_roles(roles: Sequence[str], *, has_place: bool) -> None:
    """Refuse what no server takes; policies name roles of their own beside ours."""
    from rollbook.names import AGENT, NAME_PATTERN, ROLES

    unusable = [role for role in roles if not re.search(NAME_PATTERN, role)]
    if unusable:
        raise click.UsageError(
            f"--role {unusable[0]!r}: a role's name is of letters, digits, - and _; "
            f"there are {', '.join(ROLES)}, and those that your policies name"
        )
    if (AGENT in roles) != has_place:
        raise click.UsageError(
            "--role agent and no other takes --stage and --target: where it serves"
        )


def write_secret(path: Path, text: str) -> None:
    """Write a file that only we may read; one that exists is not overwritten."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise click.UsageError(f"--file {path}: {error.strerror}") from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text + "\n")


def until_of(expires: str, *, option: str = "--expires") -> datetime:
    """Return when a token made now ends."""
    length = seconds(expires)
    if not 0 < length <= _LONGEST_SECONDS:
        raise click.UsageError(
            f"{option}: at most 90d, so that no secret lives for ever"
        )
    return datetime.now(UTC) + timedelta(seconds=length)  # noqa: TID251
