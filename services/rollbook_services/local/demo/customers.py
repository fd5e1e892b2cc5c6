"""Who asks for predictions all the while, and was anybody left without an answer?"""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Final
from urllib.parse import urlsplit

from rollbook_services.local.demo.digits import Scans

CUSTOMERS: Final = 100
_PAUSE_SECONDS: Final = 0.004
_LOOK_EVERY_SECONDS: Final = 0.02
_TIMEOUT_SECONDS: Final = 10


@dataclass(slots=True)
class Answers:
    """What was answered so far, by every place together."""

    asked: int = 0
    failed: int = 0
    """Requests that got no answer, or an error."""
    by_version: Counter[int] = field(default_factory=Counter)
    wrong: Counter[int] = field(default_factory=Counter)
    """By version, the answers that were not what the scan shows."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, version: int | None, is_right: bool) -> None:
        """Count one request; no version: it failed."""
        with self.lock:
            self.asked += 1
            if version is None:
                self.failed += 1
            else:
                self.by_version[version] += 1
                self.wrong[version] += not is_right

    def seen(self) -> "Answers":
        """Return a copy that stands still."""
        with self.lock:
            return Answers(
                self.asked, self.failed, Counter(self.by_version), Counter(self.wrong)
            )

    def error_rate(self, version: int, since: "Answers") -> tuple[float, int]:
        """Return which share of a version's answers was wrong, of how many."""
        samples = self.by_version[version] - since.by_version[version]
        wrong = self.wrong[version] - since.wrong[version]
        return (wrong / samples if samples else 0.0), samples


@dataclass(frozen=True, slots=True)
class Place:
    """Where customers ask, from the moment it is open."""

    url: str
    is_open: Callable[[], bool]


@contextmanager
def customers(places: Iterable[Place], scans: Scans) -> Iterator[Answers]:
    """Let a hundred customers ask every place, from its opening to the end."""
    answers, stopping = Answers(), threading.Event()
    threads = [
        threading.Thread(
            target=_ask_for_ever, args=(place, scans, answers, stopping), daemon=True
        )
        for place in places
    ]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        stopping.set()
        for thread in threads:
            thread.join(_TIMEOUT_SECONDS)


def _ask_for_ever(
    place: Place, scans: Scans, answers: Answers, stopping: threading.Event
) -> None:
    while not (place.is_open() or stopping.wait(_LOOK_EVERY_SECONDS)):
        pass
    there = urlsplit(place.url).netloc
    line = http.client.HTTPConnection(there, timeout=_TIMEOUT_SECONDS)
    for number in count():
        if stopping.is_set():
            break
        index = number % len(scans.shown)
        body = {
            "customer": f"customer-{number % CUSTOMERS}",
            "image": scans.images[index].tolist(),
        }
        answers.note(*_ask(line, body, int(scans.shown[index])))
        time.sleep(_PAUSE_SECONDS)
    line.close()


def _ask(
    line: http.client.HTTPConnection, body: Mapping[str, object], shown: int
) -> tuple[int | None, bool]:
    try:
        line.request("POST", "/predict", json.dumps(body))
        answer = line.getresponse()
        said = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError):
        line.close()
        return None, False
    if answer.status != http.HTTPStatus.OK:
        return None, False
    return int(said["version"]), said["digit"] == shown
