"""A server that says what it was told to: for answers a healthy server never gives."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, slots=True)
class Heard:
    """One request as it arrived."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: Any


@dataclass(slots=True)
class Canned:
    """Answers by method and path; keeps what it heard."""

    url: str = ""
    answers: dict[str, list[tuple[int, Any]]] = field(default_factory=dict)
    heard: list[Heard] = field(default_factory=list)

    def say(self, request: str, *bodies: Any, status: int = 200) -> None:
        """Answer `GET /path` with these bodies in turn, the last for ever."""
        self.answers[request] = [(status, body) for body in bodies]

    def refuse(self, request: str, status: int, code: str, **members: Any) -> None:
        """Answer with a problem."""
        problem = {"code": code, "title": code, "detail": f"no: {code}", **members}
        self.say(request, problem, status=status)

    def next(self, heard: Heard) -> tuple[int, Any]:
        """Return the answer to a request."""
        self.heard.append(heard)
        answers = self.answers.get(f"{heard.method} {heard.path}")
        if answers is None:
            return 404, {"code": "not-found", "detail": f"nothing at {heard.path}"}
        return answers.pop(0) if len(answers) > 1 else answers[0]


@contextmanager
def canned() -> Iterator[Canned]:
    """Listen on a free loopback port while the context is open."""
    said = Canned()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("GET", None)

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            self._answer("POST", json.loads(self.rfile.read(length) or b"{}"))

        def _answer(self, method: str, body: Any) -> None:
            parts = urlsplit(self.path)
            query = parse_qs(parts.query)
            heard = Heard(method, parts.path, query, dict(self.headers), body)
            status, answer = said.next(heard)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    said.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield said
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
