"""How do the paths of the HTTP API name a model?"""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import Path

from rollbook.names import DEFAULT_TEAM, LARGEST, ModelName

MODEL: Final = "/models/{team}/{name}"

Number = Annotated[int, Path(ge=1, le=LARGEST)]


def model_of(team: str, name: str) -> ModelName:
    """Name the model of a path; those without a team stand under `default`."""
    return ModelName(name if team == DEFAULT_TEAM else f"{team}/{name}")


def path_of(model: str) -> str:
    """Spell the path of a model."""
    team, _, name = model.rpartition("/")
    return f"/models/{team or DEFAULT_TEAM}/{name}"


def fields_of(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Turn a path's parameters into a command's fields: team and name are the model."""
    fields = dict(parameters)
    if "team" in fields:
        fields["model"] = model_of(fields.pop("team"), fields.pop("name"))
    return fields
