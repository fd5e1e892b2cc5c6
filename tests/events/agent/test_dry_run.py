"""Does a dry run show what would be done, and do nothing?"""

import asyncio
import sys

import pytest

from rollbook.agent.dry_run import show
from rollbook.commands.desired import ONLY_LOOKS
from rollbook.errors import Unavailable
from tests.support.agents import (
    STAGE,
    TARGET,
    EdgeSite,
    desired_set,
    process,
    running,
)

COMMAND = "from rollbook_services.cli.entry import main; main()"
APPLIED = (("acknowledged", 1, None), ("applied", 1, None))


async def test_the_plan_of_each_model_is_shown_and_nothing_is_done(
    site: EdgeSite,
) -> None:
    one, two = site.artifact(b"one"), site.artifact(b"two", 2)
    await site.desire(desired_set(one))
    await site.desire(desired_set(two), model="acme/other")
    lines = await show(site.settings())
    said = "\n".join(lines)
    assert lines[0].startswith(f"acme/fraud#{STAGE}  acme/fraud@1   revision 1")
    assert one.digest in said
    assert two.digest in said
    assert site.said() == []
    assert not site.root.exists()
    assert {each.session for each in site.leases} == {ONLY_LOOKS}


async def test_where_nothing_is_to_be_done_it_says_so_beside_the_agent(
    site: EdgeSite,
) -> None:
    await site.desire(desired_set(site.artifact(b"one")))
    async with running(site.settings()):
        await site.until_said(*APPLIED)
        lines = await show(site.settings())
    assert lines[1:] == ["  nothing is to be done"]


async def test_what_cannot_be_done_is_said(site: EdgeSite) -> None:
    one, two = site.artifact(b"one"), site.artifact(b"two", 2)
    await site.desire(desired_set(one, canary=(two, 10)))
    lines = await show(site.settings())
    assert lines[1].startswith("  it cannot be done: unsupported_strategy")


async def test_an_old_document_would_change_nothing(site: EdgeSite) -> None:
    key = await site.desire(desired_set(site.artifact(b"one")))
    old = (await site.bucket.get(key)).value or b""
    await site.desire(desired_set(site.artifact(b"two", 2), revision=2))
    async with running(site.settings()):
        await site.until(lambda: ("applied", 2, None) in site.said())
    await site.store(key, old)
    [line] = await show(site.settings())
    assert "nothing would change" in line


async def test_where_nobody_knows_a_document_it_is_said(site: EdgeSite) -> None:
    site.leasing = lambda asked, token: None
    with pytest.raises(Unavailable, match="which documents there are"):
        await show(site.settings())


async def test_it_is_a_flag_of_the_command_line(site: EdgeSite) -> None:
    await site.desire(desired_set(site.artifact(b"one")))
    async with process(site.credentials(), site.root, ["--dry-run"]) as looking:
        said, _ = await looking.communicate()
    assert looking.returncode == 0
    assert said.startswith(b"acme/fraud#production  acme/fraud@1")


async def test_both_command_lines_say_the_same(site: EdgeSite) -> None:
    await site.desire(desired_set(site.artifact(b"one")))
    config = site.folder / "agent.toml"
    config.write_text(
        f'stage = "{STAGE}"\ntarget = "{TARGET}"\nroot = "{site.root}"\n'
        f'credentials = "{site.credentials()}"\n[driver]\nname = "symlink"\n'
    )
    flags = ["--config", str(config), "--dry-run"]
    said = [
        await _said("-m", "rollbook.agent", *flags),
        await _said("-c", COMMAND, "agent", "run", *flags),
    ]
    assert said[0] == said[1]
    assert said[0].startswith(b"acme/fraud#production")


async def _said(*arguments: str) -> bytes:
    made = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await made.communicate()
    assert made.returncode == 0
    return said
