"""How does somebody wait for a promotion, and how does the waiting end?"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import click

from rollbook.client.resources import lane_path, promotion_path
from rollbook.client.waiting import Wait, is_reached, is_shown, still_pending
from rollbook.reference import LaneReference, PromotionReference
from rollbook_services.cli.api import Api
from rollbook_services.cli.following import Follower
from rollbook_services.cli.output import Output, Row, dumps

UNTIL: Final = ("ready", "dispatched", "deployed", "live")
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_LOOK_EVERY_SECONDS: Final = 0.25
_SETTLES_WITHIN_SECONDS: Final = 2.0
_SETTLE_STEP_SECONDS: Final = 0.02

Teller = Callable[[Row], None]
"""Tells somebody what a promotion's document says now."""


def wait_for(
    api: Api, promotion: PromotionReference, wait: Wait, output: Output
) -> None:
    """Follow a promotion; raises what it came to, unless it is what was wanted."""
    try:
        with _telling(promotion, output) as tell:
            answer = _reached(api, promotion, wait, tell)
    except KeyboardInterrupt:
        output.note(f"{promotion} goes on; to see it again: rollbook watch {promotion}")
        raise
    found = answer["data"]
    if str(found["state"]).upper() == "SUCCEEDED":
        _settle(api, promotion, str(found["stage"]))
    output.facts(
        answer,
        [("promotion", str(promotion)), ("state", found["state"])],
        name=str(promotion),
    )


def _reached(api: Api, promotion: PromotionReference, wait: Wait, tell: Teller) -> Row:
    deadline = time.monotonic() + wait.limit_seconds
    while True:
        answer = api.read(promotion_path(promotion))
        found = answer["data"]
        tell(found)
        if is_reached(promotion, found, wait):
            return answer
        if time.monotonic() >= deadline:
            raise still_pending(promotion, found, wait)
        time.sleep(min(_LOOK_EVERY_SECONDS, max(0.0, deadline - time.monotonic())))


@contextmanager
def _telling(promotion: PromotionReference, output: Output) -> Iterator[Teller]:
    """Draw in a terminal; else write each fact as a line, for programs as an object."""
    if not output.is_for_programs() and not output.quiet and is_watched():
        from rollbook_services.cli.live import drawing

        with drawing(promotion, output) as tell:
            yield tell
        return
    follower = Follower(promotion, output)
    is_json = output.form in {"json", "jsonl"}

    def write(found: Row) -> None:
        for news in follower.news(found):
            output.note(dumps(news.told) if is_json else news.line)

    yield write


def is_watched() -> bool:
    """Tell whether somebody sees what is written to stderr, in a real terminal."""
    from os import environ
    from sys import stderr

    return stderr.isatty() and environ.get("TERM") != "dumb"


def _settle(api: Api, promotion: PromotionReference, stage: str) -> None:
    """Wait until the lane shows it too, so that the next command sees it live.

    The events of one decision reach a view one after another.
    """
    deadline = time.monotonic() + _SETTLES_WITHIN_SECONDS
    while time.monotonic() < deadline:
        answer = api.read(lane_path(LaneReference(promotion.model, stage)))
        if is_shown(promotion, answer["data"]):
            api.saw(int(answer["seq"]))
            return
        time.sleep(_SETTLE_STEP_SECONDS)


def seconds(text: str) -> float:
    """Read a length of time: 90, 90s, 30m, 12h, 7d."""
    matched = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smhd]?)", text)
    if matched is None:
        raise click.UsageError(f"{text!r} is no length of time; write 90s, 30m or 12h")
    return float(matched[1]) * _UNITS[matched[2]]
