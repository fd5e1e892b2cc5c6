"""What answers as the API of a Kubernetes cluster with KServe would?

It refuses what the real one refuses: another path or content type, an unknown field,
a stale resourceVersion. Behind it a controller moves one tick with each look, by the
rules of KServe and Knative: see `knative_stand_in`.
"""

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from tests.support.knative_stand_in import Knative

PATH: Final = re.compile(
    r"/apis/serving\.kserve\.io/v1beta1/namespaces/(?P<namespace>[a-z-]+)"
    r"/inferenceservices(/(?P<name>[^/]+))?"
)
NAME: Final = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
TOKEN: Final = "the-agents-token"
MERGE: Final = "application/merge-patch+json"
REASONS: Final = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    415: "UnsupportedMediaType",
    422: "Invalid",
    500: "InternalError",
}
FIELDS: Final = {
    "": {"apiVersion", "kind", "metadata", "spec"},
    "metadata": {"name", "namespace", "annotations", "resourceVersion"},
    "spec": {"predictor"},
    "spec.predictor": {"canaryTrafficPercent", "model"},
    "spec.predictor.model": {"storageUri", "modelFormat"},
    "spec.predictor.model.modelFormat": {"name"},
}


class Refused(Exception):
    """An answer of the API that is no success."""

    def __init__(self, code: int, message: str, *, name: str | None = None) -> None:
        self.code, self.message, self.name = code, message, name

    def body(self) -> dict[str, Any]:
        details = {"kind": "inferenceservices", "name": self.name}
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "message": self.message,
            "reason": REASONS.get(self.code, ""),
            "details": details if self.name else {},
            "code": self.code,
        }


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it came."""

    verb: str
    name: str
    is_dry: bool
    body: Mapping[str, Any]


@dataclass(slots=True)
class Cluster:
    """The state of the cluster; `url` is where it listens."""

    url: str = ""
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    knative: Knative = field(default_factory=Knative)
    calls: list[Call] = field(default_factory=list)
    refusals: list[tuple[str, Refused]] = field(default_factory=list)
    """Answers to the next calls of a verb."""
    is_raw: bool = False
    is_asleep: bool = False
    """The controller does nothing."""
    goes_after: int = 0
    """How often a deleted service is still seen, until its finalizers are done."""
    version: int = 1000
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(
        self, verb: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> dict[str, Any]:
        with self.lock:
            if headers.get("Authorization") != f"Bearer {TOKEN}":
                raise Refused(401, "Unauthorized")
            place, query = urlsplit(path), parse_qs(urlsplit(path).query)
            path_found = PATH.fullmatch(place.path)
            if path_found is None or path_found["namespace"] != "models":
                raise Refused(404, "the server could not find the requested resource")
            if not set(query) <= {"dryRun", "fieldManager"}:
                raise Refused(400, f"unknown parameters: {sorted(query)}")
            is_dry = query.get("dryRun") == ["All"]
            read = json.loads(body) if body else {}
            name = path_found["name"] or read.get("metadata", {}).get("name", "")
            self.calls.append(Call(verb, name, is_dry, read))
            for each in self.refusals:
                if each[0] == verb:
                    self.refusals.remove(each)
                    raise each[1]
            if verb in ("POST", "PATCH"):
                self._check_form(verb, headers.get("Content-Type", ""), query)
            found = getattr(self, f"_{verb.lower()}")(name, read, is_dry)
            answer: dict[str, Any] = json.loads(json.dumps(found))
            return answer

    def _check_form(
        self, verb: str, content_type: str, query: Mapping[str, list[str]]
    ) -> None:
        expected = MERGE if verb == "PATCH" else "application/json"
        if content_type != expected:
            raise Refused(
                415,
                "the body of the request was in an unknown format - accepted "
                f"media types include: {expected}",
            )
        if query.get("fieldManager") != ["rollbook"]:
            raise Refused(400, "fieldManager is missing")

    def _get(self, name: str, read: object, is_dry: bool) -> dict[str, Any]:
        found = self._find(name)
        if "deletionTimestamp" in found["metadata"]:
            self.goes_after -= 1
            if self.goes_after < 0:
                self.forget(name)
        elif not self.is_asleep and self.knative.tick(name, found, self.is_raw):
            self._bump(found)
        return found

    def _post(self, name: str, read: dict[str, Any], is_dry: bool) -> dict[str, Any]:
        _check_fields(read)
        if (read.get("apiVersion"), read.get("kind")) != (
            "serving.kserve.io/v1beta1",
            "InferenceService",
        ):
            raise Refused(400, "the object provided is unrecognized")
        if "null" in json.dumps(read):
            raise Refused(422, "must be of type integer: null")
        if name in self.objects:
            raise Refused(409, f'inferenceservices "{name}" already exists', name=name)
        made = json.loads(json.dumps(read))
        made["metadata"] |= {"uid": "1", "generation": 1, "resourceVersion": "1"}
        _admit(made)
        if not is_dry:
            self.objects[name] = made
            self._bump(made)
        return dict(made)

    def _patch(self, name: str, read: dict[str, Any], is_dry: bool) -> dict[str, Any]:
        found = self._find(name)
        _check_fields(read)
        given = read["metadata"].get("resourceVersion")
        if given not in (None, found["metadata"]["resourceVersion"]):
            raise Refused(
                409,
                f'Operation cannot be fulfilled on inferenceservices "{name}": the '
                "object has been modified; please apply your changes to the latest "
                "version and try again",
                name=name,
            )
        changed = _merge(json.loads(json.dumps(found)), read)
        _admit(changed)
        if changed["spec"] != found["spec"]:
            changed["metadata"]["generation"] += 1
        if not is_dry and changed != found:
            self.objects[name] = changed
            self._bump(changed)
        return dict(changed)

    def _delete(self, name: str, read: object, is_dry: bool) -> dict[str, Any]:
        found = self._find(name)
        found["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        self.knative.forget(name)
        return {"kind": "Status", "apiVersion": "v1", "status": "Success"}

    def forget(self, name: str) -> None:
        del self.objects[name]
        self.knative.forget(name)

    def delete(self, name: str) -> None:
        """Delete a service as `kubectl delete` does."""
        with self.lock:
            self._delete(name, None, False)

    def edit(self, name: str, **predictor: Any) -> None:
        """Change a service as `kubectl edit` does, and let it settle."""
        with self.lock:
            found = self.objects[name]
            _merge(found["spec"]["predictor"], predictor)
            found["metadata"]["generation"] += 1
            self._bump(found)
            while self.knative.tick(name, found, self.is_raw):
                self._bump(found)

    def _find(self, name: str) -> dict[str, Any]:
        if name not in self.objects:
            raise Refused(404, f'inferenceservices "{name}" not found', name=name)
        return self.objects[name]

    def _bump(self, changed: dict[str, Any]) -> None:
        self.version += 1
        changed["metadata"]["resourceVersion"] = str(self.version)


def _check_fields(body: Mapping[str, Any], place: str = "") -> None:
    """Refuse a field that InferenceService v1beta1 does not have here."""
    known = FIELDS.get(place)
    for key, value in body.items():
        inner = f"{place}.{key}".strip(".")
        if known is not None and key not in known:
            raise Refused(422, f'unknown field "{inner}"')
        if isinstance(value, dict):
            _check_fields(value, inner)


def _admit(body: Mapping[str, Any]) -> None:
    """Refuse what the schema or KServe's webhook refuses."""
    name, predictor = body["metadata"]["name"], body["spec"]["predictor"]
    model, percent = predictor.get("model", {}), predictor.get("canaryTrafficPercent")
    if not NAME.fullmatch(name):
        raise Refused(
            403,
            'admission webhook "inferenceservice.kserve-webhook-server.validator" '
            f"denied the request: the InferenceService {name!r} is invalid",
        )
    if not isinstance(model.get("modelFormat", {}).get("name"), str):
        raise Refused(422, "spec.predictor.model.modelFormat.name: Required value")
    if not str(model.get("storageUri", "")).startswith(("s3://", "gs://", "pvc://")):
        raise Refused(
            403,
            'admission webhook "inferenceservice.kserve-webhook-server.validator" '
            f"denied the request: {model.get('storageUri')} is not supported",
        )
    if percent is not None and not (isinstance(percent, int) and 0 <= percent <= 100):
        raise Refused(422, f"spec.predictor.canaryTrafficPercent: Invalid {percent!r}")
    notes = body["metadata"].get("annotations", {})
    if not all(isinstance(each, str) for each in notes.values()):
        raise Refused(422, "metadata.annotations: Invalid type, must be string")


def _merge(into: dict[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Apply a merge patch (RFC 7386)."""
    for key, value in patch.items():
        if value is None:
            into.pop(key, None)
        elif isinstance(value, dict):
            into[key] = _merge(dict(into.get(key) or {}), value)
        else:
            into[key] = value
    return into


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Serve an empty cluster on a free port of this machine."""
    cluster = Cluster()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one packet for each answer

        def log_message(self, *said: object) -> None:
            """Say nothing."""

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                code, answer = (
                    200,
                    cluster.answer(self.command, self.path, dict(self.headers), body),
                )
            except Refused as refused:
                code, answer = refused.code, refused.body()
            sent = json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    cluster.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield cluster
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def kubeconfig(folder: Path, url: str, *, token: str = TOKEN) -> Path:
    """Write what `kubectl` would read."""
    file = folder / "kubeconfig"
    cluster = {"name": "here", "cluster": {"server": url}}
    user = {"name": "agent", "user": {"token": token}}
    context = {"cluster": "here", "user": "agent", "namespace": "models"}
    file.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [cluster],
                "users": [user],
                "contexts": [{"name": "test", "context": context}],
                "current-context": "test",
            }
        )
    )
    return file
