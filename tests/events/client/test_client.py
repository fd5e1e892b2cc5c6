"""Can a pipeline, a reviewer and an auditor do all their work from Python?"""

import hashlib
import threading
from datetime import date, datetime
from pathlib import Path

import pytest

from rollbook.client.client import Client, Version
from rollbook.client.errors import (
    Conflict,
    DeploymentFailed,
    Forbidden,
    InvalidRequest,
    NotFound,
    PromotionEnded,
    StillPending,
    Unauthenticated,
)
from tests.events.client.house import House

SECONDS = 30


def register(client: Client, model: str, content: str = "1") -> Version:
    file = Path(f"{model}-{content}.bin")
    file.write_text(f"{model} {content}")
    return client.register(model, path=file, metrics={"auc": 0.931})


def test_a_file_is_registered_with_its_digest_and_all_that_is_known(
    client: Client,
) -> None:
    Path("model.bin").write_bytes(b"weights")
    Path("tx.csv").write_bytes(b"1,2")
    made = client.register(
        "pipe",
        path="model.bin",
        metrics={"auc": 0.931},
        parameters={"depth": 3, "shuffle": True},
        tags={"team": "risk"},
        datasets=["tx=tx.csv"],
        repository="https://git.example.com/risk/pipe",
        commit="4be1f20",
        run="https://ci.example.com/812",
        base="bert",
        framework="sklearn",
        label="weekly",
        key="pipe/812",
    )
    digest = hashlib.sha256(b"weights").hexdigest()
    assert (str(made), made.number) == ("pipe@1", 1)
    assert made.digest == f"sha256:{digest}"
    assert made.uri == Path("model.bin").resolve().as_uri()
    read = client.version("pipe@latest")
    assert read.record.model_dump() == made.record.model_dump()
    assert read.record.lineage["datasets"][0]["name"] == "tx"
    assert read.record.lineage["code"]["commit"] == "4be1f20"


def test_the_same_key_is_the_same_version_however_often_it_is_sent(
    client: Client,
) -> None:
    Path("m").write_bytes(b"m")
    first, again = (client.register("again", path="m", key="a/1") for _ in range(2))
    assert (first.number, again.number) == (1, 1)
    assert len(client.model("again").versions()) == 1
    Path("m").write_bytes(b"other")
    with pytest.raises(InvalidRequest) as reused:
        client.register("again", path="m", key="a/1")
    assert reused.value.code == "idempotency-key-reused"


def test_what_cannot_be_registered_says_what_to_do(client: Client) -> None:
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        client.register("bad", path="nothing")
    with pytest.raises(InvalidRequest, match="size and uri"):
        client.register("bad", digest="sha256:" + "0" * 64)
    Path("m").write_bytes(b"m")
    with pytest.raises(InvalidRequest) as named:
        client.register("bad", path="m", parameters={"x": "y" * 5000})
    assert named.value.errors
    with pytest.raises(NotFound):
        client.version("bad@7")


def test_a_version_goes_to_production_by_another_persons_approval(
    client: Client, home: House
) -> None:
    version = register(client, "fraud")
    Path("report.json").write_text("{}")
    Path("tx.csv").write_text("1,2")
    found = version.evidence(
        kind="evaluation",
        verdict="pass",
        metrics={"auc": 0.93},
        dataset="tx=tx.csv",
        report="report.json",
    )
    assert [found.evidence] == [each.evidence for each in version.list_evidence()]
    version.promote("staging", reason="nightly").wait(SECONDS)
    asked = version.promote("production", reason="weekly retrain", expect=None)
    with pytest.raises(StillPending) as pending:
        asked.wait(timeout=0.1)
    assert pending.value.exit == 8
    with pytest.raises(Forbidden):
        asked.approve("mine")
    with home.client(home.bob) as bob:
        card = bob.promotion(str(asked))
        assert [gate.status for gate in card.status().gates if gate.gate == "sign-off"]
        # One vote opens the gate; the conductor may be quicker than a withdrawal.
        with pytest.raises(Conflict, match="no vote"):
            card.withdraw()
        card.approve("validated")
    ended = asked.wait(SECONDS, until="live")
    assert (ended.state, ended.version) == ("SUCCEEDED", 1)
    [live] = client.model("fraud").lane("production").history(on=ended.ended_at)
    assert (live.version, live.promotion, live.reason) == (
        1,
        asked.number,
        ended.reason,
    )
    assert live.until_at is None
    assert len(live.approved_by) == 1
    assert client.version("fraud#production").number == 1
    lane = client.model("fraud").lane("production").status()
    assert lane.stable is not None
    assert lane.stable.promotion == asked.number
    assert {each.stage for each in client.status("fraud")} == {"staging", "production"}


