"""In which words are people told what an agent does?"""

import logging
import sys
from collections.abc import Iterable, Iterator

import structlog

from rollbook.agent.config import Config
from rollbook.agent.desired import Desired
from rollbook.agent.driver import Observed
from rollbook.agent.state import KeyState
from rollbook.agent.wanted import WHOLE
from rollbook.commands.target import ReportTarget
from rollbook.commands.wire import Done, Problem, Request


def leave_out_the_log() -> None:
    """Let the log's warnings go to standard error, and nothing else."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def desired(lane: Desired) -> str:
    """Say what a document wants."""
    event, model = lane.event, lane.target.model
    shares = [
        f"{model}@{event.variants[name].version}"
        + ("" if weight == WHOLE else f" {weight} %")
        for name, weight in lane.weights.items()
        if weight and name in event.variants
    ]
    return (
        f"{model}#{event.stage}  {', '.join(shares) or 'nothing'}   "
        f"revision {event.revision}, promotion {model}:{event.promotion}, "
        f"position {lane.sequence}"
    )


def answer(request: Request, answered: Done | Problem) -> tuple[str, str]:
    """Say what became of a report, in a word and a line."""
    what, observed = str(request.id), ""
    if isinstance(request.command, ReportTarget):
        report = request.command.report
        observed = ", ".join(report.observed.values()) or "nothing"
        what = f"{request.command.model} {request.command.state}, "
        what += f"revision {report.revision}"
    match answered:
        case Done(sequence=sequence):
            return "reported", f"{what}, observed {observed}   seq {sequence}"
        case Problem(code=code, message=message):
            return "unreported", f"{what}: {message} [{code}]"


def start(config: Config, serving: Iterable[str]) -> str:
    """Say who begins, and with what."""
    return (
        f"agent {config.stage}/{config.target}   "
        f"serving {', '.join(serving) or 'nothing yet'}   "
        f"resync every {config.resync:g} s\n"
    )


def serving(model: str, known: Iterable[KeyState], observed: Observed) -> str:
    """Say what runs of one model, with the versions that were applied."""
    versions = {
        digest: version for state in known for digest, version in state.served.items()
    }

    def runs() -> Iterator[str]:
        for digest in observed.runs:
            version = f"@{versions[digest]}" if digest in versions else ""
            yield f"{model}{version} {digest}"

    return ", ".join(runs()) or f"{model} nothing"
