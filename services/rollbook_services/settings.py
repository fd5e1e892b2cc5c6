"""Which settings are there, what do they mean, where do they come from?

`rollbook.toml`, then `ROLLBOOK_<SECTION>__<KEY>`; every field says what it is for.
"""

import ipaddress
import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from rollbook.errors import Misconfigured

FILE: Final = "rollbook.toml"
SCHEMES: Final = ("nats", "tls")
PLACE: Final = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}/[A-Za-z0-9][A-Za-z0-9_-]{0,99}$"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Server(_Section):
    """The process and its HTTP face."""

    data: Path = Field(
        Path("rollbook-data"), description="the data directory; everything lies in it"
    )
    origin: str = Field(
        "rollbook.local",
        description="the ledger's name, e.g. rollbook.example.com/prod; set at the "
        "first start, for ever",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9./:_-]{0,199}$",
    )
    host: str = Field("127.0.0.1", description="the address the gateway listens on")
    port: int = Field(
        0, ge=0, le=65535, description="the gateway's port; 0 takes a free one"
    )
    behind_tls: bool = Field(
        False,
        description="TLS ends in front of the gateway, at a proxy; without it the "
        "gateway listens on loopback only",
    )
    places: tuple[Annotated[str, StringConstraints(pattern=PLACE)], ...] = Field(
        (),
        description="stage/target of agents beside the built-in ones that get a token "
        "at a start; a place once named stays",
    )
    ready_file: Path | None = Field(
        None,
        description="a file touched every 10 s while the services of `rollbook serve` "
        "are ready, for health checks; keep it on a tmpfs",
    )


class Nats(_Section):
    """Where NATS is and how this process signs in there."""

    url: str = Field(
        "", description="nats:// or tls:// addresses, comma-separated; empty: embedded"
    )
    port: int = Field(
        0, ge=0, le=65535, description="the embedded server's port; 0 takes a free one"
    )
    ca: Path | None = Field(
        None,
        description="PEM file of the authority behind tls:// addresses; empty: those "
        "this machine trusts",
    )
    seeds: Path | None = Field(
        None, description="the folder with one <user>.nk seed file per NATS user"
    )
    # The environment holds text, and a Literal takes no text for a number.
    replicas: Annotated[Literal[1, 3, 5], BeforeValidator(int)] = Field(
        1, description="replicas of each stream"
    )
    manage_streams: bool = Field(
        True, description="create missing streams; else they are only checked"
    )


class Conductor(_Section):
    """How long silence is patience."""

    lease_seconds: int = Field(
        45,
        ge=1,
        le=3600,
        description="an agent that is silent for so long is lost; it speaks three "
        "times as often. The same for every conductor",
    )


class Prometheus(_Section):
    """The metrics server that policies' queries are asked of."""

    url: str = Field(
        "",
        description="its address, as http://prometheus:9090; empty: nobody is asked",
        pattern=r"^(https?://[^\s?#]+)?$",
    )
    token_file: Path | None = Field(
        None, description="a file with its bearer token; read for each question"
    )


class Database(_Section):
    """Where each projection lives; empty: an SQLite file in the data directory."""

    stage: SecretStr = Field(SecretStr(""), description="URL of the stage view")
    lineage: SecretStr = Field(SecretStr(""), description="URL of the lineage view")
    audit: SecretStr = Field(SecretStr(""), description="URL of the audit view")


class Log(_Section):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="the lowest level that is written"
    )
    format: Literal["auto", "console", "json"] = Field(
        "auto", description="auto is console on a terminal, else JSON lines"
    )


class Settings(BaseSettings):
    """All settings of a Rollbook process; unknown keys refuse to start."""

    model_config = SettingsConfigDict(
        env_prefix="ROLLBOOK_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        toml_file=FILE,
    )

    server: Server = Field(Server(), description="the process and its HTTP face")
    nats: Nats = Field(Nats(), description="the message broker")
    conductor: Conductor = Field(Conductor(), description="agents' leases")
    prometheus: Prometheus = Field(Prometheus(), description="the metrics server")
    database: Database = Field(Database(), description="the projections' databases")
    log: Log = Field(Log(), description="logging")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over the environment, that over the file."""
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls))

    def database_url(self, view: str) -> str:
        """Return where a projection lives."""
        given: SecretStr = getattr(self.database, view)
        return given.get_secret_value() or f"sqlite:///{self.server.data}/{view}.db"


def load(**given: Any) -> Settings:
    """Read all settings, these arguments first; Misconfigured names what is wrong."""
    try:
        settings = Settings(**given)
    except ValidationError as error:
        fault = error.errors()[0]
        name = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            remedy = (
                f"there is no such setting; remove it from {FILE} or the environment"
            )
        else:
            remedy = fault["msg"].removeprefix("Value error, ")
        raise Misconfigured(name or FILE, remedy) from error
    except (tomllib.TOMLDecodeError, OSError) as error:
        raise Misconfigured(FILE, f"it cannot be read as TOML: {error}") from error
    check(settings)
    return settings


def check(settings: Settings) -> None:
    """Refuse what would give secrets or facts away; Misconfigured names the fix."""
    server, nats = settings.server, settings.nats
    if not is_loopback(server.host) and not server.behind_tls:
        raise Misconfigured(
            "server.host",
            f"on {server.host} tokens would travel in the clear: put a proxy with TLS "
            "in front and say so with server.behind_tls, or listen on 127.0.0.1",
        )
    _check_metrics(settings.prometheus)
    addresses = [each.strip() for each in nats.url.split(",") if each.strip()]
    for address in addresses:
        _check_address(address)
    if nats.ca and not any(each.startswith("tls://") for each in addresses):
        raise Misconfigured(
            "nats.ca", "only tls:// addresses need it: write nats.url with tls://"
        )
    if len(addresses) > 1 and nats.replicas == 1:
        raise Misconfigured(
            "nats.replicas",
            f"one replica on {len(addresses)} servers loses the ledger with its one "
            "disk: set it to 3",
        )


def _check_metrics(server: Prometheus) -> None:
    parts = urlsplit(server.url)
    is_open = parts.scheme == "http" and not is_loopback(parts.hostname or "")
    if is_open and server.token_file is not None:
        raise Misconfigured(
            "prometheus.url",
            f"{server.url} would carry its token in the clear: write https://, or take "
            "prometheus.token_file away",
        )


def _check_address(address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise Misconfigured(
            "nats.url", f"{address!r} is no address: write tls://host:4222"
        )
    if parts.scheme == "nats" and not is_loopback(parts.hostname):
        raise Misconfigured(
            "nats.url",
            f"{address} would carry tokens in the clear: write tls://, and name the "
            "authority of its certificate with nats.ca",
        )


def is_loopback(host: str) -> bool:
    """Tell whether what is said to this host stays on this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
