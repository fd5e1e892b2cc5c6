"""Does Rollbook run where there is no network but this machine's own loopback?"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

LIMIT_SECONDS: Final = 90
# Runs inside a network namespace: brings loopback up, then lives a short life.
STORY: Final = """
import fcntl, signal, socket, struct, subprocess, sys, urllib.request, json, pathlib

IFF_UP, SIOCSIFFLAGS = 1, 0x8914
with socket.socket() as any_socket:
    fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
assert [name for _, name in socket.if_nameindex()] == ["lo"]

rollbook = [sys.argv[1]]
up = subprocess.Popen([*rollbook, "up"], stdout=subprocess.PIPE, text=True)
assert any("Ready in" in line for line in up.stdout)
try:
    pathlib.Path("m").write_text("m")
    for words in (
        ["register", "m", "--path", "m"],
        ["promote", "m@1", "--to", "development", "--wait"],
        ["history", "m"],
        ["doctor"],
    ):
        subprocess.run([*rollbook, *words], check=True)
    url = json.loads(pathlib.Path("rollbook-data/credentials.json").read_text())["url"]
    with urllib.request.urlopen(url + "/openapi.json") as answer:
        assert "http" not in str(json.load(answer).get("servers", ""))
finally:
    up.send_signal(signal.SIGTERM)
    up.communicate()
assert up.returncode == 0
"""


def alone(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a network namespace of its own."""
    return subprocess.run(
        ["unshare", "--user", "--map-root-user", "--net", *words], cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False,
    )  # fmt: skip


def test_a_model_lives_without_a_network(tmp_path: Path) -> None:
    if shutil.which("unshare") is None or alone(["true"], tmp_path).returncode:
        pytest.skip("this machine gives no network namespace to its users")
    program = str(Path(sys.executable).parent / "rollbook")
    ended = alone([sys.executable, "-c", STORY, program], tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
