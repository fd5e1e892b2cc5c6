"""Are the bytes that arrive from this machine the bytes that were registered?"""

import hashlib
import os
import sys
from pathlib import Path

import pytest

from rollbook.agent.artifacts.source import Sources
from rollbook.agent.artifacts.store import Store
from rollbook.agent.driver import Fault, Interrupted
from rollbook.artifact import digest_of
from tests.events.agent.artifacts_here import (
    LARGE,
    described,
    file,
    folder,
    local,
    lone,
    named,
    unapplied,
)

NO_DIGEST = "sha256:" + "0" * 64


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def store(cache: Path) -> Store:
    return Store(cache)


@pytest.mark.parametrize("form", ["plain", "uri", "localhost"])
async def test_a_file_is_copied_under_its_name(
    tmp_path: Path, store: Store, form: str
) -> None:
    source = tmp_path / "a model %41.bin"
    source.write_bytes(b"model")
    uri = {
        "plain": str(source),
        "uri": source.as_uri(),
        "localhost": source.as_uri().replace("file://", "file://localhost"),
    }[form]
    brought = await store.bring(local(source, uri))
    assert (brought / source.name).read_bytes() == b"model"
    assert [*brought.iterdir()] == [brought / source.name]


def test_a_folders_digest_is_that_of_an_open_model_signature(tmp_path: Path) -> None:
    made = folder(tmp_path / "model")
    raw = b"".join(
        hashlib.sha256(content).digest()
        # In the order of the names: `b-first.bin` is before `b/…`.
        for content in (b"A", b"order", b"CC", b"")
    )
    expected = f"oms-sha256:{hashlib.sha256(raw).hexdigest()}"
    assert digest_of(made) == (expected, 8)


async def test_a_folder_is_copied_with_everything_in_it(
    tmp_path: Path, store: Store
) -> None:
    made = folder(tmp_path / "model")
    brought = await store.bring(local(made))
    assert (brought / "b" / "c.bin").read_bytes() == b"CC"
    assert digest_of(brought) == digest_of(made)


async def test_a_folder_of_one_file_is_not_that_file(
    tmp_path: Path, store: Store
) -> None:
    file(tmp_path / "model", b"A")
    variant = local(tmp_path / "model")
    assert variant.digest.startswith("oms-sha256:")
    await store.bring(variant)
    inner = lone(str(tmp_path / "model"), b"A")
    assert (await unapplied(store, inner)).fault is Fault.ARTIFACT_UNREACHABLE


async def test_what_is_executable_elsewhere_is_not_here(
    tmp_path: Path, store: Store
) -> None:
    variant = file(tmp_path / "source", b"#!/bin/sh")
    (tmp_path / "source" / "model.bin").chmod(0o755)
    brought = await store.bring(variant)
    assert (brought / "model.bin").stat().st_mode & 0o111 == 0


@pytest.mark.parametrize("content", [b"other", b"longer than it was", b""])
async def test_other_bytes_are_a_mismatch(
    tmp_path: Path, cache: Path, store: Store, content: bytes
) -> None:
    variant = file(tmp_path / "source", b"model")
    file(tmp_path / "source", content)
    why = await unapplied(store, variant)
    assert (why.fault, why.is_passing) == (Fault.DIGEST_MISMATCH, False)
    assert not named(cache, variant).exists()
    assert not named(cache, variant, ".part").exists()


@pytest.mark.parametrize(
    "uri",
    ["/nowhere/model.bin", "/nowhere", "file:///nowhere/model.bin"],
)
async def test_what_is_not_there_may_come(store: Store, uri: str) -> None:
    for digest in (NO_DIGEST, f"oms-{NO_DIGEST}"):
        why = await unapplied(store, described(uri, digest, 1))
        assert (why.fault, why.is_passing) == (Fault.ARTIFACT_UNREACHABLE, True)


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("file://host/model", "another machine"),
        ("ftp://host/model", "this agent reads"),
        ("memory://model", "this agent reads"),
        ("/models/../etc/model", "does not fetch from there"),
        ("https://host/models/%2e%2e/model", "does not fetch from there"),
    ],
)
async def test_what_is_never_read_is_said_so(store: Store, uri: str, says: str) -> None:
    why = await unapplied(store, described(uri, NO_DIGEST, 1))
    assert (why.fault, why.is_passing) == (Fault.ARTIFACT_UNREACHABLE, False)
    assert says in why.detail


