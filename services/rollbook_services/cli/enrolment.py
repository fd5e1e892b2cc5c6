"""How does an agent get its secrets, so that nobody but its machine ever sees them?

Key and token are made here; the server hears the public key and the token's hash. The
file is written before either opens anything: a crash leaves one that opens nothing.
"""

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from rollbook.names import NAME_PATTERN, StageName, TargetName
from rollbook.tokens import NewToken, new_token
from rollbook_services.cli.api import Api
from rollbook_services.cli.call import Call
from rollbook_services.cli.token import until_of, write_secret
from rollbook_services.credentials import agent_name

AGENTS: Final = "/v1/agents"
TOKENS: Final = "/v1/access/tokens"
INSTALLATION: Final = "/v1/installation"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which agent is wanted, and where its secrets go."""

    stage: str
    target: str
    name: str
    file: Path
    until: str
    nats_url: str | None
    nats_ca: Path | None

    @property
    def place(self) -> dict[str, str]:
        """Write its place as commands do."""
        return {"stage": self.stage, "target": self.target}


@dataclass(frozen=True, slots=True)
class Secrets:
    """What only the agent's machine may know."""

    seed: str
    public_key: str
    token: NewToken


def wanted(
    place: str,
    *,
    name: str | None,
    file: Path | None,
    ttl: str,
    nats_url: str | None,
    nats_ca: Path | None,
) -> Wanted:
    """Read what was typed; UsageError, before anything was sent, for what cannot be."""
    stage, slash, target = place.partition("/")
    for part in (stage, target):
        if not (slash and re.search(NAME_PATTERN, part)):
            raise click.UsageError(f"{place!r}: write STAGE/TARGET, production/eu-1")
    named = name or agent_name(StageName(stage), TargetName(target))
    if not re.search(NAME_PATTERN, named):
        raise click.UsageError(f"--name {named!r}: of letters, digits, - and _")
    path = file or Path(f"{named}.json")
    if path.exists():
        raise click.UsageError(f"--file {path}: it exists; choose another name")
    until = until_of(ttl, option="--ttl").isoformat()
    return Wanted(stage, target, named, path, until, nats_url, nats_ca)


def enrol(call: Call, wanted: Wanted) -> None:
    """Make the secrets, write them down, and let the agent in."""
    api = call.api()
    made = _make()
    enrolment = {
        "agent": wanted.name,
        "place": wanted.place,
        "public_key": made.public_key,
        "token": made.token.id,
    }
    token = {
        "token": made.token.id,
        "sha256": made.token.sha256,
        "principal": f"svc:{wanted.name}",
        "roles": ["agent"],
        "place": wanted.place,
        "until": wanted.until,
    }
    api.rehearse(AGENTS, enrolment)
    shared = _shared(call, api, wanted)
    write_secret(wanted.file, json.dumps(_file(shared, wanted, made), indent=2))
    api.write(TOKENS, token)
    answer = api.write(AGENTS, enrolment)
    if call.output.is_for_programs():
        shown = {**enrolment, "until": wanted.until, "file": str(wanted.file)}
        call.output.facts({**answer, "data": shown}, [], name=wanted.name)
        return
    place = f"{wanted.stage}/{wanted.target}"
    call.output.done(answer, f"{wanted.name}   enrolled for {place}", name=wanted.name)
    is_ours = _stored(call).get("nats_url") == shared["nats_url"]
    for line in _next(wanted, made, is_ours=is_ours):
        call.output.note(line)


def _make() -> Secrets:
    from rollbook_services.local.nats_keys import new_seed, public_key

    seed = new_seed()
    token = new_token(secrets.token_bytes(10), secrets.token_bytes(32))
    return Secrets(seed, public_key(seed), token)


def _shared(call: Call, api: Api, wanted: Wanted) -> dict[str, str]:
    """Find what all agents of an installation share: by flag, server or data directory.

    The data directory counts where it is that of the ledger which the server shows.
    """
    known: Mapping[str, Any] = api.read(INSTALLATION)["data"]
    stored = _stored(call)
    if stored.get("event_key") != known["event_key"]:
        stored = {}
    url = wanted.nats_url or known.get("nats_url") or stored.get("nats_url")
    if not url:
        raise click.UsageError(
            "the server was not told where agents reach NATS: say so with --nats-url"
        )
    told = wanted.nats_ca.read_text() if wanted.nats_ca else known.get("nats_ca")
    return {
        "nats_url": str(url),
        "nats_ca": str(told or stored.get("nats_ca") or ""),
        "origin": str(known["origin"]),
        "event_key": str(known["event_key"]),
    }


def _stored(call: Call) -> Mapping[str, Any]:
    from rollbook.client.settings import read_credentials

    data = call.server().data
    return {} if data is None else read_credentials(data)


def _file(
    shared: Mapping[str, str], wanted: Wanted, made: Secrets
) -> dict[str, object]:
    """Write what `rollbook.agent.settings` reads."""
    identity = {"user": wanted.name, "seed": made.seed, "token": made.token.text}
    return {**shared, "agents": {f"{wanted.stage}/{wanted.target}": identity}}


def _next(wanted: Wanted, made: Secrets, *, is_ours: bool) -> list[str]:
    """Say what to do next; the NATS of `rollbook up` lets an agent in by itself."""
    lines = [
        f"its secrets are in {wanted.file}: carry that file to its machine, and run",
        f"  rollbook agent run --stage {wanted.stage} --target {wanted.target} "
        f"--credentials {wanted.file} --root DIR",
    ]
    if is_ours:
        return lines
    from rollbook_services.local.accounts import agent
    from rollbook_services.local.nats_config import user_block

    user = agent(wanted.name, stage=wanted.stage, target=wanted.target)
    block = user_block(user, made.public_key).rstrip().splitlines()
    return [
        *lines,
        "a NATS of your own lets it in once this stands among the users of account "
        "CLIENTS:",
        *(f"  {line}" for line in block),
    ]
