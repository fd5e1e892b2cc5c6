"""What would KServe's controller and Knative make of an InferenceService?

The rules are those of KServe 0.15: a changed template, annotations included, makes a
revision; "latest" is the newest that is *ready*; `prev` is the last that had all;
`observedGeneration` is a child's and counts on its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

CHILDS_GENERATION: Final = 7


@dataclass(slots=True)
class Revision:
    """One Deployment of the predictor."""

    name: str
    uri: str


@dataclass(slots=True)
class Kept:
    """What lies behind one service."""

    template: str = ""
    revisions: dict[str, Revision] = field(default_factory=dict)
    created: str = ""
    ready: str = ""
    rolled_out: str = ""
    """The last revision that had all of the traffic."""
    routes: tuple[tuple[str, bool, int], ...] = ()
    """Revision, whether it is "latest", percent."""
    generation: int = CHILDS_GENERATION

    def serves(self) -> dict[str, int]:
        """Return what each address gets of the traffic."""
        found: dict[str, int] = {}
        for name, _, percent in self.routes:
            if percent:
                uri = self.revisions[name].uri
                found[uri] = found.get(uri, 0) + percent
        return found


@dataclass(slots=True)
class Knative:
    """The controllers, which move one tick at a time."""

    kept: dict[str, Kept] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    """Addresses whose model does not load."""
    slow: set[str] = field(default_factory=set)
    """Addresses whose model is loaded for ever."""
    unsupported: set[str] = field(default_factory=set)
    """Addresses that no serving runtime takes."""
    history: list[dict[str, int]] = field(default_factory=list)
    """What every service served after each tick."""

    def serves(self, name: str) -> dict[str, int]:
        return self.kept[name].serves() if name in self.kept else {}

    def forget(self, name: str) -> None:
        self.kept.pop(name, None)

    def tick(self, name: str, body: dict[str, Any], is_raw: bool) -> bool:
        """Do one thing and write the status; tell whether it has changed."""
        kept = self.kept.setdefault(name, Kept())
        predictor, before = body["spec"]["predictor"], body.get("status")
        uri = predictor["model"]["storageUri"]
        if uri in self.unsupported:
            body["status"] = {**(before or {}), **_failed("InvalidSpec", "no runtime")}
            return bool(body["status"] != before)
        is_new = False
        template = f"{uri} {sorted(body['metadata'].get('annotations', {}).items())}"
        if template != kept.template:
            is_new, kept.template = True, template
            kept.generation += 1
            kept.created = f"{name}-predictor-{kept.generation:05}"
            kept.revisions[kept.created] = Revision(kept.created, uri)
        elif uri not in self.refused | self.slow:
            kept.ready = kept.created
        percent = None if is_raw else predictor.get("canaryTrafficPercent")
        is_routed = _route(kept, percent)
        self.history.append(kept.serves())
        body["status"] = self._status(kept, uri, is_routed, is_raw)
        if is_new and before:  # the model's state is that of the pods of before
            body["status"]["modelStatus"] = before["modelStatus"]
        return bool(body["status"] != before)

    def _status(
        self, kept: Kept, uri: str, is_routed: bool, is_raw: bool
    ) -> dict[str, Any]:
        if uri in self.refused:
            said = _failed("BlockedByFailedLoad", f"{uri} is no model")
        elif kept.created == kept.ready and is_routed:
            said = _conditions("True", "", "") | _model("UpToDate")
        else:
            said = _conditions("Unknown", "Deploying", "not yet") | _model("InProgress")
        mode = "RawDeployment" if is_raw else "Serverless"
        said |= {"observedGeneration": kept.generation, "deploymentMode": mode}
        if is_raw:
            return {**said, "components": {"predictor": {"url": "http://here"}}}
        predictor = {
            "latestCreatedRevision": kept.created,
            "latestReadyRevision": kept.ready,
            "latestRolledoutRevision": kept.rolled_out,
            "traffic": [
                {"revisionName": name, "latestRevision": is_latest, "percent": percent}
                | ({} if is_latest else {"tag": "prev"})
                for name, is_latest, percent in kept.routes
            ],
        }
        return {**said, "components": {"predictor": predictor}}


def _route(kept: Kept, percent: int | None) -> bool:
    """Share the traffic; tell whether it was shared so before."""
    if not kept.ready:
        return False
    latest = 100 if percent is None or not kept.rolled_out else percent
    routes = [(kept.ready, True, latest)]
    if latest < 100:
        routes.append((kept.rolled_out, False, 100 - latest))
    if latest == 100 and kept.routes == tuple(routes):
        kept.rolled_out = kept.ready
    is_same, kept.routes = kept.routes == tuple(routes), tuple(routes)
    return is_same


def _conditions(state: str, reason: str, message: str) -> dict[str, Any]:
    ready = {"type": "Ready", "status": state, "reason": reason, "message": message}
    return {"conditions": [{"type": "IngressReady", "status": "True"}, ready]}


def _model(transition: str, failure: Mapping[str, str] | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"transitionStatus": transition}
    if failure:
        found["lastFailureInfo"] = dict(failure)
    return {"modelStatus": found}


def _failed(transition: str, message: str) -> dict[str, Any]:
    return _conditions("False", "RevisionFailed", message) | _model(
        transition, {"reason": "ModelLoadFailed", "message": message}
    )
