"""How does a prediction server answer while the version under it changes?

The serving side of a target: it reads what the agent's symlink driver wrote, splits
callers by the weights, and never stops. `python -m` this module runs one.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import joblib
import numpy as np

from rollbook_services.local.demo.digits import MODEL_FILE

ROUTES: Final = "routes.json"
LOOPBACK: Final = "127.0.0.1"
WHOLE: Final = 100  # percent
LARGEST_BODY: Final = 64 * 1024  # bytes


def chosen(variants: Mapping[str, Mapping[str, Any]], caller: str) -> str:
    """Name the variant that answers a caller: always the same one."""
    place = int(hashlib.sha256(caller.encode()).hexdigest(), 16) % WHOLE
    for name in sorted(variants):
        place -= variants[name]["weight"]
        if place < 0:
            return name
    raise LookupError("no variant answers: the weights do not sum to 100")


@lru_cache(maxsize=8)
def _model(folder: Path) -> Any:
    """Load a version once; a folder named by its digest never changes."""
    return joblib.load(folder / MODEL_FILE)


class Scorer(BaseHTTPRequestHandler):
    """Reads scans of digits, by whichever version the caller gets."""

    home: Path
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Answer one scan with what it shows, and who read it."""
        length = min(int(self.headers.get("Content-Length", 0)), LARGEST_BODY)
        asked = json.loads(self.rfile.read(length))
        try:
            routes = json.loads((self.home / ROUTES).read_text())
            name = chosen(routes["variants"], asked["customer"])
        except (FileNotFoundError, LookupError):
            self._say(503, {"error": "nothing is served here yet"})
            return
        variant = routes["variants"][name]
        image = np.array(asked["image"]).reshape(1, -1)
        read = _model((self.home / variant["path"]).resolve()).predict(image)
        said = {"digit": int(read[0]), "version": variant["version"], "variant": name}
        self._say(200, said)

    def _say(self, status: int, answer: Mapping[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of each request: there are thousands."""


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, required=True)
    Scorer.home = parser.parse_args().home
    server = ThreadingHTTPServer((LOOPBACK, 0), Scorer)
    server.daemon_threads = True
    sys.stdout.write(f"scorer on http://{LOOPBACK}:{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
