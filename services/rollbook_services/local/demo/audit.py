"""Last part of the demo: what was live when, why, and does the record hold?"""

import re
from itertools import pairwise
from typing import Any, Final

from rollbook_services.local.demo.command_line import rollbook
from rollbook_services.local.demo.narrator import wait_for
from rollbook_services.local.demo.players import MODEL
from rollbook_services.local.demo.scene import Scene

VIEWS: Final = ("stage", "lineage", "audit")
STORED: Final = "application/cloudevents+json"


def catch_up(scene: Scene) -> None:
    """Wait until every view has applied the last event."""

    def look() -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = scene.carol.transport.get("/v1/projections")[
            "data"
        ]
        return rows

    wait_for(
        "every view is at the ledger's end",
        look,
        lambda rows: all(row["lag"] == 0 for row in rows),
    )


def status(scene: Scene) -> None:
    """Show what runs now."""
    board = scene.carol.transport.get("/v1/lanes", model=MODEL)["data"]
    scene.narrator.table(
        ("LANE", "STATUS", "STABLE", "TARGETS", "HOLD"),
        [
            (
                f"{lane['model']}#{lane['stage']}",
                lane["status"],
                f"{MODEL}@{lane['stable']['version']}",
                ", ".join(
                    f"{each['target']} {each['state']}" for each in lane["targets"]
                ),
                lane["hold"]["reason"] if lane["hold"] else "-",
            )
            for lane in board
        ],
    )
    scene.narrator.claim(
        "what the record calls live is what all five agents really serve, byte for "
        "byte",
        all(
            scene.served_digest(lane["stage"], each["target"])
            == scene.artifact(lane["stable"]["version"])["digest"]
            for lane in board
            for each in lane["targets"]
        ),
        board,
    )


def history(scene: Scene) -> None:
    """Show what was live in production from when to when."""
    answer = scene.carol.transport.get(
        f"/v1/models/default/{MODEL}/lanes/production/history"
    )
    rows, people = answer["data"], answer["people"]
    scene.narrator.table(
        ("FROM (UTC)", "TO", "VERSION", "ASKED BY", "APPROVED BY", "REASON"),
        [
            (
                row["from_at"][11:23],
                row["until_at"][11:23] if row["until_at"] else "still live",
                f"{MODEL}@{row['version']}",
                people.get(row["put_there_by"], row["put_there_by"]),
                ", ".join(people.get(who, who) for who in row["approved_by"])
                or f"({row['kind']})",
                row["reason"],
            )
            for row in rows
        ],
    )
    joined = pairwise(rows)
    scene.narrator.claim(
        "carol reads who put what there, in six intervals without gap or overlap",
        [row["version"] for row in rows] == [1, 2, 3, 2, 1, 4]
        and all(one["until_seq"] == next_["from_seq"] for one, next_ in joined)
        and rows[-1]["until_seq"] is None,
        rows,
    )


def earlier_moment(scene: Scene) -> None:
    """Show what the record said at an earlier moment."""
    moment = scene.moments["version 3 was live"]
    lane = scene.carol.read("/lanes/production", as_of=moment)
    promotions = scene.carol.read("/promotions", as_of=moment)
    scene.narrator.claim(
        f"as of ledger position {moment}, production ran {MODEL}@3 and no rollback had "
        "been asked for",
        lane["stable"]["version"] == 3
        and lane["hold"] is None
        and all(each["kind"] != "rollback" for each in promotions),
        lane,
    )


def lineage(scene: Scene) -> None:
    """Show what the served version was made from, and what a bad data set touched."""
    tell, carol = scene.narrator, scene.carol
    served = carol.read("/lanes/production")["stable"]["version"]
    graph = carol.read(f"/versions/{served}/lineage", direction="up")
    names = {name for node in graph["nodes"] for name in _names(node)}
    trained_on = scene.trained[served].trained_on
    tell.claim(
        f"{MODEL}@{served} was trained on {trained_on.name} and measured on "
        f"{scene.trained[served].measured_on.name}: both by digest",
        {trained_on.name, scene.trained[served].measured_on.name} <= names
        and f"dataset:{trained_on.digest}" in {node["id"] for node in graph["nodes"]},
        graph,
    )
    bad = scene.data.tidied_train
    radius = carol.transport.get("/v1/blast-radius", ref=bad.name)["data"]
    live = sorted({edge["to"] for edge in radius["lanes"] if edge["live"]})
    tell.claim(
        f"of {bad.name} came {MODEL}@3 and {MODEL}@5; of all lanes only staging still "
        "runs one of them",
        {node["id"] for node in radius["versions"]}
        == {f"version:{MODEL}@3", f"version:{MODEL}@5"}
        and live == [f"lane:{MODEL}#staging"],
        radius,
    )


