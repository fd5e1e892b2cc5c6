"""Where does each resource lie, and what does an answer of the server say?"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from rollbook.reference import (
    LaneReference,
    ModelReference,
    PromotionReference,
    VersionReference,
)


def model_path(model: ModelReference) -> str:
    """Return the path of a model: always a team and a name."""
    return f"/v1/models/{quote(model.team, safe='')}/{quote(model.name, safe='')}"


def lane_path(lane: LaneReference) -> str:
    """Return the path of a lane."""
    return f"{model_path(lane.model)}/lanes/{quote(lane.stage, safe='')}"


def promotion_path(promotion: PromotionReference) -> str:
    """Return the path of a promotion."""
    return f"{model_path(promotion.model)}/promotions/{promotion.number}"


def policy_path(name: str) -> str:
    """Return the path of a policy."""
    return f"/v1/policies/{quote(name, safe='')}"


def bundle_path(number: int) -> str:
    """Return the path of a bundle."""
    return f"/v1/bundles/{number}"


def version_question(
    named: VersionReference | LaneReference,
) -> tuple[str, dict[str, str]]:
    """Return the path and the parameters that lead to the version that is meant."""
    path = model_path(named.model)
    if isinstance(named, LaneReference):
        back = f"~{named.back}" if named.back else ""
        return f"{path}/resolve", {"ref": f"#{named.stage}{back}"}
    if isinstance(named.at, int):
        return f"{path}/versions/{named.at}", {}
    return f"{path}/resolve", {"ref": named.at}


def digest_of(version: Mapping[str, Any]) -> str:
    """Return the digest of a version as any resource writes it."""
    artifact = version.get("artifact")
    nested = artifact.get("digest") if isinstance(artifact, Mapping) else None
    return str(version.get("digest") or nested or "")


def is_whole(digest: str) -> bool:
    """Tell whether a digest is all of one, not its beginning."""
    return re.fullmatch(r"sha256:[0-9a-f]{64}", digest) is not None


def event_data(answer: Mapping[str, Any], recorded_as: str) -> Mapping[str, Any]:
    """Return the data of the first event of a kind in what a command recorded."""
    for event in answer.get("events") or ():
        if f".{recorded_as}.v" in str(event.get("type", "")):
            data: Mapping[str, Any] = event.get("data") or {}
            return data
    return {}


def event_id(answer: Mapping[str, Any], recorded_as: str) -> str:
    """Return the id of the first event of a kind in what a command recorded."""
    for event in answer.get("events") or ():
        if f".{recorded_as}.v" in str(event.get("type", "")):
            return str(event.get("id", ""))
    return ""


def has_event(answer: Mapping[str, Any], recorded_as: str) -> bool:
    """Tell whether a command recorded an event of a kind."""
    return any(
        f".{recorded_as}.v" in str(event.get("type", ""))
        for event in answer.get("events") or ()
    )


def recorded_as(type_: str) -> str:
    """Write an event's type as people say it: `version.registered`."""
    name = type_.removeprefix("io.rollbook.")
    return name.rpartition(".v")[0] or name
