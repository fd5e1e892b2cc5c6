"""The demo from beginning to end: which acts, in which order, on which processes?"""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from rollbook.client.transport import Transport
from rollbook.errors import Misconfigured
from rollbook_services.local.demo import (
    audit,
    digits,
    emergency,
    failure,
    fleet,
    release,
    rules,
)
from rollbook_services.local.demo.machinery import Installation, agent, installation
from rollbook_services.local.demo.narrator import Narrator
from rollbook_services.local.demo.players import MODEL, Player, engage, operator
from rollbook_services.local.demo.scene import Scene

STAGES: Final = ("staging", "production")


def tell(data: Path | None, *, keep_running: bool) -> None:
    """Play the demo on a new data directory; UntrueClaim ends it at once."""
    folder = free_folder(data)
    narrator = Narrator(sys.stdout)
    narrator.act(
        "Five models are trained on scans of digits that came with scikit-learn"
    )
    (folder / "demo").mkdir(mode=0o700, parents=True)
    trained, prepared = _train(folder / "demo", narrator)
    with ExitStack() as running:
        narrator.act(f"Rollbook starts, on {folder}")
        up = running.enter_context(installation(folder, folder / "demo" / "up.log"))
        scene = _people(up, folder / "demo", narrator, trained, prepared)
        running.enter_context(_agents(folder))
        narrator.say("Two agents run as processes of their own, with nothing to serve.")
        _life(scene)
        _rules(scene)
        running.enter_context(_fleet(scene))
        _audit(scene)
        before = audit.everything(scene)
    _restart(scene, folder, before, keep_running=keep_running)


def free_folder(data: Path | None) -> Path:
    """Return a folder that does not exist yet, the default one or a numbered one."""
    if data is None:
        names = ("rollbook-demo", *(f"rollbook-demo-{n}" for n in range(2, 1000)))
        return next(Path(name) for name in names if not Path(name).exists())
    if data.exists() and any(data.iterdir()):
        raise Misconfigured(
            "--data", f"{data} is not empty; the demo needs a new directory"
        )
    return data


def _train(
    folder: Path, narrator: Narrator
) -> tuple[dict[int, digits.Trained], digits.Data]:
    prepared = digits.prepare(folder / "datasets")
    artifacts = folder / "artifacts"
    trained = {
        1: digits.train_baseline(prepared, artifacts / "1"),
        2: digits.train_better(prepared, artifacts / "2"),
        3: digits.train_deceptive(prepared, artifacts / "3"),
        4: digits.train_careful(prepared, artifacts / "4"),
        5: digits.train_careless(prepared, artifacts / "5"),
    }
    for number, each in trained.items():
        narrator.say(
            f"Model {number} is {each.title}: accuracy {each.accuracy} on "
            f"{len(each.measured_on.shown)} scans of {each.measured_on.name}."
        )
    narrator.claim(
        "the second reads better than the first on the same scans",
        trained[2].accuracy > trained[1].accuracy
        and trained[1].measured_on is trained[2].measured_on,
    )
    return trained, prepared


def _people(
    up: Installation,
    folder: Path,
    narrator: Narrator,
    trained: dict[int, digits.Trained],
    prepared: digits.Data,
) -> Scene:
    tokens = folder / "tokens"
    boss = operator(up.credentials, tokens)

    def hire(name: str, *roles: str, is_service: bool = False) -> Player:
        return engage(boss, name, roles, tokens=tokens, is_service=is_service)

    scene = Scene(
        narrator=narrator,
        folder=folder,
        data=prepared,
        trained=trained,
        operator=boss,
        ci=hire("ci-bot", "publisher", is_service=True),
        alice=hire("alice", "publisher", "reviewer", "release-manager"),
        bob=hire("bob", "reviewer"),
        carol=hire("carol", "auditor"),
        dora=hire("dora", "policy-owner"),
        erin=hire("erin", "policy-owner", "incident-commander"),
        mona=hire("mona", "model-owner"),
        rolf=hire("rolf", "risk-officer"),
        frank=hire("frank", "incident-commander"),
    )
    scene.ci.transport.post("/v1/models", {"model": MODEL, "owners": ["reading"]})
    narrator.claim(
        "each has a token: ci-bot publishes, alice manages releases, bob reviews, "
        "carol audits",
        all(each.principal.startswith("prn:") for each in scene.people())
        and scene.ci.principal == "svc:ci-bot",
    )
    return scene


