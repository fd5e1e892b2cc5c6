"""Fifth part of the demo: a version goes out step by step, and comes back by itself."""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rollbook_services.local.demo.command_line import Told, rollbook
from rollbook_services.local.demo.customers import Answers, Place, customers
from rollbook_services.local.demo.machinery import agent, scorer
from rollbook_services.local.demo.narrator import UntrueClaim, wait_for
from rollbook_services.local.demo.players import MODEL, Player
from rollbook_services.local.demo.rules import NAME, document
from rollbook_services.local.demo.scene import EDGE, TARGETS, Scene
from rollbook_services.policy import text

STAGE_FILE: Final = Path(__file__).with_name("fleet.yaml")
AGENT_FILE: Final = '[driver]\nname = "symlink"\nroutes = true\n'
_ENOUGH: Final = 60  # samples, as the policy asks
_LIMIT_SECONDS: Final = 90.0
_LOOK_EVERY_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Edge:
    """Three places that answer customers, and what they answered."""

    answers: Answers


def add_the_stage(scene: Scene) -> None:
    """Let the rules know three places, waves, steps and a measurement."""
    written = text.parse(STAGE_FILE.read_text())
    assert isinstance(written, text.Written), written
    rules = document()
    rules["spec"]["stages"].append(written.document)
    answer = scene.dora.send(
        "/policies", {"document": rules, "reason": "near the customers, step by step"}
    )
    digest = answer["events"][-1]["data"]["digest"]
    scene.erin.send(f"/policies/{NAME}/endorsements", {"digest": digest})
    scene.dora.send(f"/policies/{NAME}/activations", {"digest": digest})
    told = _run(scene, scene.dora, "policy", "explain", NAME)
    scene.narrator.claim(
        "dora and erin add a stage `edge`: eu-1 first, then eu-2 and us-1; a fifth of "
        "the customers, then all; nothing goes on before the errors were counted",
        told.exit == 0 and "eu-1" in " ".join(told.lines),
        told,
    )


def enrol(scene: Scene) -> None:
    """Give each place an agent of its own, while everything runs."""
    for target in TARGETS:
        file = scene.folder / f"{target}.json"
        told = _run(
            scene,
            scene.operator,
            "agent",
            "enrol",
            f"{EDGE}/{target}",
            "--file",
            str(file),
        )
        if told.exit:
            raise UntrueClaim(f"an agent is enrolled for {EDGE}/{target}", told)
    scene.narrator.claim(
        "three agents are enrolled without a restart; each file holds a key that opens "
        "its own target and nothing else",
        all(_is_secret(scene.folder / f"{target}.json") for target in TARGETS),
    )


@contextmanager
def places(scene: Scene) -> Iterator[Edge]:
    """Run three agents and three prediction servers, and let customers ask them."""
    config = scene.folder / "agent.toml"
    config.write_text(AGENT_FILE)
    with ExitStack() as running:
        there = []
        for target in TARGETS:
            root, log = scene.folder / "served" / target, scene.folder
            running.enter_context(
                agent(
                    EDGE,
                    root,
                    log / f"agent-{target}.log",
                    target=target,
                    credentials=scene.folder / f"{target}.json",
                    config=config,
                )
            )
            url = running.enter_context(
                scorer(root / "default" / MODEL, log / f"scorer-{target}.log")
            )
            there.append(Place(url, scene.served(EDGE, target).exists))
        promotion = scene.ci.ask_for(4, EDGE, "proved itself in production")
        with customers(there, scene.data.holdout) as answers:
            _see_it_through(scene, promotion, 4, answers)
            yield Edge(answers)


def goes_out(scene: Scene, edge: Edge) -> None:
    """Say how version 4 came there."""
    seen = edge.answers.seen()
    scene.narrator.claim(
        f"{MODEL}@4 went out by two waves of two steps, each measured; "
        f"{seen.by_version[4]} answers so far",
        all(
            scene.served_digest(EDGE, target) == scene.artifact(4)["digest"]
            for target in TARGETS
        ),
        seen,
    )


def comes_back(scene: Scene, edge: Edge) -> None:
    """Let version 5 go out; its errors take it back before most have met it."""
    tell, before = scene.narrator, edge.answers.seen()
    promotion = scene.ci.ask_for(5, EDGE, "the nightly retraining")
    _see_it_through(scene, promotion, 5, edge.answers)
    failed = scene.carol.read(f"/promotions/{promotion}")
    back = scene.carol.read("/promotions")[0]
    scene.carol.wait_until(back["promotion"], "SUCCEEDED")
    seen = edge.answers.seen()
    met = seen.by_version[5]
    tell.claim(
        f"{MODEL}@5 failed its analysis in the first step: only eu-1 ever had it, for "
        f"a fifth of its customers; {met} answers were its own",
        failed["state"] == "FAILED"
        and failed["reason_code"] == "analysis_breached"
        and 0 < met < (seen.asked - before.asked) / 2,
        failed,
    )
    tell.claim(
        f"nobody had to be awake: {MODEL}:{back['promotion']} took it back by rule, "
        "and all three places serve version 4, byte for byte",
        back["kind"] == "rollback"
        and back["automatic"]
        and all(
            scene.served_digest(EDGE, target) == scene.artifact(4)["digest"]
            for target in TARGETS
        ),
        back,
    )


def nobody_waited(scene: Scene, edge: Edge) -> None:
    """Count what the customers saw."""
    seen = edge.answers.seen()
    scene.narrator.claim(
        f"through five switches on three places {seen.asked} requests were sent, and "
        f"{seen.failed} failed",
        seen.failed == 0 and seen.asked > 500,
        seen,
    )


def _see_it_through(
    scene: Scene, promotion: int, version: int, answers: Answers
) -> None:
    """Measure each step as a pipeline would, until the promotion has ended."""
    measured: set[tuple[int, int]] = set()
    deadline = time.monotonic() + _LIMIT_SECONDS
    while True:
        now = scene.ci.why(promotion)["underway"]
        if now is None:
            if scene.ci.read(f"/promotions/{promotion}")["ended_seq"] is not None:
                return
        elif now["bake_until"] and (now["wave"], now["step"]) not in measured:
            _measure(scene, promotion, version, now, answers)
            measured.add((now["wave"], now["step"]))
        if time.monotonic() > deadline:
            raise UntrueClaim(f"{MODEL}:{promotion} comes to an end", now)
        time.sleep(_LOOK_EVERY_SECONDS)


def _measure(
    scene: Scene,
    promotion: int,
    version: int,
    now: Mapping[str, Any],
    answers: Answers,
) -> None:
    """Count wrong answers from now on, and record what share they are."""
    since, begun = answers.seen(), scene.now()
    rate, samples = wait_for(
        f"version {version} has answered {_ENOUGH} times",
        lambda: answers.seen().error_rate(version, since),
        lambda found: found[1] >= _ENOUGH,
    )
    body = {
        "wave": now["wave"],
        "step": now["step"],
        "metrics": {"candidate": {"error_rate": rate}},
        "samples": samples,
        "from_at": begun,
        "until_at": scene.now(),
    }
    scene.ci.do(f"/promotions/{promotion}/analyses", body)


def _is_secret(file: Path) -> bool:
    return file.stat().st_mode & 0o077 == 0


def _run(scene: Scene, who: Player, *arguments: str) -> Told:
    return rollbook(*arguments, url=who.transport.url, token_file=scene.token_file(who))
