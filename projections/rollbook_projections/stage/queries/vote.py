"""Which votes were cast on a promotion, and which of them stand?"""

from rollbook_projections.stage.tables.approval import VOTES
from rollbook_projections.view import Row, View, is_one_of

Key = tuple[str, int]


def votes_of(view: View, keys: list[Key]) -> dict[Key, list[Row]]:
    """Return votes by promotion, in the order they were cast.

    `live` is a vote that was neither taken back nor voided nor refused, and after
    which the voter said nothing else. Whether it is about what is there now, its
    binding tells.
    """
    where = is_one_of(VOTES, "promotion", keys)
    shown: dict[Key, list[Row]] = {}
    for row in view.rows(VOTES, where, order_by=[VOTES.c.voted_seq]):
        key = row.pop("model"), row.pop("promotion")
        earlier = shown.setdefault(key, [])
        row["live"] = _stands(row)
        if row["refused"] is None:
            _replace(earlier, row)
        earlier.append(row)
    return shown


def is_cast(vote: Row) -> bool:
    """Tell whether it is a yes or a no that stands."""
    return bool(vote["live"]) and vote["vote"] != "request-changes"


def _stands(row: Row) -> bool:
    gone = (row["withdrawn_at"], row["voided_at"], row["refused"])
    return all(each is None for each in gone)


def _replace(earlier: list[Row], row: Row) -> None:
    """Let a voter's word take the place of what the same voter said before."""
    asks_for_more = row["vote"] == "request-changes"
    for each in earlier:
        is_same_gate = asks_for_more or each["gate"] == row["gate"]
        if each["voter"] == row["voter"] and is_same_gate:
            each["live"] = False
