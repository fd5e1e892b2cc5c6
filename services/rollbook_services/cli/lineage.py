"""What was a version made from, and what was made from it? `rollbook lineage REF`."""

import re
from collections.abc import Mapping
from typing import Any, Final

import click

from rollbook_services.cli.api import version_path
from rollbook_services.cli.call import Call, command
from rollbook_services.cli.output import dumps
from rollbook_services.cli.status import position

_NODES: Final = re.compile(r"(dataset|run|commit|code|base):(.+)", re.DOTALL)
_NAMED: Final = frozenset({"dataset", "commit"})
_DIRECTIONS: Final = (("made from", "to", "from"), ("led to", "from", "to"))


@command("lineage", reads=True)
@click.argument("reference")
@click.option("--up", "direction", flag_value="up", help="Only what it was made from.")
@click.option("--down", "direction", flag_value="down", help="Only what came of it.")
@click.option("--depth", type=click.IntRange(1, 50))
@click.option(
    "--format",
    "form",
    type=click.Choice(["tree", "dot", "mermaid", "json"]),
    default="tree",
    show_default=True,
)
@click.option("--blast-radius", is_flag=True, help="Every version and lane it touched.")
def lineage(
    call: Call,
    reference: str,
    direction: str | None,
    depth: int | None,
    form: str,
    blast_radius: bool,
) -> None:
    """Show what is around a version, dataset:NAME, run:ADDRESS or commit:HASH."""
    api = call.api()
    asked: dict[str, Any] = {"direction": direction or "both", "depth": depth}
    node = _node(reference)
    if blast_radius:
        named = node or str(api.resolve(reference))
        click.echo(dumps(api.read("/v1/blast-radius", ref=named)))
        return
    if node is not None:
        answer = api.read("/v1/lineage", ref=node, **asked)
    else:
        answer = api.read(f"{version_path(api.resolve(reference))}/lineage", **asked)
    if form == "json" or call.output.is_for_programs():
        click.echo(dumps(answer))
        return
    graph = answer["data"]
    for line in _FORMS[form](graph):
        click.echo(line)
    position(answer, call.output)


def _node(reference: str) -> str | None:
    """Return what the server calls it, where it is no version: a name, or an id."""
    found = _NODES.fullmatch(reference)
    if found is None:
        return None
    return found[2] if found[1] in _NAMED else reference


def tree(graph: Mapping[str, Any]) -> list[str]:
    """Draw the graph as two trees: upward, then downward."""
    labels = {str(node["id"]): label(node) for node in graph["nodes"]}
    lines: list[str] = []
    for root in graph["start"]:
        lines.append(labels.get(root, root))
        for title, start, end in _DIRECTIONS:
            branches = _branches(graph, root, start, end, labels, set())
            if branches:
                lines += [f"  {title}", *(f"    {line}" for line in branches)]
    return lines


def dot(graph: Mapping[str, Any]) -> list[str]:
    """Write the graph for Graphviz."""
    nodes = [
        f"  {_quoted(node['id'])} [label={_quoted(label(node))}];"
        for node in graph["nodes"]
    ]
    edges = [
        f"  {_quoted(edge['from'])} -> {_quoted(edge['to'])} "
        f"[label={_quoted(edge['kind'])}];"
        for edge in graph["edges"]
    ]
    return [
        "digraph lineage {",
        "  rankdir=LR;",
        "  node [shape=box];",
        *nodes,
        *edges,
        "}",
    ]


def mermaid(graph: Mapping[str, Any]) -> list[str]:
    """Write the graph for Mermaid."""
    numbers = {node["id"]: f"n{index}" for index, node in enumerate(graph["nodes"])}
    nodes = [
        f"  {numbers[node['id']]}[{_escaped(label(node))}]" for node in graph["nodes"]
    ]
    edges = [
        f"  {numbers[edge['from']]} -->|{edge['kind']}| {numbers[edge['to']]}"
        for edge in graph["edges"]
        if edge["from"] in numbers and edge["to"] in numbers
    ]
    return ["graph LR", *nodes, *edges]


def label(node: Mapping[str, Any]) -> str:
    """Write a node for people."""
    return f"{node.get('kind', '')} {node.get('label') or node.get('id')}"


def _branches(
    graph: Mapping[str, Any],
    node: str,
    start: str,
    end: str,
    labels: Mapping[str, str],
    shown: set[str],
) -> list[str]:
    """Draw what hangs on a node; each node's own branches are drawn once."""
    shown.add(node)
    lines: list[str] = []
    edges = [edge for edge in graph["edges"] if edge[start] == node]
    for index, edge in enumerate(edges):
        is_last = index == len(edges) - 1
        other = str(edge[end])
        twig = f"{labels.get(other, other)}   ({edge['kind']})"
        lines.append(f"{'└' if is_last else '├'} {twig}")
        if other not in shown:
            inner = _branches(graph, other, start, end, labels, shown)
            lines += [f"{' ' if is_last else '│'} {line}" for line in inner]
    return lines


def _quoted(text: object) -> str:
    escaped = str(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _escaped(text: str) -> str:
    return '"' + text.replace('"', "#quot;") + '"'


_FORMS: Final = {"tree": tree, "dot": dot, "mermaid": mermaid}
