"""Which documents follow from what a lane desires?"""

import base64
from dataclasses import dataclass
from typing import Any

import rfc8785

from rollbook.commands.desired import Document, Target, Wake, key_of
from rollbook.event import Data
from rollbook.names import ModelName, StageName, TargetName


@dataclass(frozen=True, slots=True)
class Written:
    """One document that should be in the bucket, and the hint that it is there."""

    key: str
    document: Document
    wake: Wake
    stage: StageName
    """Of the place; a lane that runs beside it has another."""
    target: TargetName

    @property
    def wake_subject(self) -> str:
        """Name where the target's agent listens."""
        return f"rollbook.wake.{self.stage}.{self.target}"


def documents(
    model: ModelName, body: bytes, data: Data, *, sequence: int
) -> list[Written]:
    """Make the document of each target from one `lane.desired_set`.

    `data` is as it was stored: events before version 2 name no lane beside which
    theirs runs.
    """
    place = StageName(data.get("beside") or data["stage"])
    encoded = base64.b64encode(body).decode()
    return [
        _document(Target(place, TargetName(name), model), encoded, data, sequence)
        for name in sorted(data["targets"])
    ]


def _document(target: Target, event: str, data: Data, sequence: int) -> Written:
    key = key_of(target, StageName(data["stage"]))
    return Written(
        key=key,
        document=Document(
            event=event,
            model=target.model,
            sequence=sequence,
            written_for=f"{target.stage}/{target.target}",
        ),
        wake=Wake(key=key, revision=data["revision"]),
        stage=target.stage,
        target=target.target,
    )


def stored_bytes(raw: Any) -> bytes:
    """Write an accepted event's bytes again: accepted means canonical, so the same."""
    return rfc8785.dumps(raw)
