"""What may be said in `agent.toml`, and how do flags beat it?

Strict: a key that nobody knows is an error that names it, because an agent that
silently ignores a limit keeps none.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from rollbook.errors import Misconfigured
from rollbook.names import Line, StageName, TargetName

RESYNC_SECONDS: Final = 60.0
LOOPBACK: Final = "127.0.0.1"
LAST_PORT: Final = 65_535
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_ADDRESS: Final = re.compile(r"(?:(\[[0-9a-fA-F:]+\]|[^:\s]*):)?([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Address:
    """Where `/healthz` and `/metrics` are answered."""

    host: str
    port: int


def seconds(text: object) -> object:
    """Read a length of time: 90, `90s`, `30m`, `12h`, `7d`; ValueError otherwise."""
    if not isinstance(text, str):
        return text
    matched = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smhd]?)", text)
    if matched is None:
        raise ValueError("it is no length of time; write 90s, 30m or 12h")
    return float(matched[1]) * _UNITS[matched[2]]


def address(text: object) -> object:
    """Read `HOST:PORT`, `:PORT` or `PORT`; loopback where no host is named."""
    if not isinstance(text, str):
        return text
    matched = _ADDRESS.fullmatch(text)
    if matched is None or int(matched[2]) > LAST_PORT:
        raise ValueError("it is no address; write 127.0.0.1:9421")
    return Address((matched[1] or LOOPBACK).strip("[]"), int(matched[2]))


Seconds = Annotated[float, BeforeValidator(seconds), Field(gt=0, allow_inf_nan=False)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Retry(_Table):
    """How what may pass by itself is tried again before it is reported."""

    tries: Annotated[int, Field(ge=1)] = 5
    within: Seconds = 120.0
    """No pause ends later than so long after the first try."""
    first_pause: Seconds = 1.0
    longest_pause: Seconds = 60.0


class Cache(_Table):
    """What is kept of the artifacts that were fetched."""

    folder: Path | None = None
    limit_bytes: Annotated[int, Field(ge=0)] | None = None
    most_bytes_each: Annotated[int, Field(ge=0)] | None = None
    only_from: tuple[str, ...] = ()
    """Beginnings of URIs that may be fetched; none: everywhere."""


class Config(_Table):
    """Everything one agent is told that is no secret."""

    stage: StageName
    target: TargetName = TargetName("default")
    root: Path
    credentials: Path | None = None
    resync: Seconds = RESYNC_SECONDS
    apply_deadline: Seconds = 600.0
    """How long a driver may take for one document."""
    listen: Annotated[Address | None, BeforeValidator(address)] = None
    retry: Retry = Retry()
    cache: Cache = Cache()
    artifacts: dict[Line, dict[str, Any]] = Field(default_factory=dict)
    """Options for fetching, by protocol: `[artifacts.s3]`."""
    driver: dict[str, Any] = Field(default_factory=dict)
    """`name`, and whatever options that driver has."""

    @property
    def driver_name(self) -> str:
        """Name the driver."""
        return str(self.driver.get("name", "symlink"))

    @property
    def driver_options(self) -> Mapping[str, Any]:
        """Return what the driver is set up with."""
        return {key: value for key, value in self.driver.items() if key != "name"}

    @property
    def state_file(self) -> Path:
        """Name the file with what the agent must not forget."""
        return self.root / ".rollbook" / f"{self.stage}.{self.target}.json"

    @property
    def cache_folder(self) -> Path:
        """Name the folder of what was fetched."""
        return self.cache.folder or self.root / ".rollbook" / "artifacts"


def read(file: Path | None, flags: Mapping[str, Any]) -> Config:
    """Read the file, if there is one; each flag that is not None beats it.

    `driver` and `on_switch` among the flags go into the table `[driver]`. Raises
    Misconfigured with the place and what is wrong there.
    """
    found = _parsed(file) if file else {}
    given = {key: value for key, value in flags.items() if value is not None}
    for flag, key in (("driver", "name"), ("on_switch", "on_switch")):
        if flag in given:
            driver = found.setdefault("driver", {})
            if isinstance(driver, dict):
                driver[key] = given.pop(flag)
    try:
        return Config.model_validate({**found, **given})
    except ValidationError as error:
        raise _named(file, error) from error


def _parsed(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text())
    except OSError as error:
        raise Misconfigured(
            str(file), f"it cannot be read ({error.strerror}): name another file"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(str(file), f"it is no TOML: {error}") from error


def _named(file: Path | None, error: ValidationError) -> Misconfigured:
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    said = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        said = "no such setting is known here: remove it, or mend its spelling"
    if first["type"] == "missing":
        said = f"it is not given: pass --{place}, or write it into the file"
    return Misconfigured(f"{file}: {place}" if file else place, said)