def test_a_promotion_that_was_turned_down_ends_the_waiting(
    client: Client, home: House
) -> None:
    version = register(client, "turned")
    version.promote("staging").wait(SECONDS)
    rejected = version.promote("production")
    with home.client(home.bob) as bob:
        bob.promotion(str(rejected)).reject("fails on a slice")
    with pytest.raises(PromotionEnded) as ended:
        rejected.wait(SECONDS)
    assert (ended.value.code, ended.value.exit) == ("rejected", 7)
    withdrawn = version.promote("production")
    withdrawn.cancel("not today")
    with pytest.raises(PromotionEnded):
        withdrawn.wait(SECONDS)
    states = [each.state for each in client.model("turned").promotions()]
    assert states == ["CANCELLED", "REJECTED", "SUCCEEDED"]


def test_a_deployment_that_fails_is_told_apart(client: Client) -> None:
    version = client.register(
        "absent", digest="sha256:" + "a" * 64, size=1, uri="file:///not/there.bin"
    )
    promotion = version.promote("staging")
    assert promotion.wait(SECONDS, until="ready").promotion == promotion.number
    with pytest.raises(DeploymentFailed) as failed:
        promotion.wait(SECONDS)
    assert failed.value.exit == 9


def test_what_moved_meanwhile_is_a_conflict(client: Client) -> None:
    first, second = (register(client, "moved", content) for content in "12")
    first.promote("development", expect=None).wait(SECONDS)
    with pytest.raises(Conflict) as moved:
        second.promote("development", expect=None)
    assert moved.value.code == "incumbent-moved"
    second.promote("development", expect=1).wait(SECONDS)


def test_the_past_is_read_as_it_was(client: Client) -> None:
    first, second = (register(client, "past", content) for content in "12")
    model = client.model("past")
    model.alias("best", first.number, reason="first")
    before = next(client.follow(model="past", types=["alias.*"], since=0))
    model.alias("best", second.number, expect=first.number)
    with pytest.raises(Conflict):
        model.alias("best", first.number, expect=first.number)
    assert model.version("best").number == 2
    assert model.version("best", as_of=before.sequence).number == 1
    assert model.version("best", as_of=before.at).number == 1
    assert model.version("best", as_of=before.at.date()).number == 2
    with pytest.raises(InvalidRequest, match="still to come"):
        model.version("best", as_of=date(2099, 1, 1))
    assert [each.version for each in model.aliases()] == [2]
    with pytest.raises(ValueError, match="zone"):
        model.versions(as_of=datetime(2026, 5, 3))  # noqa: DTZ001  the mistake itself


def test_the_feed_is_resumed_where_it_was_left(client: Client) -> None:
    register(client, "fed").promote("development", reason="why").wait(SECONDS)
    kinds = ["promotion.requested", "promotion.succeeded"]
    feed = client.follow(model="fed", types=kinds, since=0)
    first = next(feed)
    assert (first.type, first.model) == (kinds[0], "fed")
    assert first.data["reason"] == "why"
    feed.close()  # type: ignore[attr-defined]
    resumed = client.follow(model="fed", types=["promotion.*"], since=first.sequence)
    seen = [next(resumed).type for _ in range(3)]
    assert kinds[0] not in seen
    assert kinds[1] in seen


def test_more_versions_than_fit_a_page_are_all_read(client: Client) -> None:
    for number in range(51):
        digest = "sha256:" + hashlib.sha256(str(number).encode()).hexdigest()
        client.register("many", digest=digest, size=1, uri=f"s3://many/{number}")
    numbers = [each.number for each in client.model("many").versions()]
    assert numbers == list(range(51, 0, -1))


def test_threads_share_a_client(client: Client) -> None:
    def work(content: str) -> None:
        numbers.append(register(client, "threads", content).number)

    numbers: list[int] = []
    threads = [threading.Thread(target=work, args=(each,)) for each in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert sorted(numbers) == [1, 2, 3, 4]


def test_a_token_that_nobody_knows_opens_nothing_and_no_token_is_shown(
    home: House, alone: Path
) -> None:
    with home.client("rbk_unknown") as stranger:
        with pytest.raises(Unauthenticated):
            stranger.status()
        assert repr(stranger) == f"Client({home.url!r})"