def actors(scene: Scene) -> None:
    """Show that the record says who did what."""
    tell, carol = scene.narrator, scene.carol
    votes = carol.transport.get("/v1/events", type="approval.granted", limit=500)
    by = [event["actor"] for event in votes["data"]]
    tell.claim(
        f"of the {len(by)} approvals three are bob's, and one each mona's and rolf's, "
        "by their own tokens",
        sorted(by)
        == sorted(
            [scene.bob.principal] * 3 + [scene.mona.principal, scene.rolf.principal]
        ),
        votes,
    )
    checks = carol.transport.get("/v1/doctor")["data"]["checks"]
    tell.claim(
        f"doctor makes {len(checks)} checks and finds nothing wrong",
        bool(checks) and all(check["ok"] for check in checks),
        [check for check in checks if not check["ok"]],
    )


def replay(scene: Scene) -> None:
    """Rebuild a view from the ledger and hold all of them against fresh replays."""
    tell = scene.narrator
    for view in VIEWS:
        rebuilt = _job(scene, f"/v1/projections/{view}/rebuilds")
        compared = _job(scene, f"/v1/projections/{view}/comparisons")
        tell.claim(
            f"the view {view}, filled anew from {rebuilt['done']} events beside the old"
            " one and put in its place, equals a replay with every signature checked",
            rebuilt["state"] == "done" and compared["result"]["equal"] is True,
            (rebuilt, compared),
        )


def everything(scene: Scene) -> list[Any]:
    """Read all that should survive a restart."""
    paths = ("/versions", "/promotions", "/history", "/lanes/production")
    return [scene.carol.read(path) for path in paths]


def names(scene: Scene) -> None:
    """Show that the ledger, which nobody can erase, holds no person's name."""
    transport = scene.carol.transport
    last = transport.get("/v1/lanes")["seq"]
    stored = b"".join(
        transport.get_bytes(f"/v1/events/{sequence}", accept=STORED)
        for sequence in range(1, last + 1)
    )
    people = scene.people()
    scene.narrator.claim(
        f"the {last} events hold {len(stored)} bytes and no person's name: pseudonyms "
        "alone, and the names lie elsewhere",
        not any(_is_word_of(person.name, stored) for person in people)
        and all(person.principal.encode() in stored for person in people),
        [person.name for person in people],
    )


def decisions(scene: Scene) -> None:
    """Recompute every decision from the ledger alone, without clock and server."""
    told = rollbook(
        *("events", "recompute", "--json"),
        url=scene.carol.transport.url,
        token_file=scene.token_file(scene.carol),
    )
    found = told.document
    scene.narrator.claim(
        f"carol recomputes all {found['decisions']} decisions of rules and gates from "
        "the record alone: each comes out as it was recorded",
        told.exit == 0 and 0 < found["decisions"] == found["agreed"],
        found,
    )


def _is_word_of(name: str, stored: bytes) -> bool:
    """Look for a whole word: three letters in a row occur in signatures by chance."""
    around = rb"[A-Za-z0-9+/=_-]"
    return bool(
        re.search(rb"(?<!%b)%b(?!%b)" % (around, name.encode(), around), stored)
    )


def _job(scene: Scene, path: str) -> dict[str, Any]:
    begun = scene.carol.transport.post(path, {})
    id_ = begun["job"]

    def look() -> dict[str, Any]:
        job: dict[str, Any] = scene.carol.transport.get(f"/v1/jobs/{id_}")["data"]
        return job

    return wait_for(f"job {id_} ends", look, lambda job: job["state"] != "running")


def _names(node: dict[str, Any]) -> list[str]:
    return [str(name) for name in node["attributes"].get("names") or ()]
