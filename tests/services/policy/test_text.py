"""A policy file means one thing to every reader, or it is refused with its line."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook_services.policy.text import LARGEST_TEXT, Written, parse, write
from tests.services.policy.written import EXAMPLE, told

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
numbers = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(
    allow_nan=False, allow_infinity=False
)
tricky = st.sampled_from(
    [
        *("yes", "No", "on", "off", "y", "null", "~", "Null", "true", "TRUE", ""),
        *("010", "1:30", "0x1f", "1e5", "1_000", ".5", "-", "=", "<<", "1.0", "+1"),
        *("2026-01-05", "2026-01-05T09:00", "a: b", "a #b", "@a", "*a", "&a", "!a"),
        *("\x85", "\u2028", "\ufeff", " a", "a ", "a\nb", "- a", "? a", "%a", "---"),
    ]
)
words = texts | tricky
values = st.recursive(
    words | numbers | st.booleans() | st.none(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4)
    ),
    max_leaves=12,
)
documents = st.dictionaries(words, values, max_size=5)


def read(text: str) -> dict[str, Any]:
    written = parse(text)
    assert isinstance(written, Written), told(written)
    return written.document


def faults(text: str) -> list[str]:
    written = parse(text)
    assert not isinstance(written, Written), written.document
    return told(written)


@given(documents)
def test_what_is_written_reads_the_same(document: dict[str, Any]) -> None:
    again = read(write(document))
    assert again == document
    assert repr(again) == repr(document)  # 1 is neither 1.0 nor true


def test_a_document_that_indents_too_far_is_written_flat() -> None:
    document: dict[str, Any] = {"spec": [[[[["a" * 8] * 20] * 20]] * 4]}
    assert len(write(document).encode()) < LARGEST_TEXT
    assert read(write(document)) == document


@given(st.text())
def test_no_text_is_too_strange_to_be_answered(text: str) -> None:
    parse(text)


signs = st.sampled_from([*"[]{},:-?&*!|>'\"%@`#\n\t ~", "a", "\\", "<<", "\\U00110000"])


@given(st.lists(signs, max_size=40).map("".join))
def test_no_signs_are_too_strange_to_be_answered(text: str) -> None:
    parse(text)


def test_everything_has_a_line() -> None:
    written = parse("a: 1\nb:\n  - c\n  - {d: e,\n     f: g}\n")
    assert isinstance(written, Written)
    lines = {path: written.line_of(path) for path in ("a", "b", "b[0]", "b[1].f")}
    assert lines == {"a": 1, "b": 2, "b[0]": 3, "b[1].f": 5}


def test_what_is_not_there_is_on_the_line_around_it() -> None:
    written = parse("a: 1\nb:\n  - c: d\n")
    assert isinstance(written, Written)
    assert written.line_of("b[0].kind") == 3
    assert written.line_of("b[7]") == 2
    assert written.line_of("z.y") == 1


def test_the_example_of_the_design_is_read() -> None:
    document = read(EXAMPLE)
    assert document["spec"]["stages"][1]["windows"][1]["start"] == "2026-12-18T00:00"
    assert read(write(document)) == document


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("10", 10),
        ("-3", -3),
        ("0", 0),
        ("0.5", 0.5),
        ("-1.50", -1.5),
        ("2026-01-05", "2026-01-05"),
        ("2026-01-05T09:00:00Z", "2026-01-05T09:00:00Z"),
        ("30m", "30m"),
        ("80%", "80%"),
        ("1.2.3", "1.2.3"),
        ('"off"', "off"),
        ("'010'", "010"),
        ('"null"', "null"),
        ("|\n  yes", "yes"),
    ],
)
def test_a_word_means_what_everybody_takes_it_for(word: str, value: object) -> None:
    said = read(f"a: {word}")["a"]
    assert said == value
    assert type(said) is type(value)


@pytest.mark.parametrize(
    "word",
    [
        *("yes", "No", "on", "OFF", "y", "N", "True", "FALSE", "~", "Null"),
        *("010", "0o17", "0x1F", "0b1", "1_000", "+1", "-0", "1:30", "09:00"),
        *(".5", "5.", "1e5", "1.5E-3", ".inf", "-.INF", ".nan"),
    ],
)
def test_a_word_that_two_readers_take_for_two_things_is_refused(word: str) -> None:
    (fault,) = faults(f"b: c\na: {word}")
    assert fault.startswith(f"a, line 2: `{word}` ")
    assert fault.endswith(f'write it in quotation marks: "{word}"')


def test_a_key_is_no_truth_value_either() -> None:
    (fault,) = faults("on: push")
    assert fault.startswith("on, line 1: `on` is a truth value to some readers")
    assert faults("1: a") == [
        "1, line 1: the key `1` is no text; write it in quotation marks"
    ]


def test_a_number_that_the_ledger_cannot_hold_is_refused() -> None:
    for number in ("9007199254740992", "9" * 5000, "9" * 400 + ".0"):
        (fault,) = faults(f"a: {number}")
        assert "is larger than the ledger can hold; write a smaller number" in fault


def test_nothing_is_not_null() -> None:
    assert faults("a:\nb: 1") == [
        "a, line 1: nothing is written here; write a value, or leave the key out"
    ]


def test_a_key_stands_once() -> None:
    assert faults("a:\n  b: 1\n  c: 2\n  b: 1\n") == [
        "a.b, line 4: `b` is written twice, first on line 2; keep one of the two"
    ]


def test_nothing_is_repeated_or_brought_in_from_elsewhere() -> None:
    assert faults("a: &x {c: 1}\nb: *x\nd:\n  <<: {e: 1}\n") == [
        "a, line 1: `&x` names a place to be repeated; "
        "write the value out where it is needed",
        "b, line 2: `*x` repeats another place; write the value out where it is needed",
        "d.<<, line 4: `<<` brings in keys of another place; "
        "write out the keys that it would bring",
    ]


@pytest.mark.parametrize("tagged", ["!!str 5", "!x 5", "! 5", "!!map {}", "!!set [a]"])
def test_no_tag_changes_a_type(tagged: str) -> None:
    (fault,) = faults(f"a: {tagged}")
    assert fault.startswith("a, line 1: `")
    assert "leave the tag out; for a text write it in quotation marks" in fault


def test_a_file_is_one_policy() -> None:
    assert faults("a: 1\n---\nb: 2\n") == [
        "line 2: a second document starts; use one file each"
    ]
    for text in ("", "# only a comment", "text", "- a\n- b"):
        assert faults(text) == [
            "line 1: the file holds no policy; start it with `apiVersion: rollbook/v1`"
        ]


def test_a_key_is_one_word() -> None:
    (fault,) = faults("? [a, b]\n: c")
    assert fault == "line 1: a key is a single word; write a word before `:`"


def test_what_is_no_yaml_is_told_with_its_line() -> None:
    for text in (
        "a: 1\nb: [1,\n",
        "a: 1\n\tb: 2\n",
        "a: 1\nb: c: d\n",
        "a: 1\nb: @c\n",
    ):
        *_, fault = faults(text)
        assert fault.startswith(("line 2: ", "line 3: "))
        assert "correct the indentation or the signs" in fault


def test_faults_before_broken_yaml_are_told_too() -> None:
    first, second = faults("a: yes\nb: [\n")
    assert first.startswith("a, line 1: `yes`")
    assert second.startswith("line 3: ")


def test_characters_are_whole_and_meant_for_files() -> None:
    escaped = "write the character itself in place of its number"
    for code in ("\\U00110000", "\\UFFFFFFFF"):
        assert faults(f'a: 1\nb: "{code}"') == [
            f"line 2: an escape names no character; {escaped}"
        ]
    assert faults('a: "\\ud800"') == [
        f"a, line 1: an escape names half a character; {escaped}"
    ]
    assert faults("a: 1\nb: \x00") == [
        "line 2: a character that no text file holds; "
        "leave it out, or write it as an escape in quotation marks"
    ]
    (fault,) = faults("a: \ud800")
    assert fault.startswith("line 1: a character that no text file holds")


def test_a_file_is_small_and_flat() -> None:
    (fault,) = faults("a: " + "b" * LARGEST_TEXT)
    assert fault == (
        f"the file has {LARGEST_TEXT + 3} bytes, at most {LARGEST_TEXT} are read; "
        "split it into several policies"
    )
    (fault,) = faults("[" * 20_000)
    assert fault == "line 1: it is nested too deeply; write it flatter"


def test_what_no_file_can_hold_is_not_written() -> None:
    for number in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="no number of a policy"):
            write({"a": number})
