"""What is an expression refused for before the engine sees it?

Seen without these: 20,000 terms killed the process, deep calls panicked, three nested
macros ran for seconds and held the interpreter's lock (design/promotion.md §3.1).
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from rollbook_services.policy.expression.tokens import CLOSES, Kind, Script, read

MOST_BYTES: Final = 1024
DEEPEST: Final = 12  # brackets; with 150 terms it fits a stack of 192 KiB
MOST_TERMS: Final = 150  # names and literals
MOST_PATTERNS: Final = 4  # compiling one takes up to 40 ms
MOST_ITEMS: Final = 200
LONGEST_STRING: Final = 256  # bytes
MACROS: Final = frozenset({"all", "exists", "exists_one", "existsOne", "map", "filter"})
_INSTEAD: Final = {
    "=": "write == to compare",
    "&": "write && for and",
    "|": "write || for or",
    "`": 'write metrics["name"] for a name with other characters',
}


def over(text: str) -> list[str]:
    """Say which caps an expression breaks, and what to write instead."""
    # Before anything keeps or reads it.
    if len(text) > MOST_BYTES:
        return [_too_long(f"{len(text):,} characters")]
    return list(_over(text))


@lru_cache(maxsize=4096)
def _over(text: str) -> tuple[str, ...]:
    size = len(text.encode(errors="surrogatepass"))
    if size > MOST_BYTES:
        return (_too_long(f"{size:,} bytes"),)
    script = read(text)
    if strange := tuple(_strange(script)):
        return strange
    return (*_too_large(script), *_inside_macros(script), *_patterns(script))


def _too_long(size: str) -> str:
    return f"is {size} long, at most {MOST_BYTES:,} bytes: make several gates of it"


def _strange(script: Script) -> Iterator[str]:
    for token in script.tokens:
        if token.kind is Kind.STRANGE:
            advice = "write strings in plain quotes, everything else in ASCII"
            advice = _INSTEAD.get(token.text, advice)
            yield f"cannot be read at character {token.begin + 1}: {advice}"
            return
    if any("\ud800" <= character <= "\udfff" for character in script.text):
        yield "holds half a character: write it as UTF-8"


def _too_large(script: Script) -> Iterator[str]:
    terms = deepest = depth = 0
    for token in script.tokens:
        terms += token.kind is not Kind.SIGN
        if token.kind is Kind.SIGN:
            depth += (token.text in CLOSES.values()) - (token.text in CLOSES)
            deepest = max(deepest, depth)
    if terms > MOST_TERMS:
        yield (
            f"has {terms} names and literals, at most {MOST_TERMS}: "
            "make several gates of it"
        )
    if deepest > DEEPEST:
        yield f"nests {deepest} brackets, at most {DEEPEST}: leave out some"


def macros(script: Script) -> Iterator[tuple[int, int]]:
    """Find each macro: the place of its name, and where its arguments end."""
    for at in range(len(script.tokens)):
        is_called = script.is_name(at) and script.word(at + 1) == "("
        if is_called and script.word(at) in MACROS:
            # Without an end nothing compiles; to be safe it reaches to the last word.
            yield at, script.partner.get(at + 1, len(script.tokens))


def _inside_macros(script: Script) -> Iterator[str]:
    spans = list(macros(script))
    names = {at for at, _ in spans}
    for at, end in spans:
        outer = script.word(at)
        inside = range(at + 2, end)
        inner = [script.word(place) for place in inside if place in names]
        if inner:
            yield f"{inner[0]}() stands inside {outer}(): make two gates of it"
        words = {
            script.word(place)
            for place in inside
            if script.kind(place) is not Kind.TEXT
        }
        if "matches" in words:
            yield (
                f"matches() stands inside {outer}(): write startsWith(), "
                "endsWith(), contains() or =="
            )
        if "+" in words:
            yield f"+ stands inside {outer}(): compare with a literal instead"


def _patterns(script: Script) -> Iterator[str]:
    places = [
        at
        for at in range(len(script.tokens))
        if script.is_name(at) and script.word(at) == "matches"
    ]
    if len(places) > MOST_PATTERNS:
        yield (
            f"calls matches() {len(places)} times, at most {MOST_PATTERNS}: "
            "make several gates of it"
        )
    for at in places:
        if script.word(at + 1) != "(":
            continue
        # A pattern out of the facts would be as heavy as whoever wrote them likes.
        if script.kind(at + 2) is not Kind.TEXT or script.word(at + 3) != ")":
            yield 'matches() takes one literal pattern: write matches("^v[0-9]+$")'
