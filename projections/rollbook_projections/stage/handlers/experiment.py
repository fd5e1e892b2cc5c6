"""How do versions that run beside the live one change the stage view?"""

from collections.abc import Mapping
from typing import Any, Final

from rollbook.envelope import Envelope
from rollbook.event import Data
from rollbook_projections.projection import Handler
from rollbook_projections.reading import model_of, spoken_of, time_of
from rollbook_projections.rows import Rows

_ASKED: Final = (
    *("promotion", "stage", "parent", "beside", "candidate", "champion"),
    *("share", "split_key", "metric", "min_samples", "ends_at"),
)
_UNENDED: Final = dict.fromkeys(
    ("ended_at", "winner", "samples", "summary", "evidence", "cause", "inputs")
)


def started(rows: Rows, envelope: Envelope[Data]) -> None:
    """Enter an experiment: what is compared, and until when."""
    data = envelope.event
    rows.put(
        "experiments",
        {
            "model": model_of(envelope),
            **{name: data[name] for name in _ASKED},
            "state": "running",
            "started_at": time_of(envelope),
            "started_seq": rows.sequence,
            **_UNENDED,
        },
    )


def concluded(rows: Rows, envelope: Envelope[Data]) -> None:
    """Keep what it showed."""
    names = ("winner", "samples", "summary", "evidence", "cause")
    _end(rows, envelope, "concluded", {name: envelope.event[name] for name in names})


def invalidated(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note that it says nothing, and why."""
    data = envelope.event
    said = {"cause": data["cause"], "inputs": data["inputs"] or None}
    _end(rows, envelope, "invalidated", said)


def _end(
    rows: Rows, envelope: Envelope[Data], state: str, said: Mapping[str, Any]
) -> None:
    key = model_of(envelope), envelope.event["promotion"]
    before = spoken_of(rows, envelope, "experiments", *key)
    ended = {"state": state, "ended_at": time_of(envelope)}
    rows.put("experiments", {**before, **ended, **said})


HANDLERS: Final[Mapping[str, Handler]] = {
    "experiment.started": started,
    "experiment.concluded": concluded,
    "experiment.invalidated": invalidated,
}
