"""How does an aggregate become one literal NATS subject, and back?

Every byte outside `A-Z a-z 0-9 _ -` is percent-encoded, so that `.`, `*`, `>`,
space and line ends cannot occur in a token (design/ledger.md §7). An aggregate
is written as its subject without the prefix: `model.fraud.scorer`, `access`.
"""

import re
from functools import lru_cache
from typing import Final, NewType
from urllib.parse import unquote

from rollbook.names import DEFAULT_TEAM, ModelName

Aggregate = NewType("Aggregate", str)

PREFIX: Final = "rollbook.ledger."
EVERYTHING: Final = "rollbook.ledger.>"
ACCESS: Final = Aggregate("access")
POLICIES: Final = Aggregate("policies")
CALENDAR: Final = Aggregate("calendar")
BUNDLES: Final = Aggregate("bundles")
FLEET: Final = Aggregate("fleet")
KEYS: Final = Aggregate("keys")
LONGEST_TOKEN: Final = 128

# By the noun of an event's name; what is not here happens to a model.
_HOMES: Final = {
    "token": ACCESS,
    "identity": ACCESS,
    "policy": POLICIES,
    "freeze": CALENDAR,
    "bundle": BUNDLES,
    "agent": FLEET,
    "ledger": KEYS,
}
_PLAIN: Final = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
)
_TOKEN: Final = r"(?:[A-Za-z0-9_-]|%[0-9A-F]{2}){1,128}"
_GRAMMAR: Final = re.compile(
    rf"(?:model\.{_TOKEN}\.{_TOKEN}|policies|calendar|bundles|access|fleet|keys)"
)


def token(text: str) -> str:
    """Encode one name as one subject token; ValueError when it is empty or long."""
    encoded = "".join(
        chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in text.encode()
    )
    if not 1 <= len(encoded) <= LONGEST_TOKEN:
        raise ValueError(f"a name takes 1 to {LONGEST_TOKEN} bytes once encoded")
    return encoded


def model(name: ModelName) -> Aggregate:
    """Name the aggregate of a model; a name without a team lives in `default`."""
    team, _, own = name.rpartition("/")
    return Aggregate(f"model.{token(team or DEFAULT_TEAM)}.{token(own)}")


def model_name(aggregate: str) -> ModelName | None:
    """Read the model's name back, or None when the aggregate is no model."""
    kind, _, rest = aggregate.partition(".")
    if kind != "model":
        return None
    team, _, own = (unquote(part) for part in rest.partition("."))
    return ModelName(own if team == DEFAULT_TEAM else f"{team}/{own}")


def subject(aggregate: Aggregate) -> str:
    """Spell the NATS subject of an aggregate."""
    return PREFIX + aggregate


@lru_cache(maxsize=1024)
def home(recorded_as: str) -> Aggregate | None:
    """Name the one aggregate an event is recorded on; None: on its model."""
    return _HOMES.get(recorded_as.partition(".")[0])


def is_at_home(recorded_as: str, aggregate: str) -> bool:
    """Tell whether an event is recorded where it belongs."""
    only = home(recorded_as)
    return aggregate.startswith("model.") if only is None else aggregate == only


def is_aggregate(text: str) -> bool:
    """Tell whether this is an aggregate as the ledger may hold it."""
    return _GRAMMAR.fullmatch(text) is not None
