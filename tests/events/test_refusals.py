"""Every no has words that say what was refused and what to do next, and a code."""

import inspect
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from pkgutil import iter_modules
from typing import Annotated, Any, Final

import pytest
from pydantic import AllowInfNan, TypeAdapter, ValidationError

import rollbook
from rollbook.commands.access import RevokeToken
from rollbook.commands.model import ModelCommand, RegisterModel
from rollbook.names import ModelName, TokenId
from rollbook.names import Reason as Why
from rollbook.problems import CODES, code_of
from rollbook.refusals import Reason, Refusal, invalid

AT: Final = datetime(2026, 11, 24, 9, tzinfo=UTC)
SAMPLES: Final[dict[str, Any]] = {
    "faults": [
        {"loc": ("command", "MoveAlias", "alias"), "msg": "takes 100 characters"}
    ],
    "roles": ["publisher", "release-manager"],
    "open_roles": ["reviewer"],
    "stages": ["staging", "production"],
    "targets": ["default"],
    "gates": ["sign-off"],
    "changed": ["evidence"],
    "barred": ["staging"],
    "by": "prn:aaaaaaaaaaaaa",
    "lanes": ["staging"],
    "aliases": ["champion"],
    "promotions": [7],
    "tried": [(3, "retired")],
    "succeeded": [1, 2],
    "current": (3, 4),
    "remedy": "takes 100 characters",
    "at": AT,
    "since": AT,
    "until": AT,
    "waiting": True,
    "errors": [{"path": "spec", "line": 2, "message": "empty", "remedy": "add it"}],
    "ties": [("acme/*", "acme/fraud-*")],
}
NUMBERS: Final = (
    "version newest promotion expected attempts size_bytes limit_bytes needed"
)


def worded() -> Iterator[Any]:
    """Find the functions that word a no, in whichever file they stand."""
    for found in iter_modules(rollbook.__path__, prefix=f"{rollbook.__name__}."):
        if found.ispkg:
            continue
        for _, each in inspect.getmembers(import_module(found.name), is_wording):
            if each.__module__ == found.name:
                yield each


def is_wording(each: object) -> bool:
    if not inspect.isfunction(each):
        return False
    return inspect.signature(each).return_annotation in (Refusal, "Refusal")


def said(function: Any) -> Refusal:
    given = {}
    for name in inspect.signature(function).parameters:
        number = name in (*NUMBERS.split(), "token", "revision")
        given[name] = SAMPLES.get(name, 7 if number else "something")
    if function.__name__ == "version_quarantined":
        given["by"] = ["prn:aaaaaaaaaaaaa"]
    refusal: Refusal = function(**given)
    return refusal


ALL: Final = list(worded())


@pytest.mark.parametrize("function", ALL, ids=lambda each: str(each.__name__))
def test_a_no_says_what_was_refused_and_what_to_do(function: Any) -> None:
    refusal = said(function)
    assert len(refusal.message) > 25
    assert any(mark in refusal.message for mark in (";", ":", ","))
    assert "None" not in refusal.message
    assert TypeAdapter(dict[str, Any]).dump_json(dict(refusal.detail))


def test_every_reason_has_words_and_a_code() -> None:
    assert {said(each).reason for each in ALL} == set(Reason)
    assert {code_of(reason) for reason in Reason} <= set(CODES)


def test_every_fault_is_named_with_its_path() -> None:
    faults = [
        {"loc": ("command", "RegisterVersion", "metrics", "auc"), "msg": "not finite"},
        {"loc": ("id",), "msg": "too long"},
    ]
    assert invalid(faults).message == "metrics.auc: not finite; id: too long"


@pytest.mark.parametrize(
    ("command", "remedy"),
    [
        (RevokeToken(token=TokenId("a" * 16), reason=Why("x")), "rollbook token list"),
        (RegisterModel(model=ModelName("a")), "team/name"),
    ],
)
def test_a_malformed_name_says_how_it_is_spelled(command: Any, remedy: str) -> None:
    field = "token" if isinstance(command, RevokeToken) else "model"
    wrong = {**command.model_dump(mode="json"), field: "no such!"}
    with pytest.raises(ValidationError) as caught:
        type(command).model_validate(wrong)
    message = invalid(caught.value.errors()).message
    assert remedy in message
    assert "String should match" not in message


def test_a_number_that_is_none_says_what_to_do_without_it() -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Annotated[float, AllowInfNan(False)]).validate_python(float("nan"))
    message = invalid([{**caught.value.errors()[0], "loc": ("metrics", "auc")}]).message
    assert message.startswith("metrics.auc: ")
    assert "leave the number out" in message


@pytest.mark.parametrize("name", ["artifact", "label", "version"])
def test_what_identifies_a_version_is_not_amended(name: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(ModelCommand).validate_python(
            {
                "command": "AmendVersion",
                "model": "fraud",
                "version": 1,
                "fields": {name: "other"},
                "reason": "typo",
            }
        )
    refusal = invalid(caught.value.errors())
    assert refusal.reason is Reason.IMMUTABLE_FIELD
    assert refusal.detail == {"path": name}
