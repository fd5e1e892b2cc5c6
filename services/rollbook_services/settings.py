"""Which settings are there, what do they mean, where do they come from?

`rollbook.toml`, then `ROLLBOOK_<SECTION>__<KEY>`; every field says what it is for.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

Role = Literal["registrar", "projections", "conductor", "gateway"]


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


class Nats(_Section):
    """Where NATS is and how this process signs in there."""

    url: str = Field(
        "", description="nats:// or tls:// addresses, comma-separated; empty: embedded"
    )
    port: int = Field(
        0, ge=0, le=65535, description="the embedded server's port; 0 takes a free one"
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
        toml_file="rollbook.toml",
    )

    server: Server = Field(Server(), description="the process and its HTTP face")
    nats: Nats = Field(Nats(), description="the message broker")
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
