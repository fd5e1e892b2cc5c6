"""Are the bytes of a bucket the right ones, by a real S3 API?"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from rollbook.artifact import digest_of
from tests.events.agent.artifacts_here import (
    LARGE,
    described,
    folder,
    local,
    lone,
    named,
)
from tests.events.agent.s3 import S3, running_s3, s3_python

CUT = 1_500_000


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server(pytestconfig: pytest.Config) -> AsyncIterator[S3]:
    python = s3_python(pytestconfig.cache.mkdir("s3"))
    async with running_s3(python) as running:
        await running.put("models")
        yield running


async def test_objects_and_folders_of_objects_are_fetched(
    server: S3, tmp_path: Path
) -> None:
    made, cache = folder(tmp_path / "model"), tmp_path / "cache"
    for file in made.rglob("*"):
        if file.is_file():
            key = file.relative_to(made).as_posix()
            await server.put(f"models/folder/{key}", file.read_bytes())
    await server.put("models/folder/b/")  # as consoles stand in for folders
    larger = LARGE * 4  # than one request brings
    await server.put("models/a/large.bin", larger)
    await server.put("models/a/resumed.bin", LARGE[::-1])
    variants = [
        lone("s3://models/a/large.bin", larger),
        lone("s3://models/a/resumed.bin", LARGE[::-1]),
        local(made, "s3://models/folder"),
    ]
    half = named(cache, variants[1], ".part")
    half.mkdir(parents=True)
    (half / "resumed.bin").write_bytes(LARGE[::-1][:CUT])
    found = await server.bring(cache, variants)
    assert found == [str(named(cache, each)) for each in variants]
    assert (named(cache, variants[0]) / "large.bin").read_bytes() == larger
    assert (named(cache, variants[1]) / "resumed.bin").read_bytes() == LARGE[::-1]
    assert digest_of(named(cache, variants[2])) == digest_of(made)


async def test_what_a_bucket_does_not_have_is_told_apart(
    server: S3, tmp_path: Path
) -> None:
    await server.put("models/b/model.bin", b"model")
    await server.put("models/evil/..%2F..%2Fevil", b"A")
    folded = f"oms-sha256:{'0' * 64}"
    variants = [
        lone("s3://models/b/none.bin", b"model"),
        lone("s3://nowhere/model.bin", b"model"),
        lone("s3://models/b/model.bin", b"m0del"),
        lone("s3://models/b/model.bin", b"models"),
        described("s3://models/evil", folded, 9),
        described("s3://models/none", folded, 9),
    ]
    found = await server.bring(tmp_path / "cache", variants)
    ends = [(each.partition(":")[0], each.rpartition(" ")[2]) for each in found]
    assert ends == [
        ("artifact_unreachable", "passing"),
        ("artifact_unreachable", "passing"),
        ("digest_mismatch", "final"),
        ("digest_mismatch", "final"),
        ("artifact_unreachable", "final"),
        ("artifact_unreachable", "passing"),
    ], found
    assert "is no name for a file" in found[4]


async def test_keys_that_nobody_believes_are_no_permission(
    server: S3, tmp_path: Path
) -> None:
    await server.put("models/c/model.bin", b"model")
    await server.believe(0)
    try:
        variant = lone("s3://models/c/model.bin", b"model")
        [found] = await server.bring(tmp_path / "cache", [variant])
    finally:
        await server.believe(float("inf"))
    assert found.startswith("permission_denied"), found
    assert found.endswith("final")
