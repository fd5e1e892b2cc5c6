"""What do the parts of a YAML text amount to, and which of them are traps?"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from rollbook_services.policy.fault import Fault
from rollbook_services.policy.scalar import Unclear, understand

QUOTE: Final = "write it in quotation marks"
CHARACTER: Final = "write the character itself in place of its number"
_DEEPEST: Final = 20
_HALF: Final = re.compile(r"[\ud800-\udfff]")  # no character of its own


class TooDeep(Exception):
    """Nobody writes a policy like this, and recursion has its limits."""

    def __init__(self, line: int) -> None:
        """Hold the line on which it gets too deep."""
        self.line = line
        super().__init__()


@dataclass(slots=True)
class Nodes:
    """What was found so far in one text."""

    faults: list[Fault] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=dict)
    depth: int = 0

    def read(self, events: Iterator[Event]) -> None:
        """Read the one document; TooDeep or what the events raise stops it."""
        next(events)  # the start of the stream
        if isinstance(next(events), StreamEndEvent):
            self._is_no_policy()
            return
        value = self._value(next(events), events, "")
        if isinstance(value, dict):
            self.document = value
        elif not self.faults:
            self._is_no_policy()
        next(events)  # the end of the document
        if isinstance(second := next(events), DocumentStartEvent):
            self._fault("", second, "a second document starts", "use one file each")

    def _fault(self, path: str, at: Event, message: str, remedy: str) -> None:
        self.faults.append(Fault(path, _line(at), message, remedy))

    def _is_no_policy(self) -> None:
        remedy = "start it with `apiVersion: rollbook/v1`"
        self.faults.append(Fault("", 1, "the file holds no policy", remedy))

    def _value(self, event: Event, events: Iterator[Event], path: str) -> Any:
        self.lines.setdefault(path, _line(event))
        self._is_plain(event, path)
        if isinstance(event, ScalarEvent):
            return self._scalar(event, path)
        if isinstance(event, AliasEvent):
            return None
        if self.depth == _DEEPEST:
            raise TooDeep(_line(event))
        self.depth += 1
        read = self._mapping if isinstance(event, MappingStartEvent) else self._sequence
        value = read(events, path)
        self.depth -= 1
        return value

    def _is_plain(self, event: Event, path: str) -> None:
        """Refuse what makes one place of the text mean another."""
        spelled_out = "write the value out where it is needed"
        if isinstance(event, AliasEvent):
            message = f"`*{event.anchor}` repeats another place"
            self._fault(path, event, message, spelled_out)
        elif isinstance(event, NodeEvent) and event.anchor is not None:
            message = f"`&{event.anchor}` names a place to be repeated"
            self._fault(path, event, message, spelled_out)
        if (tag := getattr(event, "tag", None)) is not None:
            message = f"`{tag}` changes the type of a value"
            self._fault(path, event, message, f"leave the tag out; for a text {QUOTE}")

    def _mapping(self, events: Iterator[Event], path: str) -> Any:
        read: dict[str, Any] = {}
        while not isinstance(key := next(events), MappingEndEvent):
            name = self._key(key, events, path)
            inside = f"{path}.{name}" if path else name
            if name in read:
                first = self.lines[inside]
                message = f"`{name}` is written twice, first on line {first}"
                self._fault(inside, key, message, "keep one of the two")
            self.lines.setdefault(inside, _line(key))
            read[name] = self._value(next(events), events, inside)
        return read

    def _key(self, key: Event, events: Iterator[Event], path: str) -> str:
        if not isinstance(key, ScalarEvent):
            self._fault(path, key, "a key is a single word", "write a word before `:`")
            self._value(key, events, f"{path}.?")
            return "?"
        inside = f"{path}.{key.value}" if path else str(key.value)
        self._is_plain(key, inside)
        if key.style is None and key.value == "<<":
            remedy = "write out the keys that it would bring"
            self._fault(inside, key, "`<<` brings in keys of another place", remedy)
        elif not isinstance(self._scalar(key, inside), str):
            self._fault(inside, key, f"the key `{key.value}` is no text", QUOTE)
        return str(key.value)

    def _sequence(self, events: Iterator[Event], path: str) -> Any:
        read: list[Any] = []
        while not isinstance(event := next(events), SequenceEndEvent):
            read.append(self._value(event, events, f"{path}[{len(read)}]"))
        return read

    def _scalar(self, event: ScalarEvent, path: str) -> Any:
        value = understand(event.value) if event.style is None else event.value
        if isinstance(value, Unclear):
            self._fault(path, event, value.message, value.remedy)
            return ""
        if isinstance(value, str) and _HALF.search(value):
            self._fault(path, event, "an escape names half a character", CHARACTER)
        return value


def _line(event: Event) -> int:
    return 1 if event.start_mark is None else event.start_mark.line + 1
