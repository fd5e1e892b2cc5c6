"""Is what the fast way writes what the reference writes, byte for byte?"""

import base64
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from rollbook import canonical, codec

NUMBERS = (
    st.integers(-(2**54), 2**54)
    | st.floats()
    | st.floats(1e-8, 1e-2)
    | st.floats(1e12, 1e22)
    | st.decimals(-1000, 1000, places=4).map(float)
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def outcome(write: Any, value: object) -> bytes | type[Exception]:
    try:
        written: bytes = write(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        return type(error)
    return written


@given(VALUES)
@example({"\ue000": 1, "\U00010000": 2})
@example({"\ud7ff": 1, "\U00010000": 2})
@example({"é": 1, "z": 2, "": 3})
@example('\x00\x1f\x7f\b\t\n\f\r"\\/\u2028é€😀')
@example([0.0, -0.0, 1.0, 1e21, 1e-7, 1e-6, 123456.789, 5e-324, 0.00012])
@example([2**53 - 1, -(2**53) + 1])
@example(2**53)
@example(float("nan"))
@example("\ud800")
@example({1: "one"})
@example(("a", [1, (True, None)]))
def test_the_fast_way_writes_what_the_reference_writes(value: object) -> None:
    assert outcome(canonical.dumps, value) == outcome(rfc8785.dumps, value)


@pytest.mark.parametrize("exponent", range(-12, 23))
@given(st.floats(1, 10, exclude_max=True))
def test_fractions_of_any_size_are_written_alike(exponent: int, digits: float) -> None:
    value = [digits * 10.0**exponent, round(digits, 3) * 10.0**exponent]
    assert canonical.dumps(value) == rfc8785.dumps(value)


@given(st.dictionaries(st.text(), VALUES), st.binary(min_size=64, max_size=64))
@example({"source": '"source":', "x": '","source":"'}, bytes(64))
def test_a_signature_is_cut_in_where_it_would_have_been_written(
    data: dict[str, Any], signature: bytes
) -> None:
    event: dict[str, Any] = {"source": "//o", "subject": "s", "time": "t"}
    fields = {**event, "rev": 1, "data": data}
    try:
        message = codec.message_to_sign(fields)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError):
        return
    sig = base64.b64encode(signature).decode()
    body = codec.with_signature(message, signature)
    assert body == rfc8785.dumps({**fields, "sig": sig})
