"""The command of pipelines: `rollbook register MODEL --path P …`."""

import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from rollbook.client import bodies
from rollbook.client.errors import Conflict, NotFound
from rollbook.client.exchange import Json
from rollbook.client.resources import event_data, model_path
from rollbook.reference import (
    ModelReference,
    parse_model,
)
from rollbook_services.cli.api import Api
from rollbook_services.cli.artifact import hashing
from rollbook_services.cli.call import KEY, Call, command
from rollbook_services.cli.given import metrics, pairs, scalars


@command("register")
@click.argument("model")
@click.option(
    "--path", type=click.Path(path_type=Path), help="File or folder; is hashed."
)
@click.option(
    "--digest", help="Instead of --path: sha256:… of bytes that lie elsewhere."
)
@click.option("--size", "size_bytes", type=click.IntRange(0), help="With --digest.")
@click.option("--uri", help="Where agents fetch it; file:// of --path where left out.")
@click.option("--media-type")
@click.option("--label", help="A name of yours for this version, taken once.")
@click.option("--description")
@click.option("--framework")
@click.option(
    "--metrics", "metric_files", multiple=True, type=click.Path(path_type=Path)
)
@click.option("--metric", "given_metrics", multiple=True, metavar="K=NUMBER")
@click.option("--param", "parameters", multiple=True, metavar="K=V")
@click.option("--tag", "tags", multiple=True, metavar="K=V")
@click.option("--dataset", "datasets", multiple=True, metavar="NAME@DIGEST|NAME=PATH")
@click.option("--commit", help="Commit of the code.")
@click.option("--repo", "repository", help="Repository of the code.")
@click.option("--run", help="Where the training run is to be seen.")
@click.option("--parent", "parents", multiple=True, metavar="MODEL@N")
@click.option("--base", help="The base model.")
@KEY
def register(call: Call, /, model: str, key: str | None, **given: Any) -> None:
    """Give bytes a version number; makes the model where it is new."""
    reference = parse_model(model)
    body = body_of(**given)
    answer = register_version(call.api(), reference, body, key=key)
    made = event_data(answer, "version.registered")
    version = f"{reference}@{made.get('version', '?')}"
    digest = body["artifact"]["digest"]
    call.output.done(answer, f"{version}   registered   {digest}", name=version)


def body_of(
    *,
    path: Path | None,
    digest: str | None,
    size_bytes: int | None,
    uri: str | None,
    media_type: str | None,
    metric_files: tuple[Path, ...],
    given_metrics: tuple[str, ...],
    parameters: tuple[str, ...],
    tags: tuple[str, ...],
    label: str | None,
    description: str | None,
    framework: str | None,
    **origin: Any,
) -> dict[str, Any]:
    """Build the command's body; hashes what --path names."""
    with hashing():
        measured = bodies.artifact(
            path=path, digest=digest, size=size_bytes, uri=uri, media_type=media_type
        )
        made_from = bodies.lineage(**origin)
    return {
        "artifact": measured,
        "label": label,
        "description": description,
        "framework": framework,
        "parameters": scalars("--param", parameters),
        "metrics": metrics(metric_files, given_metrics),
        "tags": pairs("--tag", tags),
        "lineage": made_from,
    }


def register_version(
    api: Api, model: ModelReference, body: Mapping[str, Any], *, key: str | None
) -> Json:
    """Register, after making the model where it does not exist yet."""
    key = key or str(uuid.uuid4())
    path = f"{model_path(model)}/versions"
    try:
        return api.write(path, body, key=key)
    except NotFound as error:
        if error.reason != "unknown_model":
            raise
    with suppress(Conflict):  # somebody else was faster: then it is there
        api.write("/v1/models", {"model": str(model)}, key=f"{key}/model")
    return api.write(path, body, key=key)
