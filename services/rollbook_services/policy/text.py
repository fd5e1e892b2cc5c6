"""What does the text of a policy file say, and on which line does it say what?

YAML without its traps: no key twice, no aliases, no tags, no word that two readers
take for different things. All faults are told at once.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml
from yaml.reader import ReaderError

from rollbook_services.policy.fault import Fault
from rollbook_services.policy.nodes import CHARACTER, QUOTE, Nodes, TooDeep
from rollbook_services.policy.scalar import understand, write_number

LARGEST_TEXT: Final = 24 * 1024  # bytes; the largest event has to hold the document


@dataclass(frozen=True, slots=True)
class Written:
    """A policy file as a plain object, with the line of everything in it."""

    document: dict[str, Any]
    lines: Mapping[str, int]
    """By path, as `spec.stages[1].name`."""

    def line_of(self, path: str) -> int:
        """Return the line of a path, or of the nearest part around it."""
        while path and path not in self.lines:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.lines.get(path, 1)


def parse(text: str) -> Written | tuple[Fault, ...]:
    """Read YAML that means one thing only, or say all that is wrong with it."""
    size_bytes = len(text.encode(errors="surrogatepass"))
    if size_bytes > LARGEST_TEXT:
        too_large = f"the file has {size_bytes} bytes, at most {LARGEST_TEXT} are read"
        return (Fault("", None, too_large, "split it into several policies"),)
    try:
        loader = yaml.SafeLoader(text)
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        remedy = "leave it out, or write it as an escape in quotation marks"
        return (Fault("", line, "a character that no text file holds", remedy),)
    nodes = Nodes()
    stopped = _read(loader, nodes)
    if nodes.faults or stopped is not None:
        return (*nodes.faults, *([stopped] if stopped else []))
    return Written(nodes.document, nodes.lines)


def write(document: Mapping[str, Any]) -> str:
    """Write a document so that `parse` reads exactly the same; ValueError if none."""
    text = _dumped(document, flow=False)
    if len(text.encode()) > LARGEST_TEXT:  # indentation is what can be spared
        return _dumped(document, flow=True)
    return text


def _read(loader: yaml.SafeLoader, nodes: Nodes) -> Fault | None:
    """Read all events; what makes the rest unreadable is the last fault."""
    try:
        nodes.read(iter(loader.get_event, None))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        remedy = f"correct the indentation or the signs; for a text {QUOTE}"
        line = None if mark is None else mark.line + 1
        return Fault("", line, error.problem or "this is no YAML", remedy)
    except TooDeep as deep:
        return Fault("", deep.line, "it is nested too deeply", "write it flatter")
    except (ValueError, OverflowError):  # how PyYAML meets "\U00110000" and the like
        line = loader.get_mark().line + 1
        return Fault("", line, "an escape names no character", CHARACTER)
    return None


class _Dumper(yaml.SafeDumper):
    """Writes without aliases, and quotes what is not clearly a text."""

    def ignore_aliases(self, data: object) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _dumped(document: Mapping[str, Any], *, flow: bool) -> str:
    return yaml.dump(
        dict(document),
        Dumper=_Dumper,
        allow_unicode=True,
        default_flow_style=flow,
        sort_keys=False,
        width=sys.maxsize,
    )


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    is_clear = text.isprintable() and isinstance(understand(text), str)
    style = None if is_clear else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _fraction(dumper: yaml.SafeDumper, number: float) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:float", write_number(number))


def _nothing(dumper: yaml.SafeDumper, _: None) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:null", "null")


_Dumper.add_representer(str, _text)
_Dumper.add_representer(float, _fraction)
_Dumper.add_representer(type(None), _nothing)
