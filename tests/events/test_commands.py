"""Do requests cross a wire unchanged, and is each content recognised again?"""

import types
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from rollbook import commands
from rollbook.commands.command import Command, content_digest
from rollbook.commands.promotion import RequestPromotion
from rollbook.commands.version import RetireVersion
from rollbook.commands.wire import AnyCommand, Request
from rollbook.names import CommandId, ModelName, Reason, StageName, Version
from tests.support.strategies import instances


def united(hint: Any) -> Iterator[type[Command]]:
    """List the classes of a union, through unions inside it."""
    if get_origin(hint) is Annotated:
        yield from united(get_args(hint)[0])
    elif get_origin(hint) in (Union, types.UnionType):
        for each in get_args(hint):
            yield from united(each)
    else:
        yield hint


COMMANDS = list(united(AnyCommand))
FORBIDDEN = {"actor", "at", "time", "principal_id", "authid", "roles_of"}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda each: each.__name__)
@given(data=st.data())
@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow])
def test_every_command_crosses_the_wire_unchanged(
    command: type[Command], data: st.DataObject
) -> None:
    asked = data.draw(instances(command))
    request = Request(id=CommandId("c-1"), command=asked)
    again = Request.model_validate_json(request.model_dump_json())
    assert again == request
    assert type(again.command) is command
    actor = "svc:ci"
    assert content_digest(again.command, actor=actor) == content_digest(
        asked, actor=actor
    )


def declared(parent: type[Command]) -> Iterator[type[Command]]:
    """List the commands that are declared anywhere."""
    for found in iter_modules(commands.__path__, prefix=f"{commands.__name__}."):
        import_module(found.name)
    for each in parent.__subclasses__():
        yield from [each] if "command" in each.model_fields else declared(each)


def test_every_command_can_be_asked_over_the_wire() -> None:
    everything = [each.__name__ for each in declared(Command)]
    assert sorted(everything) == sorted(each.__name__ for each in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda each: each.__name__)
def test_a_command_is_named_as_its_class(command: type[Command]) -> None:
    assert command.model_fields["command"].default == command.__name__


@pytest.mark.parametrize("command", COMMANDS, ids=lambda each: each.__name__)
def test_no_command_says_who_asks_or_when(command: type[Command]) -> None:
    assert not FORBIDDEN & command.model_fields.keys()


def retire(reason: str = "old") -> RetireVersion:
    return RetireVersion(
        model=ModelName("churn"), version=Version(1), reason=Reason(reason)
    )


def test_the_same_request_of_the_same_actor_has_one_digest() -> None:
    digest = content_digest(retire(), actor="svc:ci")
    assert digest == content_digest(retire(), actor="svc:ci")
    assert digest != content_digest(retire(), actor="svc:other")
    assert digest != content_digest(retire("bad"), actor="svc:ci")


def test_a_digest_does_not_depend_on_what_was_left_out() -> None:
    stage, version = StageName("staging"), Version(1)
    short = RequestPromotion(model=ModelName("churn"), stage=stage, version=version)
    long = RequestPromotion(
        model=ModelName("churn"),
        stage=stage,
        version=version,
        expected_incumbent="any",
        reason=None,
    )
    assert content_digest(short, actor="a") == content_digest(long, actor="a")


def test_what_nobody_asks_for_is_refused() -> None:
    body = retire().model_dump() | {"actor": "svc:root"}
    with pytest.raises(ValidationError):
        Request.model_validate({"id": "c-1", "command": body})
    with pytest.raises(ValidationError):
        Request.model_validate({"id": "c-1", "command": {"command": "DropLedger"}})
