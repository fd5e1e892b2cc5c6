"""May each noun look as it should, and in no other way?"""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from rollbook import names

GOOD: list[tuple[Any, object]] = [
    (names.ModelName, "fraud/scorer"),
    (names.ModelName, "churn"),
    (names.ModelName, "a" * 100 + "/" + "b" * 100),
    (names.ModelName, "2024/v2"),
    (names.StageName, "production"),
    (names.AliasName, "champion"),
    (names.AliasName, "v2b"),
    (names.Version, 1),
    (names.Version, names.LARGEST),
    (names.Digest, "oci-sha256:" + "0" * 64),
    (names.Principal, "prn:" + "a" * 13),
    (names.Principal, "svc:train-fraud"),
    (names.Principal, "rollbook:conductor"),
    (names.Reason, " why "),
    (names.Scalar, "x" * 2000),
    (names.Finite, 1e308),
]
_UNFIT: tuple[object, ...] = (2**53, "x" * 2001, float("inf"), [], None)
BAD: list[tuple[Any, object]] = [
    *[
        (names.ModelName, name)
        for name in (
            *("", "/", "a/", "/a", "a/b/c", "a b", "a.b", "a*", "-a", "_a", "é", "a\n"),
            *("7", "team/7", "a" * 101, "a%2Fb", ">"),
        )
    ],
    *[(names.AliasName, name) for name in ("latest", "7", "v7", "a/b", "")],
    *[(names.Version, number) for number in (0, -1, 2**53, 1.5, "x", None)],
    *[
        (names.Digest, text)
        for text in ("sha256:" + "0" * 63, "md5:" + "0" * 64, "sha256:" + "A" * 64)
    ],
    *[
        (names.Principal, text)
        for text in ("prn:short", "prn:" + "1" * 13, "svc:", "root", "svc:a b", "")
    ],
    *[(names.Reason, text) for text in ("", "   ", "x" * 501)],
    *[(names.Finite, number) for number in (float("nan"), float("inf"))],
    *[(names.Scalar, value) for value in _UNFIT],
    (names.KeyId, "ed25519:XYZ"),
    (names.CommandId, "has space"),
    (names.CommandId, "x" * 129),
    (names.TokenId, "AAAQEAYEAUDAOCAJ"),
    (names.Instant, "2026-11-20T12:00:00"),
    (names.Line, ""),
    (names.Line, "x" * 201),
]


def numbered(cases: list[tuple[Any, object]]) -> list[Any]:
    return [
        pytest.param(noun, value, id=f"{number}-{getattr(noun, '__name__', noun)}")
        for number, (noun, value) in enumerate(cases)
    ]


@pytest.mark.parametrize(("noun", "value"), numbered(GOOD))
def test_a_good_name_is_taken(noun: Any, value: object) -> None:
    TypeAdapter(noun).validate_python(value)


@pytest.mark.parametrize(("noun", "value"), numbered(BAD))
def test_a_bad_name_is_refused(noun: Any, value: object) -> None:
    if noun is names.Scalar and value == 2**53:
        # Outside the integers of RFC 8785 it is the double it would be read as.
        assert type(TypeAdapter(noun).validate_python(value)) is float
        return
    with pytest.raises(ValidationError):
        TypeAdapter(noun).validate_python(value)


def test_a_reason_is_kept_without_the_space_around_it() -> None:
    assert TypeAdapter(names.Reason).validate_python("  why \n") == "why"


def test_a_model_of_the_default_team_has_one_name() -> None:
    read = TypeAdapter(names.ModelName).validate_python
    assert read("default/fraud") == read("fraud") == "fraud"
    assert read("default/default") == "default"
    assert read("team/fraud") == "team/fraud"
    with pytest.raises(ValidationError):
        read("default/7")


def test_one_body_leaves_room_for_headers() -> None:
    assert names.LARGEST_BODY + 1024 == 32 * 1024
