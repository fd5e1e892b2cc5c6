"""How does a test get a real web server that behaves as badly as it likes?"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_PIECE = 64 * 1024


@dataclass(slots=True)
class Page:
    """What is answered under one path."""

    content: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    has_ranges: bool = True
    says_length: bool = True
    cut_after: int | None = None
    """Break the connection after so many bytes of an answer."""
    stall_after: int | None = None
    """Send nothing more after so many bytes, until the server stops."""


@dataclass(slots=True)
class ArtifactServer:
    """What it has, and what it was asked."""

    url: str
    pages: dict[str, Page] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    """Each path with the range that was asked for."""
    headers: list[dict[str, str]] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)


@contextmanager
def artifact_server() -> Iterator[ArtifactServer]:
    """Serve on a free port until the end of the block."""
    served = ArtifactServer("")
    listening = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, served))
    listening.daemon_threads = True
    served.url = f"http://127.0.0.1:{listening.server_address[1]}"
    thread = threading.Thread(target=listening.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield served
    finally:
        served.stopped.set()
        listening.shutdown()
        listening.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, served: ArtifactServer, *arguments: object) -> None:
        self.served = served
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.served.asked.append((self.path, asked))
        self.served.headers.append(dict(self.headers))
        page = self.served.pages.get(self.path, Page(status=404))
        start = _start(asked) if page.has_ranges else 0
        total = len(page.content)
        if start and start >= total:
            page = Page(status=416, headers={"Content-Range": f"bytes */{total}"})
        self._answer(page, start)

    def _answer(self, page: Page, start: int) -> None:
        self.close_connection = True
        body = page.content[start:]
        self.send_response(206 if start and page.status == 200 else page.status)
        for name, value in page.headers.items():
            self.send_header(name, value)
        if start:
            total = len(page.content)
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        if page.says_length and "Content-Length" not in page.headers:
            self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        ends = [each for each in (page.cut_after, page.stall_after) if each is not None]
        for at in range(0, min([len(body), *ends]), _PIECE):
            self.wfile.write(body[at : min([at + _PIECE, *ends])])
        self.wfile.flush()
        if page.stall_after is not None:
            self.served.stopped.wait()

    def log_message(self, format: str, *arguments: object) -> None:
        """Keep the tests' output clean."""


def _start(asked: str | None) -> int:
    found = re.fullmatch(r"bytes=(\d+)-", asked or "")
    return int(found[1]) if found else 0
