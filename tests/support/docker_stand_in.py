"""What answers like the program `docker` with an engine behind it?

Its `main` is a program: it keeps its state in the folder `DOCKER_STAND_IN`, takes the
commands and options that the driver uses and no others, and answers in docker's words
(28.2). It runs a hundred times in a test, so it imports little.
"""

import fcntl
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

FAILED: Final = 1
REFUSED_BY_THE_ENGINE: Final = 125
NO_PROGRAM: Final = 127
STATE: Final = "state.json"
CALLS: Final = "calls.jsonl"
EMPTY: Final[dict[str, Any]] = {
    "registry": {},
    "images": [],
    "containers": {},
    "networks": [],
    "ports": [],
    "kill_at": 0,
    "calls": 0,
    "is_down": False,
}
State = dict[str, Any]


class Failed(Exception):
    """What docker says, and its exit code."""

    def __init__(self, code: int, words: str, said: str = "") -> None:
        self.code, self.words, self.said = code, words, said


@contextmanager
def state_in(folder: Path) -> Iterator[State]:
    """Read the state, and write what was made of it."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        file = folder / STATE
        state: State = json.loads(file.read_text()) if file.exists() else dict(EMPTY)
        yield state
        file.write_text(json.dumps(state))


class Form(NamedTuple):
    """How one command has to look here."""

    flags: tuple[str, ...] = ()
    """All of them have to be there."""
    options: tuple[str, ...] = ()
    """With a value each, as often as one likes."""
    fewest: int = 0
    most: int = 0
    """How many names may follow."""


class Given(NamedTuple):
    """A command as it was understood."""

    options: dict[str, list[str]]
    names: list[str]

    @property
    def name(self) -> str:
        return self.names[0]

    def one(self, option: str) -> str:
        [value] = self.options[option]
        return value


MANY: Final = 99
FORMS: Final = {
    "ps": Form(("--all", "--quiet", "--no-trunc"), ("--filter",)),
    "inspect": Form(("--type=container",), (), 1, MANY),
    "image inspect": Form(("--format={{.Id}}",), (), 1, 1),
    "pull": Form(("--quiet",), (), 1, 1),
    "run": Form(
        ("--detach", "--restart=unless-stopped"),
        ("--name", "--label", "--env", "--publish"),
        *(1, MANY),
    ),
    "rename": Form((), (), 2, 2),
    "network connect": Form((), ("--alias",), 2, 2),
    "network disconnect": Form((), (), 2, 2),
    "stop": Form((), ("-t",), 1, 1),
    "rm": Form(("--force",), (), 1, 1),
    "logs": Form((), ("--tail",), 1, 1),
}


def understood(arguments: Sequence[str]) -> tuple[str, Given]:
    """Read a command line, or refuse it as docker does."""
    words = 2 if arguments[0] in ("image", "network") else 1
    command, rest = " ".join(arguments[:words]), [*arguments[words:]]
    form = FORMS[command]
    flags, options = set[str](), dict[str, list[str]]()
    while rest and rest[0].startswith("-"):
        argument = rest.pop(0)
        key, has_value, value = argument.partition("=")
        if argument in form.flags:
            flags.add(argument)
        elif key in form.options:
            options.setdefault(key, []).append(value if has_value else rest.pop(0))
        else:
            raise Failed(REFUSED_BY_THE_ENGINE, f"unknown flag: {argument}")
    if flags != set(form.flags) or not form.fewest <= len(rest) <= form.most:
        raise Failed(FAILED, f"docker {command}: {arguments} is not how it is called")
    return command, Given(options, rest)


def answer(state: State, command: str, given: Given) -> str:
    if state["is_down"]:
        raise Failed(
            FAILED,
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. "
            "Is the docker daemon running?",
        )
    said: str = _COMMANDS[command](state, given)
    return said


def ps(state: State, given: Given) -> str:
    filters = given.options.get("--filter", [])
    wanted = [each.removeprefix("label=").split("=", 1) for each in filters]
    return "\n".join(
        id_
        for id_, each in state["containers"].items()
        if all(each["Config"]["Labels"].get(key) == value for key, value in wanted)
    )


def inspect(state: State, given: Given) -> str:
    """Look at each; a health check has run once more since the look before."""
    found, missing = [], []
    for name in given.names:
        try:
            found.append(find(state, name))
        except Failed as failed:
            missing.append(failed.words)
    for each in found:
        _check(state, each)
    said = json.dumps(found, indent=4)
    if missing:
        raise Failed(FAILED, "\n".join(missing), said)
    return said


def _check(state: State, container: dict[str, Any]) -> None:
    health = container["State"].get("Health")
    if health and health["Status"] == "starting":
        health["looks"] += 1
        image = published(state, container["Config"]["Image"])
        if health["looks"] > 1 and not image.get("is_slow"):
            is_well = image["is_well"]
            health["Status"] = "healthy" if is_well else "unhealthy"
            output = "ok" if is_well else "model.bin: not a model"
            health["Log"].append({"ExitCode": 0 if is_well else 1, "Output": output})


def image_inspect(state: State, given: Given) -> str:
    if given.name not in state["images"]:
        raise Failed(FAILED, f"Error response from daemon: No such image: {given.name}")
    return given.name.partition("@")[2]


def pull(state: State, given: Given) -> str:
    image = published(state, given.name)
    digest = given.name.partition("@")[2]
    if image["is_spoiled"]:
        raise Failed(FAILED, f"manifest verification failed for digest {digest}")
    if image.get("refusal"):
        raise Failed(FAILED, f"Error response from daemon: {image['refusal']}")
    state["images"] = sorted({*state["images"], given.name})
    return given.name


def published(state: State, name: str) -> dict[str, Any]:
    if "@sha256:" not in name:
        raise Failed(FAILED, f"the driver should name a digest: {name}")
    if name not in state["registry"]:
        raise Failed(
            FAILED,
            f"Error response from daemon: manifest for {name} not found: "
            "manifest unknown: manifest unknown",
        )
    found: dict[str, Any] = state["registry"][name]
    return found


def run(state: State, given: Given) -> str:
    name, reference = given.one("--name"), given.name
    if reference not in state["images"]:
        raise Failed(
            REFUSED_BY_THE_ENGINE, f"Unable to find image '{reference}' locally"
        )
    for id_, each in state["containers"].items():
        if each["Name"] == f"/{name}":
            raise Failed(
                REFUSED_BY_THE_ENGINE,
                "docker: Error response from daemon: Conflict. The container name "
                f'"/{name}" is already in use by container "{id_}". You have to '
                "remove (or rename) that container to be able to reuse that name.",
            )
    image = published(state, reference)
    made = f"{state['calls']:064x}"
    status = {"Status": "running", "Running": True, "ExitCode": 0}
    if image["has_check"]:
        status["Health"] = {"Status": "starting", "Log": [], "looks": 0}
    if image["crashes"]:
        status = {"Status": "exited", "Running": False, "ExitCode": 1}
    ports = {
        f"{each.rpartition(':')[2]}/tcp": [
            {"HostIp": "127.0.0.1", "HostPort": str(state["ports"].pop(0))}
        ]
        for each in given.options.get("--publish", [])
    }
    state["containers"][made] = {
        "Id": made,
        "Name": f"/{name}",
        "RestartCount": image.get("restarts", 0),
        "State": status,
        "Image": reference.partition("@")[2],
        "Config": {
            "Image": reference,
            "Labels": dict(each.split("=", 1) for each in given.options["--label"]),
            "Env": given.options["--env"],
            "Cmd": given.names[1:] or None,
        },
        "NetworkSettings": {"Ports": ports, "Networks": {"bridge": {"Aliases": None}}},
    }
    if image.get("has_no_program"):
        state["containers"][made]["State"]["Status"] = "created"
        raise Failed(
            NO_PROGRAM,
            'docker: Error response from daemon: exec: "serve": executable file not '
            "found in $PATH: unknown",
        )
    return made


def rename(state: State, given: Given) -> str:
    found = find(state, given.name)
    new = f"/{given.names[1]}"
    if any(each["Name"] == new for each in state["containers"].values()):
        raise Failed(
            FAILED,
            "Error response from daemon: Error when allocating new name: Conflict. "
            f'The container name "{new}" is already in use',
        )
    found["Name"] = new
    return ""


def network_connect(state: State, given: Given) -> str:
    networks = _networks(state, given)
    network, container = given.names
    if network in networks:
        raise Failed(
            FAILED,
            f"Error response from daemon: endpoint with name {container} already "
            f"exists in network {network}",
        )
    networks[network] = {"Aliases": given.options.get("--alias")}
    return ""


def network_disconnect(state: State, given: Given) -> str:
    networks = _networks(state, given)
    network, container = given.names
    if network not in networks:
        raise Failed(
            FAILED,
            f"Error response from daemon: container {container} is not connected to "
            f"network {network}",
        )
    del networks[network]
    return ""


def _networks(state: State, given: Given) -> dict[str, Any]:
    network, container = given.names
    if network not in state["networks"]:
        raise Failed(FAILED, f"Error response from daemon: network {network} not found")
    found: dict[str, Any] = find(state, container)["NetworkSettings"]["Networks"]
    return found


def stop(state: State, given: Given) -> str:
    container = find(state, given.name)
    end(container)
    if container.get("AutoRemove"):
        del state["containers"][container["Id"]]
    return given.name


def end(container: dict[str, Any]) -> None:
    """Stop a container's process."""
    container["State"] |= {"Status": "exited", "Running": False, "ExitCode": 137}
    container["State"].pop("Health", None)


