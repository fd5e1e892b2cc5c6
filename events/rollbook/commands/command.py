"""How is a request declared, carried over a wire and recognised again?"""

from typing import Any

from pydantic import BaseModel, ConfigDict

from rollbook import canonical
from rollbook.names import Digest, ModelName


class Command(BaseModel):
    """One request; actor and time are never in it."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True
    )


class ModelScoped(Command):
    """A request to one model."""

    model: ModelName


def content_digest(command: Command, *, actor: str) -> Digest:
    """Hash who asks for what, so that a command id cannot be used twice.

    Raises rfc8785.CanonicalizationError for what has no canonical form.
    """
    body: dict[str, Any] = {"actor": actor, **command.model_dump(mode="json")}
    return Digest(canonical.digest(body))
