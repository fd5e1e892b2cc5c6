"""Second part of the demo: a bad version gets through, is found out, and is undone."""

from typing import Any

from rollbook_services.local.demo.digits import SLICE, accuracy, telling_scan
from rollbook_services.local.demo.players import MODEL, number_in, refusal_of
from rollbook_services.local.demo.scene import Scene


def looks_better(scene: Scene) -> None:
    """Say why everybody believed in version 3."""
    better, bad = scene.trained[2], scene.trained[3]
    scene.narrator.claim(
        f"by its makers' number version 3 is the best so far: {bad.accuracy} against "
        f"{better.accuracy}",
        bad.accuracy > better.accuracy,
        (bad.accuracy, better.accuracy),
    )


def is_found_wanting(scene: Scene) -> Any:
    """Find the slice that fails; returns a scan that tells the versions apart."""
    tell = scene.narrator
    of_slice = {
        version: accuracy(trained.estimator, *scene.data.holdout.only(SLICE))
        for version, trained in scene.trained.items()
    }
    scan = telling_scan(
        scene.data.holdout,
        lambda image: (
            _reads(scene, 1, image) == SLICE
            and _reads(scene, 2, image) == SLICE
            and _reads(scene, 3, image) != SLICE
        ),
    )
    answer = scene.answer(scan)
    tell.claim(
        f"a customer sends a scan of an {SLICE}, and production answers {answer}",
        answer != SLICE,
        answer,
    )
    tell.claim(
        f"carol measures by digit: of the {SLICE}s version 3 reads "
        f"{of_slice[3]:.0%}, version 2 read {of_slice[2]:.0%}",
        of_slice[3] < 0.5 < of_slice[2],
        of_slice,
    )
    held = int((scene.data.tidied_validation.shown == SLICE).sum())
    tell.claim(
        f"the cause: its validation data holds {held} scans of an {SLICE}; the filter "
        "for smudged scans had taken them away",
        held == 0,
        held,
    )
    _record(scene, of_slice[3])
    return scan


def roll_back(scene: Scene, scan: Any) -> None:
    """Go back to version 2, at once, and keep automation away."""
    tell = scene.narrator
    answer = scene.alice.roll_back("production", f"reads no {SLICE}")
    promotion = number_in(answer)
    scene.alice.wait_until_live(promotion, "production")
    tell.claim(
        f"alice rolls production back: {MODEL}:{promotion}, 3 -> 2, with no queue, and "
        "she need not remember what was there before",
        scene.alice.stable("production") == 2
        and scene.served_digest("production") == scene.artifact(2)["digest"],
        scene.alice.stable("production"),
    )
    read = scene.answer(scan)
    tell.claim(f"the same scan is read as {read} again", read == SLICE, read)
    hold = scene.alice.read("/lanes/production")["hold"]
    tell.claim(
        "the lane is held, so that no automation puts version 3 back",
        hold is not None and hold["promotion"] == promotion,
        hold,
    )


def quarantine(scene: Scene) -> None:
    """Bar version 3 for good."""
    body = {"scope": {"stages": []}, "reason": f"reads no {SLICE}", "incident": "INC-1"}
    scene.alice.do("/versions/3/quarantines", body)
    refused = refusal_of(lambda: scene.ci.ask_for(3, "production", "try again"))
    scene.narrator.claim(
        "alice puts version 3 in quarantine, and the pipeline's next try is refused: "
        f'"{refused.told}"',
        refused.code == "version-quarantined",
        refused.code,
    )


def roll_back_further(scene: Scene, scan: Any) -> None:
    """Roll back again: it walks further back and does not toggle."""
    tell = scene.narrator
    reason = "came from the same pipeline release; not cleared yet"
    promotion = number_in(scene.alice.roll_back("production", reason))
    scene.alice.wait_until_live(promotion, "production")
    tell.claim(
        f"version 2 came from the same pipeline, so alice rolls back once more: "
        f"{MODEL}:{promotion} walks on to version 1, not forward to 3",
        scene.alice.stable("production") == 1
        and scene.served_digest("production") == scene.artifact(1)["digest"],
        scene.alice.stable("production"),
    )
    read = scene.answer(scan)
    tell.claim(f"the old tree reads the scan as {read}", read == SLICE, read)
    refused = refusal_of(lambda: scene.alice.roll_back("production", "further"))
    tell.claim(
        f'before version 1 there was nothing, and that is said: "{refused.told}"',
        refused.reason == "nothing_to_roll_back_to",
        refused.reason,
    )


def _record(scene: Scene, share: float) -> None:
    holdout = scene.data.holdout
    body = {
        "kind": "slice-evaluation",
        "subject_digest": scene.artifact(3)["digest"],
        "dataset": {"name": holdout.name, "digest": holdout.digest, "role": "slice"},
        "metrics": {f"accuracy_of_{SLICE}": share},
        "verdict": "fail",
        "produced_at": scene.now(),
    }
    scene.ci.do("/versions/3/evidence", body)
    recorded = scene.ci.read("/versions/3/evidence")
    scene.narrator.claim(
        "the finding is recorded beside the evaluation that looked so good; neither "
        "can be changed",
        [record["verdict"] for record in recorded] == ["pass", "fail"],
        recorded,
    )


def _reads(scene: Scene, version: int, image: Any) -> int:
    return int(scene.trained[version].estimator.predict(image.reshape(1, -1))[0])
