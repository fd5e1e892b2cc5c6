"""How do the people of a company speak to a running installation, each as themselves?

Over HTTP, with a token of their own. What one of them has recorded, the next one sees.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import httpx2

from rollbook.names import ModelName
from rollbook_projections.stage.queries.promotion import promotion
from rollbook_projections.view import Row, View
from rollbook_services import main
from rollbook_services.credentials import CONDUCTOR, read_credentials
from rollbook_services.serving import ALL
from tests.support import oracle
from tests.support.load import artifact
from tests.support.system import System, system

SECONDS: Final = 60
LOOK_AGAIN_SECONDS: Final = 0.02
PATIENT: Final = {"Prefer": "wait=30"}
# Who the company is: everybody has one hat, but for a person who has two accounts.
PEOPLE: Final = {
    "olga": ("policy-owner",),
    "omar": ("policy-owner",),
    "maria": ("model-owner", "publisher"),
    "milo": ("model-owner",),
    "rosa": ("risk-officer",),
    "ruth": ("risk-officer",),
    "rene": ("release-manager",),
    "ines": ("incident-commander",),
    "ivan": ("incident-commander",),
}
STAGING: Final[dict[str, Any]] = {"name": "staging", "targets": ["default"]}
PRODUCTION: Final[dict[str, Any]] = {"name": "production", "targets": ["default"]}


@dataclass(slots=True)
class Conducting:
    """A conductor that can be stopped and started again."""

    running: System
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return once it follows the ledger."""
        self._stop.clear()
        started = asyncio.Event()
        self._task = asyncio.create_task(self._run(started))
        ready = asyncio.create_task(started.wait())
        await asyncio.wait({self._task, ready}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        assert started.is_set(), self._task

    async def stop(self) -> None:
        """Return once it has let go of everything."""
        assert self._task is not None
        self._stop.set()
        await self._task

    async def _run(self, started: asyncio.Event) -> None:
        credentials = read_credentials(self.running.data / "credentials.json")
        token = credentials.token(CONDUCTOR)
        async with main.conductor(self.running.site, credential=token):
            started.set()
            await self._stop.wait()


@dataclass(slots=True)
class Caller:
    """Somebody with a token."""

    http: httpx2.AsyncClient
    company: "Company" = field(repr=False)
    principal: str = ""

    async def post(self, path: str, /, **body: Any) -> dict[str, Any]:
        """Have something recorded that must not be refused."""
        answer = await self.http.post(path, json=body)
        assert answer.status_code == 201, (path, answer.text)
        document: dict[str, Any] = answer.json()
        self.company.seen = max(self.company.seen, document.get("seq", 0))
        return document

    async def tries(self, path: str, /, **body: Any) -> dict[str, Any]:
        """Learn what would be recorded."""
        answer = await self.http.post(path, json=body, params={"dry_run": "true"})
        assert answer.status_code == 200, (path, answer.text)
        document: dict[str, Any] = answer.json()
        return document

    async def refused(self, path: str, /, **body: Any) -> dict[str, Any]:
        """Ask for something that must be refused; return the problem."""
        answer = await self.http.post(path, json=body)
        assert answer.is_client_error, (path, answer.text)
        problem: dict[str, Any] = answer.json()
        return problem

    async def get(self, path: str, /, **params: Any) -> Any:
        """Read what is there once all that was recorded is seen."""
        given = {name: each for name, each in params.items() if each is not None}
        asked = {"min_seq": self.company.seen, **given}
        answer = await self.http.get(path, params=asked, headers=PATIENT)
        assert answer.status_code == 200, (path, answer.text)
        return answer.json()["data"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A promotion that somebody asked for."""

    company: "Company" = field(repr=False)
    model: str
    number: int

    @property
    def path(self) -> str:
        return f"/models/{self.model}/promotions/{self.number}"

    async def until(self, *states: str) -> Row:
        """Wait until it has got to one of these states."""
        return await self.company.until(self.model, self.number, *states)

    async def approve(self, *names: str) -> None:
        """Let people approve what each of them is shown."""
        for name in names:
            person = self.company.people[name]
            shown = await person.get(self.path)
            await person.post(f"{self.path}/approvals", binding=shown["binding"])

    async def why(self, gate: str, **moment: Any) -> dict[str, Any]:
        """Return a gate's word as it is explained."""
        told = await self.company.pipeline.get(f"{self.path}/why", **moment)
        [found] = (each for each in told["gates"] if each["id"] == gate)
        return dict(found)


@dataclass(slots=True)
class Company:
    """Everybody who works with one installation."""

    running: System
    conducting: Conducting
    seen: int = 0
    people: dict[str, Caller] = field(default_factory=dict)
    callers: list[httpx2.AsyncClient] = field(default_factory=list)

    @property
    def pipeline(self) -> Caller:
        return self.people["pipeline"]

    def caller(self, token: str, principal: str = "") -> Caller:
        http = httpx2.AsyncClient(
            base_url=f"{self.running.url}/v1",
            headers={"Authorization": f"Bearer {token}"},
            timeout=SECONDS,
        )
        self.callers.append(http)
        return Caller(http, self, principal)

    async def engage(self) -> None:
        """Let everybody have their token."""
        operator = self.people["operator"] = self.caller(self.running.operator)
        for name, roles in PEOPLE.items():
            made = await operator.post("/access/people", name=name)
            token = await self.running.token(made["principal"], *roles)
            self.people[name] = self.caller(token, made["principal"])
        token = await self.running.token("svc:pipeline", "publisher")
        self.people["pipeline"] = self.caller(token, "svc:pipeline")

    async def model(self, name: str, *, versions: int = 1) -> str:
        """Register a model with so many versions."""
        model = f"acme/{name}"
        await self.pipeline.post("/models", model=model)
        for _ in range(versions):
            await self.publish(model)
        return model

    async def publish(self, model: str) -> int:
        """Register another version, of real bytes."""
        number = len(await self.pipeline.get(f"/models/{model}/versions")) + 1
        made = artifact(self.file(model, number), f"{model} {number}".encode())
        described = made.model_dump(mode="json", exclude_none=True)
        await self.pipeline.post(f"/models/{model}/versions", artifact=described)
        return number

    def file(self, model: str, version: int) -> Path:
        return self.running.folder / "artifacts" / model / f"{version}.bin"

    def served(self, model: str, stage: str) -> str | None:
        """Read what the agent of a stage serves now."""
        content = self.running.served(stage, ModelName(model))
        return None if content is None else content.decode()

    async def evaluate(self, model: str, version: int, auc: float) -> None:
        """Record evidence."""
        path = f"/models/{model}/versions/{version}"
        digest = (await self.pipeline.get(path))["digest"]
        await self.pipeline.post(
            f"{path}/evidence",
            kind="eval",
            subject_digest=digest,
            metrics={"auc": auc},
            verdict="pass",
            produced_at=main.EDGE.now().isoformat(),
        )

    async def rules(self, *models: str, name: str = "", **spec: Any) -> str:
        """Let rules of one's own hold for models, as two people agree; return which."""
        owner, other = self.people["olga"], self.people["omar"]
        name = name or models[0].replace("/", "-")
        document = policy(name, models, **spec)
        proposed = await owner.post("/policies", document=document, reason="ours")
        digest: str = proposed["events"][0]["data"]["digest"]
        await other.post(f"/policies/{name}/endorsements", digest=digest)
        await owner.post(f"/policies/{name}/activations", digest=digest)
        return digest

    async def ask(self, model: str, version: int, stage: str) -> Asked:
        """Let the pipeline ask for a version in a stage."""
        done = await self.pipeline.post(
            f"/models/{model}/promotions", stage=stage, version=version
        )
        number = done["events"][0]["data"]["promotion"]
        return Asked(self, model, number)

    async def live(self, model: str, version: int, stage: str) -> Asked:
        """Bring a version into a stage where nothing is in the way."""
        asked = await self.ask(model, version, stage)
        await asked.until("SUCCEEDED")
        return asked

    async def until(self, model: str, number: int, *states: str) -> Row:
        """Wait until a promotion has got to one of these states."""
        row: Row | None = None
        try:
            async with asyncio.timeout(SECONDS):
                while row is None or row["state"] not in states:
                    row = await self.promotion(model, number)
                    await asyncio.sleep(LOOK_AGAIN_SECONDS)
        except TimeoutError:
            raise AssertionError(f"{model}:{number} is {row}, not {states}") from None
        self.seen = max(self.seen, await self.running.ledger.head())
        return row

    async def promotion(self, model: str, number: int) -> Row | None:
        database = self.running.sources["stage"].database
        return await database.read(lambda each: promotion(View(each), model, number))

    async def recorded(
        self, *types: str, model: str | None = None, **data: Any
    ) -> dict[str, Any]:
        """Wait until an event of one of these types, with this data, is recorded."""
        async with asyncio.timeout(SECONDS):
            while True:
                for type_ in types:
                    for each in await self.events(type_, model=model):
                        if data.items() <= each["data"].items():
                            self.seen = max(self.seen, each["seq"])
                            return each
                await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def events(self, type_: str, **filters: Any) -> list[dict[str, Any]]:
        """List recorded events of a type, the oldest first."""
        found = await self.pipeline.get("/events", type=type_, limit=500, **filters)
        return list(found)

    async def is_sound(self) -> None:
        """Hold everything against the ledger alone."""
        head = await oracle.at_rest(self.running.sources.values())
        found = await oracle.history(self.running.ledger)
        assert not found.strange
        oracle.assert_rules_held(found)
        oracle.assert_recomputed(found)
        sources = self.running.sources.values()
        await oracle.assert_views_equal_replay(sources, head=head)


@asynccontextmanager
async def company(folder: Path) -> AsyncIterator[Company]:
    """Run a whole installation with its agents, and let everybody in."""
    roles = [role for role in ALL if role != "conductor"]
    async with (
        system(folder, roles) as running,
        running.agent("staging"),
        running.agent("production"),
    ):
        conducting = Conducting(running)
        await conducting.start()
        opened = Company(running, conducting)
        try:
            await opened.engage()
            yield opened
        finally:
            for http in opened.callers:
                await http.aclose()
            await conducting.stop()


def policy(name: str, models: tuple[str, ...], **spec: Any) -> dict[str, Any]:
    """Write a policy file as an object."""
    return {
        "apiVersion": "rollbook/v1",
        "kind": "ReleasePolicy",
        "metadata": {"name": name},
        "spec": {"applies_to": {"models": list(models)}, **spec},
    }


async def until_past(instant: str) -> None:
    """Wait until an instant that is a matter of seconds lies behind us."""
    left = datetime.fromisoformat(instant) - main.EDGE.now()
    await asyncio.sleep(max(left.total_seconds(), 0) + LOOK_AGAIN_SECONDS)
