"""Which words is a CEL expression made of?

Stricter than CEL where two readers could disagree: no triple quotes, no bytes, no
control characters. So nothing hides in what this takes for a string or a comment.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final


class Kind(StrEnum):
    """What a token is."""

    NAME = "name"
    TEXT = "text"
    INTEGER = "integer"
    DOUBLE = "double"
    SIGN = "sign"
    STRANGE = "strange"
    """Nothing that this reads; the expression is refused."""


@dataclass(frozen=True, slots=True)
class Token:
    """One word of an expression; `begin` and `end` count characters."""

    kind: Kind
    text: str
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Script:
    """An expression as its words."""

    text: str
    tokens: tuple[Token, ...]
    partner: Mapping[int, int]
    """The place of each bracket's other half; unbalanced ones have none."""

    def word(self, at: int) -> str:
        """Return the word at a place, or nothing beyond both ends."""
        return self.tokens[at].text if 0 <= at < len(self.tokens) else ""

    def kind(self, at: int) -> Kind | None:
        """Return the kind of the word at a place."""
        return self.tokens[at].kind if 0 <= at < len(self.tokens) else None

    def is_name(self, at: int) -> bool:
        """Tell whether a name stands at a place."""
        return self.kind(at) is Kind.NAME

    def joined(self, begin: int, end: int) -> str:
        """Write the words from one place up to another without spaces."""
        return "".join(token.text for token in self.tokens[begin:end])

    def written(self, begin: int, end: int) -> str:
        """Return the words from one place up to another as they were written."""
        if begin >= end:
            return ""
        return self.text[self.tokens[begin].begin : self.tokens[end - 1].end]


CLOSES: Final = {")": "(", "]": "[", "}": "{"}
_TOKEN: Final = re.compile(
    r"""
      (?P<space>[ \t\n]+|//[^\x00-\x08\x0b-\x1f\n]*)
    | (?P<text>[rR](?:"[^"\x00-\x1f]*"|'[^'\x00-\x1f]*')
          |"(?:[^"\\\x00-\x1f]|\\[^\x00-\x1f])*"|'(?:[^'\\\x00-\x1f]|\\[^\x00-\x1f])*')
    | (?P<double>\d*\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)
    | (?P<integer>0[xX][0-9a-fA-F]+[uU]?|\d+[uU]?)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<sign>&&|\|\||[<>=!]=|[-+*/%<>!?:.,()\[\]{}])
    | (?P<strange>.)
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)


@lru_cache(maxsize=4096)
def read(text: str) -> Script:
    """Split an expression into words; every text has some."""
    tokens = tuple(_tokens(text))
    return Script(text, tokens, _partners(tokens))


def _tokens(text: str) -> Iterator[Token]:
    before: Token | None = None
    for found in _TOKEN.finditer(text):
        if found.lastgroup is None or found.lastgroup == "space":
            continue
        kind = Kind(found.lastgroup)
        # b'', '''…''' and the like: one literal for CEL, two words for this reader.
        if kind is Kind.TEXT and before is not None and before.end == found.start():
            kind = Kind.STRANGE if before.kind is not Kind.SIGN else kind
        before = Token(kind, found.group(), found.start(), found.end())
        yield before


def _partners(tokens: Sequence[Token]) -> dict[int, int]:
    partner: dict[int, int] = {}
    opened: list[int] = []
    for at, token in enumerate(tokens):
        if token.kind is not Kind.SIGN:
            continue
        if token.text in CLOSES.values():
            opened.append(at)
        elif token.text in CLOSES:
            if not opened or tokens[opened[-1]].text != CLOSES[token.text]:
                return partner  # what follows cannot be told; it does not compile
            partner[at] = opened.pop()
            partner[partner[at]] = at
    return partner
