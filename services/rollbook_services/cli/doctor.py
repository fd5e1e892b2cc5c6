"""Is everything well? `rollbook doctor` checks and says how to mend it."""

import click

from rollbook_services.cli.call import Call, command
from rollbook_services.cli.output import Column


@command("doctor")
def doctor(call: Call) -> int:
    """Check server, streams, views and the record; exit 1 where something is wrong."""
    answer = call.api().read("/v1/doctor")
    found = answer.get("data", answer)
    checks = found.get("checks", found) if isinstance(found, dict) else found
    columns = [
        Column("CHECK", lambda row: row.get("name")),
        Column("", lambda row: "ok" if row.get("ok") else "WRONG"),
        Column("FOUND", lambda row: row.get("detail")),
        Column("FIX", lambda row: None if row.get("ok") else row.get("fix")),
    ]
    call.output.rows(
        {**answer, "data": checks},
        columns,
        name=lambda row: str(row.get("name")),
        empty="no check was made",
    )
    wrong = [check for check in checks if not check.get("ok")]
    if wrong:
        click.echo(f"{len(wrong)} of {len(checks)} checks found something", err=True)
    return 1 if wrong else 0
