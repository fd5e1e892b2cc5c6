"""How does every part of Rollbook log, ours and the libraries'?"""

import logging
import sys
from typing import TextIO

import structlog

_SECRET_KEYS = frozenset({"token", "secret", "credential", "seed", "authorization"})


def set_up(
    *, level: str = "info", format_: str = "auto", stream: TextIO | None = None
) -> None:
    """Send structlog and the standard library the same way, once per process.

    `format_` is console, json or auto (console on a terminal).
    """
    stream = stream or sys.stderr
    is_console = format_ == "console" or (format_ == "auto" and stream.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        redact,
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer()
        if is_console
        else structlog.processors.JSONRenderer()
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("httpcore", "httpx2", "asyncio", "uvicorn.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,  # first: what is not written costs least
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def redact(
    logger: object, method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Drop what must never be in a log, whoever put it there."""
    for key, value in event.items():
        if key in _SECRET_KEYS:
            event[key] = "(redacted)"
        elif isinstance(value, str) and "rbk_" in value:
            event[key] = _without_tokens(value)
    return event


def _without_tokens(text: str) -> str:
    head, *rest = text.split("rbk_")
    return head + "".join(
        "rbk_(redacted)" + part.lstrip("abcdefghijklmnopqrstuvwxyz234567_")
        for part in rest
    )
