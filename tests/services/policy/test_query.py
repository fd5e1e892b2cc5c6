"""A query says where what is known of a change goes."""

from rollbook_services.policy.query import PLACEHOLDERS, unknown


def test_every_placeholder_is_known() -> None:
    assert unknown(" ".join(f"${name}" for name in sorted(PLACEHOLDERS))) == []


def test_what_belongs_to_the_query_is_left_to_it() -> None:
    assert unknown('label_replace(up, "a", "$1", "b", "^(.*)$") and x =~ "y$|z$"') == []


def test_every_other_word_is_named_as_it_is_written() -> None:
    assert unknown("$versions $Version ${stage} $model_x") == [
        "$versions",
        "$Version",
        "${stage}",
        "$model_x",
    ]