@pytest.mark.parametrize(
    ("uri", "library", "extra"),
    [
        ("https://host/model", "aiohttp", "http"),
        ("s3://bucket/model", "s3fs", "s3"),
        ("gs://bucket/model", "gcsfs", "gs"),
        ("abfs://container/model", "adlfs", "abfs"),
    ],
)
async def test_a_missing_extra_is_named(
    store: Store, uri: str, library: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    why = await unapplied(store, described(uri, NO_DIGEST, 1))
    assert (why.fault, why.is_passing) == (Fault.ARTIFACT_UNREACHABLE, False)
    assert f"pip install 'rollbook[{extra}]'" in why.detail


async def test_a_pipe_is_no_artifact(tmp_path: Path, store: Store) -> None:
    os.mkfifo(tmp_path / "pipe")
    why = await unapplied(store, described(str(tmp_path / "pipe"), NO_DIGEST, 1))
    assert why.fault is Fault.ARTIFACT_UNREACHABLE


async def test_a_link_inside_a_folder_is_not_followed(
    tmp_path: Path, store: Store
) -> None:
    made = folder(tmp_path / "model")
    variant = local(made)
    (made / "a.bin").unlink()
    (made / "a.bin").symlink_to("/etc/hostname")
    why = await unapplied(store, variant)
    assert why.fault is Fault.ARTIFACT_UNREACHABLE
    assert "neither a file nor a folder" in why.detail


async def test_a_digest_nobody_can_check_here_is_said_so(
    tmp_path: Path, store: Store
) -> None:
    variant = file(tmp_path, b"x")
    foreign = described(variant.uri, "oci-sha256:" + "0" * 64, 1)
    why = await unapplied(store, foreign)
    assert (why.fault, why.is_passing) == (Fault.ARTIFACT_UNREACHABLE, False)


async def test_fetching_stops_when_asked(
    tmp_path: Path, cache: Path, store: Store
) -> None:
    variant = file(tmp_path / "source", LARGE)
    with pytest.raises(Interrupted):
        await store.bring(variant, is_stopping=lambda: True)
    assert not named(cache, variant).exists()
    assert (await store.bring(variant) / "model.bin").read_bytes() == LARGE


async def test_an_agent_fetches_only_from_where_it_may(tmp_path: Path) -> None:
    inside, outside = tmp_path / "models", tmp_path / "models.others"
    one, other = file(inside, b"one"), file(outside, b"other")
    store = Store(tmp_path / "cache", only_from=[str(inside)])
    await store.bring(one)
    why = await unapplied(store, other)
    assert (why.fault, why.is_passing) == (Fault.ARTIFACT_UNREACHABLE, False)


def test_the_longest_beginning_of_a_uri_chooses_its_options() -> None:
    options = {
        "https": {"for": "all"},
        "https://host/models": {"for": "models"},
        "https://host/models/secret/": {"for": "secret"},
    }
    found = {
        uri: Sources(options).options_of(uri).get("for")
        for uri in (
            "https://host/models/a",
            "https://host/models/secret/a",
            "https://host/models.evil/a",
            "https://host.evil/models/a",
            "s3://bucket/a",
        )
    }
    assert [*found.values()] == ["models", "secret", "all", "all", None]


async def test_what_was_renamed_between_two_tries_is_not_brought(
    tmp_path: Path, cache: Path, store: Store
) -> None:
    variant = file(tmp_path / "source", b"model")
    left = named(cache, variant, ".part")
    left.mkdir(parents=True)
    (left / "old-name.bin").write_bytes(b"mod")
    brought = await store.bring(variant)
    assert [each.name for each in brought.iterdir()] == ["model.bin"]
