"""What has to be written next to an InferenceService, to get to what is wanted? Pure.

"Latest" in Knative's routes is the newest revision that is *ready*. So a canary that
gives way to another artifact would get that one's share until it is loaded
(kserve#2130): the other one is held at nothing first.
"""

from dataclasses import dataclass
from typing import Any, Final

from rollbook.agent.drivers.kserve.service import (
    AFTER,
    DIGEST,
    HELD,
    PREVIOUS_DIGEST,
    PREVIOUS_URI,
    URI,
    Artifact,
    Goal,
    Service,
)

INVALID: Final = "InvalidSpec"


@dataclass(frozen=True, slots=True)
class Write:
    """All that the driver ever writes to a service, and always all of it."""

    artifact: Artifact
    percent: int | None
    previous: Artifact | None
    after: str | None

    def patch(self, model_format: str | None) -> dict[str, Any]:
        """Spell a merge patch, in which null takes a field away."""
        model: dict[str, Any] = {"storageUri": self.artifact.uri}
        if model_format is not None:
            model["modelFormat"] = {"name": model_format}
        notes = {
            URI: self.artifact.uri,
            DIGEST: self.artifact.digest,
            PREVIOUS_URI: self.previous.uri if self.previous else None,
            PREVIOUS_DIGEST: self.previous.digest if self.previous else None,
            AFTER: self.after,
        }
        return {
            "metadata": {"annotations": notes},
            "spec": {
                "predictor": {"canaryTrafficPercent": self.percent, "model": model}
            },
        }


def is_reached(service: Service, goal: Goal) -> bool:
    """Tell whether a service serves what is wanted."""
    return (
        service.is_settled
        and (service.asked, service.percent) == (goal.newest, goal.percent)
        and (goal.canary is None or service.previous == goal.stable)
    )


def first(goal: Goal) -> Write:
    """Make a service: the stable version alone, before there is any canary."""
    return Write(goal.stable, None, previous=None, after=None)


def following(service: Service, goal: Goal) -> Write | None:
    """Choose the next write; None: wait until the service has done the last one.

    What the controller has not looked at is not written over: nobody could tell then
    which of the two the next revision is.
    """
    if not service.is_taken_up and service.transition != INVALID:
        return None
    return back(service, goal)


def back(service: Service, goal: Goal) -> Write | None:
    """Choose the next write without waiting for the controller, as to undo one."""
    if goal.canary is not None and not _has_base(service, goal):
        return back(service, Goal(goal.stable))
    if service.asked == goal.newest:
        if service.percent == goal.percent or not service.is_loaded:
            return None
        # The same notes, or the pods would start anew.
        return Write(goal.newest, goal.percent, service.previous, service.written_after)
    is_alone = service.is_raw or (service.is_whole and service.is_routed)
    percent = goal.percent if is_alone or service.base is None else HELD
    return Write(goal.newest, percent, service.base, service.mark or None)


def _has_base(service: Service, goal: Goal) -> bool:
    """Tell whether the stable version is what a canary would run beside."""
    if service.is_whole:
        return service.is_settled and service.asked == goal.stable
    return service.previous == goal.stable
