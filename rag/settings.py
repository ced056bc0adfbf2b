"""All settings, bounded and frozen: the only reader of the environment.

Knows nothing of what the settings are used for. Keyword arguments win over FOOTNOTE_*
variables, which win over the file `.env` of the working folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from rag.errors import ConfigError

PREFIX = "FOOTNOTE_"


class Settings(BaseSettings):
    """Everything that can be set. Raises ConfigError on a wrong or unknown setting."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        protected_namespaces=(),
        hide_input_in_errors=True,  # it may be a key
    )

    home: Path = Field(Path(".footnote"), description="folder that holds the library")
    models: Path | None = Field(
        None, description="folder for joined or downloaded models; default: home/models"
    )
    llm: str = Field(
        "embedded",
        min_length=1,
        description="model that answers: embedded, none (quotes only), openai/NAME, NAME "
        "(with FOOTNOTE_LLM_URL), PATH.gguf, or hf:OWNER/REPO/FILE.gguf",
    )
    llm_url: str | None = Field(None, description="base URL of an OpenAI-compatible server")
    llm_key: SecretStr | None = Field(None, description="key for that server")
    embedding: str = Field(
        "embedded",
        min_length=1,
        description="model that embeds: embedded, openai/NAME, or NAME "
        "(with FOOTNOTE_EMBEDDING_URL)",
    )
    embedding_url: str | None = Field(None, description="base URL for embeddings")
    embedding_key: SecretStr | None = Field(None, description="key for that server")
    openai_api_key: SecretStr | None = Field(
        None,
        validation_alias="OPENAI_API_KEY",
        description="key for openai/NAME models; read without the prefix",
    )
    chroma_url: str | None = Field(
        None,
        description="http(s)://HOST:PORT of a Chroma server; default: inside this process",
    )
    passages: int = Field(5, ge=1, le=50, description="passages a search returns (k)")
    passage_characters: int = Field(
        1000, ge=100, le=4000, description="longest passage, in characters"
    )
    evidence: int = Field(
        8, ge=1, le=20, description="sentences an evidence search returns; a model sees the best"
    )
    strictness: float = Field(
        0.35, ge=0.0, le=1.0, description="confidence below which an answer is refused"
    )
    answer_tokens: int = Field(160, ge=16, le=2048, description="longest answer, in tokens")
    question_characters: int = Field(
        4000, ge=100, le=100_000, description="longest question, in characters"
    )
    file_megabytes: int = Field(50, ge=1, le=1000, description="largest file that is read")
    parse_seconds: int = Field(50, ge=5, le=3600, description="time to read one file")
    model_seconds: int = Field(
        75, ge=1, le=3600, description="time of a model for one question, with all its parts"
    )
    password: SecretStr | None = Field(
        None,
        description="password of the page, 12 characters or more; it is asked for wherever set",
    )
    proxy_header: SecretStr | None = Field(
        None,
        description="NAME: SECRET, a header that your reverse proxy adds to each request it has "
        "let in; all others are refused",
    )
    threads: int = Field(
        0,
        ge=0,
        le=256,
        description="threads for the embedded models; 0: all cores we may use",
    )

    def __init__(self, **values: Any) -> None:
        _refuse_unknown_variables()
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise ConfigError(_explain(error)) from error

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _OwnLines(settings_cls)

    @field_validator("home", "models")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        # Chroma keeps one system per path string, so the string must be one and the same.
        return None if path is None else Path(os.path.abspath(path.expanduser()))

    @field_validator("llm_url", "embedding_url", "chroma_url")
    @classmethod
    def _web_address(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        if url is not None and "@" in url.partition("://")[2].partition("/")[0]:
            # Addresses are shown and written into reports.
            raise ValueError("must hold no user name or password; a key has a setting of its own")
        return url

    def changed(self, **values: Any) -> Self:
        """Return these settings with others among them; raises ConfigError for a wrong value."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self)(**(fields | values))

    @property
    def models_folder(self) -> Path:
        """Return the folder of the joined models."""
        return self.models or self.home / "models"

    @property
    def cores(self) -> int:
        """Return how many threads the embedded models use."""
        if self.threads:
            return self.threads
        # Within a container the machine may have far more cores than we may use.
        affinity = getattr(os, "sched_getaffinity", None)
        return len(affinity(0)) if affinity else os.cpu_count() or 1


class _OwnLines(DotEnvSettingsSource):
    """The lines of `.env` that are ours: the file may hold settings of other programs too."""

    def __call__(self) -> dict[str, Any]:
        fields = self.settings_cls.model_fields
        aliases = {str(field.validation_alias) for field in fields.values()}
        return {k: v for k, v in super().__call__().items() if k in fields or k in aliases}


def _refuse_unknown_variables() -> None:
    known = {
        PREFIX + name.upper()
        for name, field in Settings.model_fields.items()
        if field.validation_alias is None
    }
    for source, names in (
        ("the environment", os.environ),
        (".env", _names_in_file(".env")),
    ):
        unknown = sorted(
            n for n in names if n.upper().startswith(PREFIX) and n.upper() not in known
        )
        if unknown:
            raise ConfigError(
                f"Unknown setting {unknown[0]} in {source}. Remove it, or take one of: "
                + ", ".join(sorted(known))
                + "."
            )


def _names_in_file(path: str) -> Iterable[str]:
    try:
        return dotenv_values(path)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"The file {path} cannot be read ({error}). Save it as UTF-8, or move it away."
        ) from error


def _explain(error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        name = str(problem["loc"][0]) if problem["loc"] else "settings"
        if problem["type"] == "extra_forbidden":
            known = ", ".join(sorted(Settings.model_fields))
            lines.append(f"Unknown setting {name!r}. Remove it, or take one of: {known}.")
        else:
            variable = name if name.isupper() else PREFIX + name.upper()
            lines.append(f"Setting {variable}: {problem['msg']}. Correct it and start again.")
    return "\n".join(lines)