def _life(scene: Scene) -> None:
    act = scene.narrator.act
    act("The first version: registered, evaluated, asked for, approved, served")
    release.register(scene, 1)
    release.evaluate(scene, 1)
    release.to_staging(scene, 1)
    release.first_to_production(scene)
    act("The second version is better, and takes the same way")
    release.register(scene, 2)
    release.evaluate(scene, 2)
    release.to_staging(scene, 2)
    release.to_production(scene, 2, "better accuracy", "15 points more on the holdout")
    act("The third version looks better still, so it is approved too")
    release.register(scene, 3)
    release.evaluate(scene, 3)
    failure.looks_better(scene)
    release.to_staging(scene, 3)
    release.to_production(scene, 3, "best accuracy yet", "the number speaks for it")
    scene.remember("version 3 was live")
    act("It is found wanting, and undone")
    scan = failure.is_found_wanting(scene)
    failure.roll_back(scene, scan)
    failure.quarantine(scene)
    failure.roll_back_further(scene, scan)


def _rules(scene: Scene) -> None:
    act = scene.narrator.act
    act("The owners write rules of their own, so that this cannot happen again")
    file = rules.write(scene)
    rules.refuse_what_can_never_pass(scene)
    rules.try_on_the_past(scene, file)
    rules.bring_into_force(scene, file)
    act("The fourth version has to pass them")
    release.register(scene, 4)
    release.evaluate(scene, 4)
    release.to_staging(scene, 4)
    promotion = rules.ask_why(scene)
    act("A freeze closes production, and an incident needs it open")
    emergency.freeze(scene)
    emergency.everything_but_the_freeze(scene, promotion)
    waiver = emergency.break_the_glass(scene, promotion)
    emergency.goes_live(scene, promotion, waiver)
    emergency.look_back(scene, waiver)


@contextmanager
def _fleet(scene: Scene) -> Iterator[None]:
    act = scene.narrator.act
    act("Three places near the customers get it too, step by step")
    fleet.add_the_stage(scene)
    fleet.enrol(scene)
    with fleet.places(scene) as edge:
        fleet.goes_out(scene, edge)
        act("The next version is careless, and comes back by itself")
        release.register(scene, 5)
        release.evaluate(scene, 5)
        release.to_staging(scene, 5)
        fleet.comes_back(scene, edge)
        fleet.nobody_waited(scene, edge)
        yield


def _audit(scene: Scene) -> None:
    scene.narrator.act(
        "Carol audits: what runs, what was live when, why, and made of what"
    )
    audit.catch_up(scene)
    audit.status(scene)
    audit.history(scene)
    audit.earlier_moment(scene)
    audit.lineage(scene)
    audit.actors(scene)
    audit.names(scene)
    audit.decisions(scene)
    scene.narrator.act("Nothing but the ledger is a source of truth")
    audit.replay(scene)


def _restart(
    scene: Scene, folder: Path, before: list[object], *, keep_running: bool
) -> None:
    narrator = scene.narrator
    narrator.act("Everything was stopped; Rollbook starts again on the same directory")
    with installation(folder, folder / "demo" / "up.log") as up:
        token = (scene.folder / "tokens" / "carol.token").read_text().strip()
        url = str(up.credentials["url"])
        carol = Player("carol", scene.carol.principal, Transport(url, token=token))
        audit.catch_up(replace(scene, carol=carol))
        after = audit.everything(replace(scene, carol=carol))
        narrator.claim(
            "carol's token still opens it, and she reads the same as before",
            after == before,
            [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]],
        )
        narrator.act(f"All {narrator.claims} claims were checked before they were made")
        narrator.say(f"Look around:   rollbook up --data {folder}")
        narrator.say(f"and beside it: rollbook history {MODEL} --data {folder}")
        if keep_running:
            with _agents(folder):
                narrator.say(f"It stays up at {url} until Ctrl-C, with both agents.")
                _wait_for_signal()


@contextmanager
def _agents(data: Path) -> Iterator[None]:
    with ExitStack() as running:
        for stage in STAGES:
            root = data / "demo" / "served" / stage
            log = data / "demo" / f"agent-{stage}.log"
            credentials = data / "credentials.json"
            running.enter_context(agent(stage, root, log, credentials=credentials))
        yield


def _wait_for_signal() -> None:
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    stopped.wait()
