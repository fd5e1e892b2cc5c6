"""What is a driver of somebody else's told, and what may it answer?

One JSON object for every way to tell it, so that a script and a web server are written
alike.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rollbook.agent.driver import (
    Fault,
    Observed,
    Plan,
    Unapplied,
)
from rollbook.agent.wanted import Share
from rollbook.commands.desired import Target
from rollbook.names import Digest

Action = Literal["apply", "observe", "health"]


class _Runs(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    runs: Mapping[Digest, Annotated[int, Field(ge=0, le=100)] | None]


def question(action: Action, target: Target) -> dict[str, Any]:
    """Say what is asked, and of which place."""
    return {
        "action": action,
        "stage": target.stage,
        "target": target.target,
        "model": target.model,
    }


def order(plan: Plan, paths: Mapping[Digest, Path]) -> dict[str, Any]:
    """Say what should be served; `path` is null where nothing was fetched."""
    wanted = plan.wanted
    return {
        **question("apply", plan.target),
        "revision": wanted.event.revision,
        "promotion": wanted.event.promotion,
        "split_key": wanted.split_key,
        "variants": {
            name: _described(share, paths.get(share.variant.digest))
            for name, share in wanted.shares.items()
        },
        "previous": dict(plan.previous.runs),
    }


def _described(share: Share, path: Path | None) -> Mapping[str, Any]:
    return {
        "version": share.variant.version,
        "digest": share.variant.digest,
        "size_bytes": share.variant.size_bytes,
        "uri": share.variant.uri,
        "path": str(path) if path else None,
        "weight": share.weight,
        "mirror": share.mirror,
    }


def written(message: Mapping[str, Any]) -> bytes:
    """Write a message; the same one has the same bytes."""
    return orjson.dumps(message, option=orjson.OPT_SORT_KEYS)


def observed(said: bytes, who: str) -> Observed:
    """Read `{"runs": {digest: weight or null}}`; Unapplied for anything else."""
    try:
        return Observed(_Runs.model_validate_json(said).runs)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "its answer"
        raise Unapplied(
            Fault.DRIVER_ERROR,
            f"{who} does not say what runs: {place}: {first['msg']}",
        ) from error
