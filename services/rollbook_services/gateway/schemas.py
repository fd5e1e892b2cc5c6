"""How do commands appear in the OpenAPI document? From their classes alone."""

import re
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from rollbook.commands.command import Command

_PLACE: Final = "#/components/schemas/{model}"
_PARAMETER: Final = re.compile(r"\{(\w+)\}")


def body_of(command: type[Command], path: str) -> dict[str, Any]:
    """Describe path and body of a command; its definitions stay in `$defs`."""
    names = _PARAMETER.findall(path)
    schema = command.model_json_schema(ref_template=_PLACE)
    for name in ("command", *_fields(names)):
        schema["properties"].pop(name, None)
    required = [name for name in schema.get("required", ()) if name in _left(schema)]
    schema["required"] = required
    header = {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "The command's id: make it once and keep it for each retry.",
        "schema": {"type": "string", "maxLength": 128},
    }
    return {
        "parameters": [header, *(_path_parameter(name) for name in names)],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        },
    }


def _fields(names: list[str]) -> list[str]:
    return [*names, "model"] if "team" in names else names


def _left(schema: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = schema["properties"]
    return properties


def _path_parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def document(app: FastAPI) -> dict[str, Any]:
    """Make the OpenAPI document, with every definition among the components."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
        )
        schemas = made.setdefault("components", {}).setdefault("schemas", {})
        for operations in made["paths"].values():
            for operation in operations.values():
                for content in (
                    operation.get("requestBody", {}).get("content", {}).values()
                ):
                    schemas |= content["schema"].pop("$defs", {})
        app.openapi_schema = made
    return app.openapi_schema
