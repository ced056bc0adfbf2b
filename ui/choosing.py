"""The settings that the page may change while it runs, for all who have it open.

Knows nothing of HTML. Keys are no part of it: they are read from the environment alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from rag import ConfigError, FootnoteError, Settings

EMBEDDED, NONE = "embedded", "none"


class Changeable(Protocol):
    """The part of an assistant that settings are changed by."""

    @property
    def settings(self) -> Settings:
        """Return what it is set to."""

    @property
    def model_name(self) -> str:
        """Return the name of the model that answers."""

    @property
    def model_host(self) -> str | None:
        """Return the host that is sent text, None if it stays on this machine."""

    def change(self, **settings: Any) -> None:
        """Answer by other settings from now on. Raises ConfigError."""


@dataclass(frozen=True)
class Choices:
    """What can be chosen, and what is; `models` are (value, label)."""

    models: tuple[tuple[str, str], ...]
    llm: str
    passages: int
    strictness: float
    model_name: str
    model_host: str | None


class Chooser:
    """Shows and changes the settings of one assistant."""

    def __init__(self, assistant: Changeable) -> None:
        self._assistant = assistant
        at_start = assistant.settings
        self._models = [
            (EMBEDDED, "The language model that comes with Footnote"),
            (NONE, "No language model: answers are quotes"),
        ]
        if at_start.llm not in (EMBEDDED, NONE):
            # The name of the host alone: an address may hold a password.
            host = urlsplit(at_start.llm_url or "").hostname
            where = f", at {host}" if host else ""
            self._models.insert(0, (at_start.llm, f"{at_start.llm}{where}"))

    def choices(self) -> Choices:
        """Return what there is to choose at this moment."""
        settings = self._assistant.settings
        return Choices(
            models=tuple(self._models),
            llm=settings.llm,
            passages=settings.passages,
            strictness=settings.strictness,
            model_name=self._assistant.model_name,
            model_host=self._assistant.model_host,
        )

    def choose(self, data: Mapping[str, str]) -> str | None:
        """Change the settings; return what was wrong with them, if anything."""
        try:
            if data.get("llm") not in [value for value, _ in self._models]:
                raise ConfigError("Choose one of the models shown.")
            self._assistant.change(
                llm=data["llm"],
                passages=int(data.get("passages", "")),
                strictness=float(data.get("strictness", "")),
            )
        except FootnoteError as error:
            return str(error)
        except ValueError:
            return "Passages and strictness are numbers."
        return None
