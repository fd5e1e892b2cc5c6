"""What runs longer than a request, and how far is it?"""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import structlog

MOST_REMEMBERED: Final = 100

log = structlog.stdlib.get_logger(__name__)


class State(StrEnum):
    """How a job fares."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(slots=True)
class Job:
    """One piece of long work; it reports `done` of `total` as it goes."""

    id: str
    kind: str
    subject: str
    state: State = State.RUNNING
    done: int = 0
    total: int = 0
    result: Any = None
    error: str | None = None
    started: float = field(default_factory=time.monotonic)
    ended: float | None = None

    def progress(self, done: int, total: int, *_: float) -> None:
        """Note how far the work is; called from the thread that does it."""
        self.done, self.total = done, total

    def document(self) -> dict[str, Any]:
        """Describe the job as it stands."""
        seconds = (self.ended or time.monotonic()) - self.started
        rate = self.done / seconds if seconds > 0 else 0.0
        left = (self.total - self.done) / rate if rate and not self.ended else None
        return {
            "job": self.id,
            "kind": self.kind,
            "subject": self.subject,
            "state": self.state.value,
            "done": self.done,
            "total": self.total,
            "seconds": round(seconds, 3),
            "rate": round(rate),
            "eta_seconds": None if left is None else round(left, 1),
            "result": self.result,
            "error": self.error,
        }


class Jobs:
    """The jobs of this process; their last results are remembered."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        """Run jobs in this group."""
        self._group = group
        self._jobs: dict[str, Job] = {}
        self._running: set[asyncio.Task[None]] = set()

    def find(self, id_: str) -> Job | None:
        """Return a job by id."""
        return self._jobs.get(id_)

    def start(
        self, kind: str, subject: str, work: Callable[[Job], Awaitable[Any]]
    ) -> Job:
        """Begin, or return the job that does just this already."""
        for job in self._jobs.values():
            same = (job.kind, job.subject) == (kind, subject)
            if same and job.state is State.RUNNING:
                return job
        job = Job(str(uuid.uuid4()), kind, subject)
        self._forget_the_oldest()
        self._jobs[job.id] = job
        task = self._group.create_task(_run(job, work), name=f"{kind} {subject}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return job

    def stop(self) -> None:
        """Cut every job short; each can be begun again from the start."""
        for task in self._running:
            task.cancel()

    def _forget_the_oldest(self) -> None:
        ended = [
            each for each in self._jobs.values() if each.state is not State.RUNNING
        ]
        for job in ended[: max(0, len(self._jobs) - MOST_REMEMBERED + 1)]:
            del self._jobs[job.id]


async def _run(job: Job, work: Callable[[Job], Awaitable[Any]]) -> None:
    try:
        job.result = await work(job)
        job.state = State.DONE
    except Exception as error:
        # The server goes on, whatever went wrong in a job.
        job.state, job.error = State.FAILED, str(error) or type(error).__name__
        log.exception("job_failed", kind=job.kind, subject=job.subject)
    except asyncio.CancelledError:
        job.state, job.error = State.FAILED, "the server stopped"
        raise
    finally:
        job.ended = time.monotonic()
    log.info("job_ended", kind=job.kind, subject=job.subject, state=job.state.value)
