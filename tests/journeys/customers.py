"""How does a test let customers ask prediction servers while versions change?

A server answers by what the agent's symlink driver wrote, and says which document
that was; a hundred customers ask it without a pause, and keep every answer.
"""

import hashlib
import http.client
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from pathlib import Path
from typing import Final

from rollbook_services import main

CUSTOMERS: Final = tuple(f"customer-{number}" for number in range(100))
KEY: Final = "x-customer"
"""The header that keeps a customer on one version."""
WHOLE: Final = 100  # percent
PAUSE_SECONDS: Final = 0.002
TIMEOUT_SECONDS: Final = 10


def chosen(weights: Mapping[str, int], customer: str) -> str:
    """Name the variant that answers a customer: always the same one."""
    place = int(hashlib.sha256(customer.encode()).hexdigest(), 16) % WHOLE
    for name in sorted(weights):
        place -= weights[name]
        if place < 0:
            return name
    raise LookupError(f"{weights} do not sum to 100")


@dataclass(frozen=True, slots=True)
class Answer:
    """What one customer was told, by which document, and when it asked."""

    customer: str
    began_at: datetime
    ended_at: datetime
    revision: int
    version: int
    said: bytes


@dataclass(slots=True)
class Place:
    """A prediction server with those who ask it."""

    target: str
    answers: list[Answer] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def met(self, revision: int) -> set[str]:
        """Return who was answered by a document."""
        return {each.customer for each in self.answers if each.revision == revision}


class _Scorer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, home: Path, *arguments: object) -> None:
        self.home = home
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        try:
            routes = json.loads((self.home / "routes.json").read_text())
            variants = routes["variants"]
            weights = {name: each["weight"] for name, each in variants.items()}
            route = variants[chosen(weights, self.headers[KEY])]
            body = (self.home / route["path"] / "model.bin").read_bytes()
        except (OSError, LookupError, ValueError) as error:
            self._say(503, repr(error).encode(), {})
            return
        said = {"Revision": routes["revision"], "Version": route["version"]}
        self._say(200, body, said)

    def _say(self, status: int, body: bytes, headers: Mapping[str, int]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Keep the tests' output clean."""


@contextmanager
def asking(homes: Mapping[str, Path]) -> Iterator[Sequence[Place]]:
    """Serve each home, and let everybody ask there until the end of the block."""
    stopping = threading.Event()
    with ExitStack() as running:
        places = []
        for target, home in homes.items():
            place = Place(target)
            netloc = running.enter_context(_server(home))
            work = partial(_ask_for_ever, place, netloc, stopping)
            running.enter_context(_thread(work, stopping))
            places.append(place)
        yield places


@contextmanager
def _server(home: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Scorer, home))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def _thread(work: partial[None], stopping: threading.Event) -> Iterator[None]:
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def _ask_for_ever(place: Place, netloc: str, stopping: threading.Event) -> None:
    line = http.client.HTTPConnection(netloc, timeout=TIMEOUT_SECONDS)
    for customer in cycle(CUSTOMERS):
        if stopping.wait(PAUSE_SECONDS):
            break
        began_at = main.EDGE.now()
        try:
            line.request("GET", "/", headers={KEY: customer})
            answer = line.getresponse()
            body, said = answer.read(), answer.headers
        except (OSError, http.client.HTTPException) as error:
            line.close()
            place.failures.append(repr(error))
            continue
        if answer.status != http.HTTPStatus.OK:
            place.failures.append(body.decode())
            continue
        told = Answer(
            customer,
            began_at,
            main.EDGE.now(),
            int(said["Revision"]),
            int(said["Version"]),
            body,
        )
        place.answers.append(told)
    line.close()
