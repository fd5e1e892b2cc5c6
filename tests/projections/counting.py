"""A small view for the engine's tests: what each model was last seen doing."""

from sqlalchemy import MetaData

from rollbook.catalogue.alias import AliasMoved
from rollbook.catalogue.model import ModelRegistered
from rollbook.envelope import Envelope
from rollbook.event import Data
from rollbook_projections.projection import Projection
from rollbook_projections.rows import Rows
from rollbook_projections.tables import integer, json, plain, temporal, text
from tests.support.recorder import Recorder

METADATA = MetaData()
temporal(
    "pointers",
    METADATA,
    keys=[text("model"), text("alias")],
    columns=[integer("version"), integer("moves"), json("trail")],
    indexes=[["version"]],
)
plain("seen", METADATA, keys=[integer("seq")], columns=[text("at"), text("reason")])


def model_registered(rows: Rows, envelope: Envelope[Data]) -> None:
    rows.append("seen", {"seq": rows.sequence, "at": envelope.raw["time"]})


def alias_moved(rows: Rows, envelope: Envelope[Data]) -> None:
    data, model = envelope.event, str(envelope.aggregate)
    if data["reason"] == "fail":
        raise ValueError("this view cannot count that")
    held = rows.get("pointers", model, data["alias"])
    if data["to_version"] is None:
        rows.close("pointers", model, data["alias"])
        return
    rows.put(
        "pointers",
        {
            "model": model,
            "alias": data["alias"],
            "version": data["to_version"],
            "moves": held["moves"] + 1 if held else 1,
            "trail": [*(held["trail"] if held else []), data["to_version"]],
        },
    )
    rows.append(
        "seen",
        {"seq": rows.sequence, "at": envelope.raw["time"], "reason": data["reason"]},
    )


COUNTING = Projection(
    name="counting",
    version=1,
    metadata=METADATA,
    handlers={"model.registered": model_registered, "alias.moved": alias_moved},
)


def registered(name: str) -> ModelRegistered:
    return ModelRegistered.model_validate(
        {
            "model": name,
            "owners": (),
            "task": None,
            "tier": None,
            "description": None,
            "labels": {},
            "side_effect_free": False,
        }
    )


def moved(to: int | None, *, alias: str = "champion", reason: str = "ok") -> AliasMoved:
    return AliasMoved.model_validate(
        {
            "alias": alias,
            "from_version": None,
            "to_version": to,
            "protected": False,
            "reason": reason,
        }
    )


def history(models: int = 3, moves: int = 20) -> Recorder:
    """Register models and move their aliases in turn."""
    recorder = Recorder()
    names = [f"team/m{number}" for number in range(models)]
    for name in names:
        recorder.model(name, registered(name))
    for number in range(moves):
        to = None if number % 7 == 6 else number + 1
        alias = "champion" if number % 2 else "challenger"
        recorder.model(names[number % models], moved(to, alias=alias))
    return recorder