def rm(state: State, given: Given) -> str:
    del state["containers"][find(state, given.name)["Id"]]
    return given.name


def logs(state: State, given: Given) -> str:
    image = published(state, find(state, given.name)["Config"]["Image"])
    return "cannot load model.bin" if image["crashes"] else "serving"


def find(state: State, name: str) -> dict[str, Any]:
    for id_, each in state["containers"].items():
        if name in (id_, each["Name"].removeprefix("/")):
            found: dict[str, Any] = each
            return found
    raise Failed(FAILED, f"Error response from daemon: No such container: {name}")


_COMMANDS: Final = {
    each.__name__.replace("_", " "): each
    for each in (
        *(ps, inspect, image_inspect, pull, run, rename, stop, rm, logs),
        *(network_connect, network_disconnect),
    )
}


def main(arguments: list[str]) -> int:
    folder = Path(os.environ["DOCKER_STAND_IN"])
    with state_in(folder) as state:
        state["calls"] += 1
        with (folder / CALLS).open("a") as calls:
            calls.write(json.dumps(arguments) + "\n")
        try:
            said, code = answer(state, *understood(arguments)), 0
        except Failed as failed:
            said, code = failed.said, failed.code
            sys.stderr.write(f"{failed.words}\n")
        is_last = state["calls"] == state["kill_at"]
    if is_last:
        os.kill(os.getppid(), signal.SIGKILL)
    sys.stdout.write(f"{said}\n" if said else "")
    return code
