"""Third part of the demo: rules of one's own, tried on the past before they hold."""

from pathlib import Path
from typing import Any, Final

from rollbook_services.local.demo.command_line import Told, rollbook
from rollbook_services.local.demo.players import MODEL, Player, refusal_of
from rollbook_services.local.demo.scene import Scene
from rollbook_services.policy import text

POLICY: Final = Path(__file__).with_name("policy.yaml")
NAME: Final = "digits-release"


def write(scene: Scene) -> Path:
    """Write the policy to a file, and let it be checked."""
    file = scene.folder / "policy.yaml"
    file.write_text(POLICY.read_text())
    told = _run(scene, scene.dora, "policy", "lint", str(file))
    scene.narrator.say(
        "production shall want a score on the same scans for everybody, no regression "
        "against what runs, three seconds in staging, and two people of two roles."
    )
    scene.narrator.claim(
        f"dora writes that down in {len(POLICY.read_text().splitlines())} lines, and "
        "`rollbook policy lint` finds no fault in them",
        told.exit == 0,
        told,
    )
    return file


def refuse_what_can_never_pass(scene: Scene) -> None:
    """Propose a policy that asks for more people than there are."""
    rules = document()
    gates = rules["spec"]["stages"][1]["gates"]
    sign_off = next(gate for gate in gates if gate["id"] == "sign-off")
    sign_off["slots"] = [{"role": "risk-officer", "count": 3}]
    refused = refusal_of(
        lambda: scene.dora.send(
            "/policies", {"document": rules, "reason": "three pairs of eyes"}
        )
    )
    scene.narrator.claim(
        f'rules that could never be met are refused: "{refused.told}"',
        refused.code == "policy-invalid",
        refused,
    )


def try_on_the_past(scene: Scene, file: Path) -> None:
    """Ask which promotions would have gone otherwise."""
    told = _run(
        scene, scene.dora, "policy", "trial", str(file), "--against-history", "--json"
    )
    verdicts: list[dict[str, Any]] = told.document["data"]
    blocked = {
        each["promotion"]: each["gates"]
        for each in verdicts
        if each["outcome"] == "would_have_been_blocked"
    }
    same = [each["promotion"] for each in verdicts if each["outcome"] == "same"]
    scene.narrator.claim(
        f"tried on the past, they would have stopped every version on its way to "
        f"production, {MODEL}:6 with version 3 too, at {' and '.join(blocked[6])}; "
        "staging and both rollbacks would have gone as they did",
        told.exit == 1 and sorted(blocked) == [2, 4, 6] and same == [1, 3, 5, 7, 8],
        verdicts,
    )


def bring_into_force(scene: Scene, file: Path) -> None:
    """Propose, endorse by a second person, activate."""
    tell, dora = scene.narrator, scene.dora
    told = _run(
        *(scene, dora, "policy", "propose", str(file)),
        *("-m", "after version 3", "--json"),
    )
    digest = told.document["events"][-1]["data"]["digest"]
    refused = refusal_of(
        lambda: dora.send(f"/policies/{NAME}/endorsements", {"digest": digest})
    )
    tell.claim(
        f'dora proposes them, and may not agree with herself: "{refused.told}"',
        refused.code == "separation-of-duties",
        refused,
    )
    scene.erin.send(
        f"/policies/{NAME}/endorsements", {"digest": digest, "comment": "read it all"}
    )
    dora.send(f"/policies/{NAME}/activations", {"digest": digest})
    active = scene.carol.transport.get(f"/v1/policies/{NAME}")["data"]
    tell.claim(
        f"erin agrees, and the rules hold: {digest[:19]}… names them for good",
        active["digest"] == digest,
        active,
    )


def ask_why(scene: Scene) -> int:
    """Ask for version 4 in production, and why it is not there yet."""
    tell = scene.narrator
    refused = refusal_of(lambda: scene.ci.ask_for(4, "production", "unfiltered data"))
    tell.claim(
        f'production is still held since the rollback: "{refused.told}"',
        refused.code == "lane-held",
        refused,
    )
    hold = scene.alice.read("/lanes/production")["hold"]["id"]
    release = {"hold": hold, "reason": "the cause is found"}
    scene.alice.do("/lanes/production/hold-releases", release)
    promotion = scene.ci.ask_for(4, "production", "unfiltered data")
    told = _run(scene, scene.carol, "why", f"{MODEL}:{promotion}")
    tell.say(f"$ rollbook why {MODEL}:{promotion}")
    for line in told.lines:
        tell.say(f"  {line}")
    gates = {gate["id"]: gate for gate in scene.carol.why(promotion)["gates"]}
    tell.claim(
        "it is no worse than what runs, on the same scans: "
        f"{gates['no-regression']['why']}",
        gates["no-regression"]["status"] == "pass",
        gates,
    )
    tell.claim(
        "and it waits for its time in staging and for two people",
        gates["soak"]["status"] in ("wait", "pass")
        and gates["sign-off"]["status"] == "wait",
        gates,
    )
    return promotion


def document() -> dict[str, Any]:
    """Return the rules as they are proposed."""
    written = text.parse(POLICY.read_text())
    assert isinstance(written, text.Written), written
    rules: dict[str, Any] = written.document
    return rules


def _run(scene: Scene, who: Player, *arguments: str) -> Told:
    return rollbook(*arguments, url=who.transport.url, token_file=scene.token_file(who))
