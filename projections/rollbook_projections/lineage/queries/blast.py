"""If a data set, commit, run or version is bad: what else is, and where was it live?"""

from rollbook_projections.lineage.queries.graph import DEEPEST, walk
from rollbook_projections.lineage.queries.node import described, find
from rollbook_projections.view import Row, View


def blast_radius(view: View, what: str) -> Row:
    """List every version made from it, at whatever distance, and where each was live.

    `evaluated` lists the versions that were only measured on it. `of` is empty where
    nothing is known by that name.
    """
    start = find(view, what)
    walked = walk(view, start, towards="to", depth=DEEPEST)
    edges = walked.edges.values()
    made = [id_ for id_ in walked.distance if id_.startswith("version:")]
    return {
        "what": what,
        "of": described(view, start),
        "versions": [
            {**node, "distance": walked.distance[node["id"]]}
            for node in described(view, made)
        ],
        "lanes": sorted(
            (edge for edge in edges if edge["kind"] == "deployed_to"),
            key=lambda edge: (not edge["live"], edge["to"], edge["from_seq"]),
        ),
        "evaluated": sorted(
            (edge for edge in edges if edge["kind"] == "evaluated_on"),
            key=lambda edge: (edge["to"], edge["role"]),
        ),
        "is_complete": walked.is_complete,
    }
