"""How does a test get a real `mlflow server` with a model registry?

It lives in a virtual environment of its own, made once: it wants a python-dateutil
that Rollbook cannot run with. The packages are what the server imports, no more;
with all of MLflow the folder would be three times as large.
"""

import asyncio
import fcntl
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

import httpx2

PACKAGES: Final = (
    "mlflow-skinny==3.17.2",
    "aiohttp==3.14.5",
    "alembic==1.20.1",
    "flask==3.1.3",
    "flask-cors==6.0.5",
    "numpy==2.4.6",
    "pandas==3.1.1",
    "sqlalchemy==2.1.9",
)
HOME: Final = Path(__file__).parents[2] / ".venv" / "mlflow"
START_SECONDS: Final = 60
LOOK_AGAIN_SECONDS: Final = 0.05


def program() -> Path:
    """Return the command `mlflow`, installed by whoever comes first."""
    HOME.parent.mkdir(exist_ok=True)
    with _alone(HOME.with_name("mlflow.lock")):
        wanted = hashlib.sha256("\n".join(PACKAGES).encode()).hexdigest()
        installed = HOME / "installed"
        if not installed.exists() or installed.read_text() != wanted:
            shutil.rmtree(HOME, ignore_errors=True)
            _run(sys.executable, "-m", "venv", str(HOME))
            _run(
                *(str(HOME / "bin" / "python"), "-m", "pip", "install", "--quiet"),
                *("--disable-pip-version-check", *PACKAGES),
            )
            installed.write_text(wanted)
    return HOME / "bin" / "mlflow"


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")


@asynccontextmanager
async def running_mlflow(folder: Path) -> AsyncIterator[str]:
    """Run a server on a free port of this machine; yields its address."""
    command = await asyncio.to_thread(program)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    log = folder / "mlflow.log"
    with log.open("wb") as written:
        server = await asyncio.create_subprocess_exec(
            *(str(command), "server", "--host", "127.0.0.1", "--port", str(port)),
            *("--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"),
            *("--default-artifact-root", str(folder / "artifacts"), "--workers", "1"),
            stdout=written,
            stderr=subprocess.STDOUT,
            cwd=folder,
            # Jobs would start more processes, and need more packages.
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            process_group=0,
        )
    try:
        if not await _answers(url, server):
            raise RuntimeError(log.read_text())
        yield url
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        await server.wait()


async def _answers(url: str, server: asyncio.subprocess.Process) -> bool:
    """Wait until it does; False: it ended instead."""
    async with asyncio.timeout(START_SECONDS), httpx2.AsyncClient() as client:
        while server.returncode is None:
            try:
                if (await client.get(f"{url}/health")).is_success:
                    return True
            except httpx2.HTTPError:
                await asyncio.sleep(LOOK_AGAIN_SECONDS)
    return False


class Registrar:
    """What a training pipeline and a passer-by do in MLflow, without the driver."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    async def register(
        self,
        model: str,
        source: str,
        tags: Mapping[str, str] | None = None,
        run_id: str = "",
    ) -> str:
        """Register a version, and the model with the first; return its number."""
        made = await self._client.post("registered-models/create", json={"name": model})
        assert made.is_success or "already exists" in made.text, made.text
        answer = await self._ask(
            "POST",
            "model-versions/create",
            name=model,
            source=source,
            run_id=run_id,
            tags=[{"key": key, "value": value} for key, value in (tags or {}).items()],
        )
        return str(answer["model_version"]["version"])

    async def run(self) -> tuple[str, str]:
        """Begin a run; return its id and the address of its artifacts."""
        answer = await self._ask("POST", "runs/create", experiment_id="0")
        return answer["run"]["info"]["run_id"], answer["run"]["info"]["artifact_uri"]

    async def point(self, model: str, alias: str, number: str) -> None:
        """Move an alias by hand."""
        await self._ask(
            "POST", "registered-models/alias", name=model, alias=alias, version=number
        )

    async def aliased(self, model: str, alias: str) -> dict[str, Any] | None:
        """Return the version that a caller of `models:/<model>@<alias>` loads."""
        answer = await self._client.get(
            "registered-models/alias", params={"name": model, "alias": alias}
        )
        if not answer.is_success:
            assert "not found" in answer.text, answer.text
            return None
        version: dict[str, Any] = answer.json()["model_version"]
        version["tags"] = {
            each["key"]: each["value"] for each in version.get("tags", [])
        }
        return version

    async def _ask(self, method: str, path: str, **asked: object) -> dict[str, Any]:
        answer = await self._client.request(method, path, json=asked)
        assert answer.is_success, answer.text
        read: dict[str, Any] = answer.json()
        return read


@asynccontextmanager
async def registrar(url: str) -> AsyncIterator[Registrar]:
    """Talk to the server directly."""
    async with httpx2.AsyncClient(base_url=f"{url}/api/2.0/mlflow/") as client:
        yield Registrar(client)
