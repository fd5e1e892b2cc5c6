"""What does an InferenceService say of what it serves? Pure.

KServe knows no digests. Annotations say which artifact `storageUri` named when the
driver wrote it: where somebody else wrote since, nobody knows what that is. KServe
copies annotations into the pods' template, so they change with the address alone:
any other change would start all pods anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from pydantic import TypeAdapter, ValidationError

from rollbook.agent.wanted import WHOLE
from rollbook.names import Digest

DIGEST: Final = "rollbook.dev/digest"
URI: Final = "rollbook.dev/storage-uri"
PREVIOUS_DIGEST: Final = "rollbook.dev/previous-digest"
PREVIOUS_URI: Final = "rollbook.dev/previous-storage-uri"
AFTER: Final = "rollbook.dev/written-after"
HELD: Final = 0
_MODE: Final = "serving.kserve.io/deploymentMode"
_RAW: Final = ("RawDeployment", "Standard")
_DIGEST: Final = TypeAdapter[Digest](Digest)


@dataclass(frozen=True, slots=True)
class Artifact:
    """What a predictor loads."""

    uri: str
    digest: Digest | None
    """None: nobody knows what lies there."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What should be served: one artifact, or two."""

    stable: Artifact
    canary: Artifact | None = None
    percent: int | None = None
    """The canary's share."""

    @property
    def newest(self) -> Artifact:
        """Return what a service asks for that serves this."""
        return self.canary or self.stable


@dataclass(frozen=True, slots=True)
class Route:
    """A share of the requests, as Knative routes it."""

    is_latest: bool
    """It follows the newest revision that is ready; else it is pinned."""
    percent: int


@dataclass(frozen=True, slots=True)
class Service:
    """An InferenceService: what is asked of it, and what it says it does."""

    resource_version: str
    is_leaving: bool
    asked: Artifact | None
    percent: int | None
    """The canary's share as it is asked for; None: all."""
    previous: Artifact | None
    """What was served whole before."""
    written_after: str | None
    mark: str
    """Moves when the controller has taken up another artifact. `observedGeneration`
    cannot tell: KServe copies it from a child (kserve#6081)."""
    created: str | None
    ready: str | None
    """The newest revision, and the newest that is ready; None without Knative."""
    routes: tuple[Route, ...]
    is_ready: bool | None
    says: str
    """How it does, in words."""
    is_raw: bool
    """Without Knative nothing shares the traffic."""
    transition: str
    failure: str

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Self:
        """Read the API's answer."""
        metadata, status = body["metadata"], body.get("status") or {}
        notes: Mapping[str, str] = metadata.get("annotations") or {}
        predictor = body.get("spec", {}).get("predictor", {})
        component = status.get("components", {}).get("predictor", {})
        condition = _condition(status)
        model = status.get("modelStatus", {})
        created = component.get("latestCreatedRevision")
        is_raw = not {status.get("deploymentMode"), notes.get(_MODE)}.isdisjoint(_RAW)
        generation = str(status.get("observedGeneration", "")) if is_raw else ""
        return cls(
            resource_version=metadata["resourceVersion"],
            is_leaving="deletionTimestamp" in metadata,
            asked=_asked(predictor.get("model", {}).get("storageUri"), notes),
            percent=predictor.get("canaryTrafficPercent"),
            previous=_previous(notes),
            written_after=notes.get(AFTER),
            mark=created or generation,
            created=created,
            ready=component.get("latestReadyRevision"),
            routes=tuple(
                Route(bool(each.get("latestRevision")), each.get("percent") or 0)
                for each in component.get("traffic", [])
            ),
            is_ready={"True": True, "False": False}.get(condition.get("status", "")),
            says=_words(condition),
            is_raw=is_raw,
            transition=model.get("transitionStatus", ""),
            failure=model.get("lastFailureInfo", {}).get("message", ""),
        )

    @property
    def is_whole(self) -> bool:
        """Tell whether one version is asked to answer all requests."""
        return self.percent is None or self.percent == WHOLE

    @property
    def is_taken_up(self) -> bool:
        """Tell whether the controller has seen the artifact that is asked for."""
        return bool(self.mark) and self.mark != self.written_after

    @property
    def has_newest(self) -> bool:
        """Tell whether what is asked for is what "latest" leads to."""
        if not self.is_taken_up:
            return False
        return self.created == self.ready if self.created else self.is_ready is True

    @property
    def is_loaded(self) -> bool:
        """Tell whether what is asked for is there and well."""
        return self.has_newest and self.is_ready is True

    @property
    def is_routed(self) -> bool:
        """Tell whether the requests are shared as is asked for."""
        routed = sum(each.percent for each in self.routes if each.is_latest)
        wanted = WHOLE if self.percent is None else self.percent
        return self.has_newest and (self.is_raw or routed == wanted)

    @property
    def is_settled(self) -> bool:
        """Tell whether all that is asked for is done, and well."""
        return self.is_routed and self.is_loaded and not self.is_leaving

    @property
    def base(self) -> Artifact | None:
        """Return what is served whole: beside a canary, or until one is loaded."""
        return self.asked if self.is_whole and self.is_routed else self.previous

    @property
    def serves(self) -> Goal | None:
        """Say what is served now, to get back to it; None: nobody knows."""
        if self.previous and (self.percent == HELD or not self.has_newest):
            return Goal(self.previous)
        if self.asked is None:
            return None
        if self.previous is None or self.is_whole:
            return Goal(self.asked)
        return Goal(self.previous, self.asked, self.percent)

    @property
    def runs(self) -> Mapping[Digest, int | None]:
        """Return what is served, as far as it is known.

        While the newest revision is not ready, "latest" leads to the one before: to a
        canary that nobody has noted any more, where it is to be held.
        """
        before = None if self.percent == HELD else self.previous
        latest = self.asked if self.has_newest else before
        routes = (Route(True, WHOLE),) if self.is_raw else self.routes
        routes = () if self.is_leaving else routes
        runs: dict[Digest, int | None] = {}
        for each in routes:
            artifact = latest if each.is_latest else self.previous
            if artifact and artifact.digest and each.percent:
                runs[artifact.digest] = (runs.get(artifact.digest) or 0) + each.percent
        return runs


def _asked(uri: str | None, notes: Mapping[str, str]) -> Artifact | None:
    if uri is None:
        return None
    return Artifact(uri, _digest(notes.get(DIGEST)) if uri == notes.get(URI) else None)


def _previous(notes: Mapping[str, str]) -> Artifact | None:
    uri = notes.get(PREVIOUS_URI)
    return Artifact(uri, _digest(notes.get(PREVIOUS_DIGEST))) if uri else None


def _condition(status: Mapping[str, Any]) -> Mapping[str, str]:
    for each in status.get("conditions", []):
        if each["type"] == "Ready":
            found: Mapping[str, str] = each
            return found
    return {}


def _words(condition: Mapping[str, str]) -> str:
    said = [condition.get("reason", ""), condition.get("message", "")]
    state = f"Ready is {condition.get('status', 'not said')}"
    return ": ".join([state, *filter(None, said)])


def _digest(note: str | None) -> Digest | None:
    try:
        return _DIGEST.validate_python(note)
    except ValidationError:
        return None
