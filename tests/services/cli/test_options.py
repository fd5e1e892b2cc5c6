"""Has every command the options that all of them share?"""

from collections.abc import Iterator

import click
import pytest

from rollbook_services.cli.main import rollbook

LOCAL = {
    "up", "serve", "demo", "completion", "admin hand-out", "admin streams",
    "policy template",
}  # fmt: skip
READS = {
    "model list", "model show", "version list", "version show", "version compare",
    "evidence list", "alias list", "status", "inbox", "promotions", "history",
    "events list", "events show", "lineage", "token list", "why", "check", "waivers",
    "review list", "freeze list", "bundle list", "bundle show", "policy list",
    "policy show", "policy diff", "policy explain", "person list",
    "agent list", "agent show", "drift list",
}  # fmt: skip
# These speak of now, or take the ends of what they give.
TIMELESS = {
    "projection list", "doctor", "events tail", "events export", "events recompute",
    "policy lint", "policy trial", "watch",
}  # fmt: skip


def every_command() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(rollbook)
    for name in rollbook.list_commands(context):
        found = rollbook.get_command(context, name)
        assert found is not None
        if isinstance(found, click.Group):
            for below in found.list_commands(context):
                inner = found.get_command(context, below)
                assert inner is not None
                yield f"{name} {below}", inner
        else:
            yield name, found


COMMANDS = dict(every_command())


def options_of(name: str) -> set[str]:
    return {option for each in COMMANDS[name].params for option in each.opts}


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - LOCAL))
def test_every_command_takes_the_shared_options(name: str) -> None:
    shared = {
        "--url",
        "--token-file",
        "--data",
        "--output",
        "--json",
        "--tz",
        "--quiet",
    }
    assert shared <= options_of(name)


def test_every_read_takes_a_moment() -> None:
    assert {name for name in COMMANDS if "--as-of" in options_of(name)} == READS


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - LOCAL - READS - TIMELESS))
def test_every_command_that_writes_takes_a_key_for_its_retry(name: str) -> None:
    # An enrolment makes new secrets each time, so no two of them are the same request.
    keyless = {"diff", "agent run", "projection rebuild", "projection compare"}
    keyless |= {"agent enrol"}
    assert name in keyless or "--key" in options_of(name)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_says_in_a_line_what_it_does(name: str) -> None:
    found = COMMANDS[name]
    assert found.get_short_help_str(limit=200).endswith(".")
