"""How does a test get a real S3 API, and an agent that can speak to it?

`s3fs` and this environment may disagree on python-dateutil: then both live in an
environment of their own, made once and kept beside pytest's other caches.
"""

import asyncio
import fcntl
import importlib.util
import json
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from httpx2 import AsyncClient

from rollbook.catalogue.lane import Variant

ROOT = Path(__file__).parents[3]
NEEDED = ("s3fs", "moto[s3]", "flask", "flask-cors")
KEYS = {"key": "agent", "secret": "secret", "client_kwargs": {"region_name": "x-1"}}


def s3_python(cache: Path) -> str:
    """Return a Python that has s3fs and the server; make one where it is missing."""
    if all(importlib.util.find_spec(each) for each in ("s3fs", "moto", "flask")):
        return sys.executable
    home, python = cache / "venv", cache / "venv" / "bin" / "python"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "done").exists():
            pip = (str(python), "-m", "pip", "install", "-q", "--no-compile")
            subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
            subprocess.run([*pip, *NEEDED], check=True)
            (home / "done").touch()
        # What is not there is taken from here, and what is there goes before.
        [packages] = home.glob("lib/python*/site-packages")
        (packages / "here.pth").write_text(sysconfig.get_paths()["purelib"])
    return str(python)


@dataclass(frozen=True, slots=True)
class S3:
    """A server, and the Python of an agent that knows it."""

    python: str
    url: str

    async def put(self, path: str, content: bytes = b"") -> None:
        """Make a bucket, or an object in one."""
        async with AsyncClient(trust_env=False) as client:
            answer = await client.put(f"{self.url}/{path}", content=content)
            answer.raise_for_status()

    async def believe(self, requests: float) -> None:
        """Let so many requests through from now on, and refuse whatever follows."""
        async with AsyncClient(trust_env=False) as client:
            answer = await client.post(
                f"{self.url}/moto-api/reset-auth", content=str(requests)
            )
            answer.raise_for_status()

    async def bring(self, cache: Path, variants: Sequence[Variant]) -> list[str]:
        """Fetch in one process; return each folder, or each fault and its reason."""
        options = {"s3": {**KEYS, "endpoint_url": self.url}}
        given = [each.model_dump(mode="json") for each in variants]
        process = await asyncio.create_subprocess_exec(
            *(self.python, "-c", BRING, str(cache)),
            *(json.dumps(options), json.dumps(given)),
            env=_environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
        return said.decode().splitlines()


BRING = """
import asyncio, json, sys
from pathlib import Path
from rollbook.agent.artifacts.store import Store
from rollbook.agent.driver import Unapplied
from rollbook.catalogue.lane import Variant
async def bring(store, variant):
    try:
        return await store.bring(Variant.model_validate(variant))
    except Unapplied as why:
        return f"{why} {'passing' if why.is_passing else 'final'}"
async def main():
    store = Store(Path(sys.argv[1]), options=json.loads(sys.argv[2]))
    for variant in json.loads(sys.argv[3]):
        print(await bring(store, variant))
asyncio.run(main())
"""


@asynccontextmanager
async def running_s3(python: str) -> AsyncIterator[S3]:
    """Run the server on a free port until the end of the block."""
    server = await asyncio.create_subprocess_exec(
        *(python, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"),
        env=_environment(),
        stderr=asyncio.subprocess.PIPE,
    )
    assert server.stderr is not None
    try:
        async with asyncio.timeout(60):
            url = await _url(server.stderr)
        reading = asyncio.create_task(server.stderr.read())
        yield S3(python, url)
        reading.cancel()
    finally:
        server.kill()
        await server.communicate()


async def _url(said: asyncio.StreamReader) -> str:
    while line := await said.readline():
        if found := re.search(r"Running on (http://[\d.:]+)", line.decode()):
            return found[1]
    raise AssertionError("the server ended")


def _environment() -> Mapping[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT / "events")}
