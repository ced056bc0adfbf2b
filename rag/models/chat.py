"""Chooses the language model and the remote embedder that the settings name.

Knows nothing of prompts. Heavy packages are imported when a model is built or first used.
"""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections.abc import Callable, Generator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from rag.errors import ConfigError, ModelUnavailable
from rag.models.addresses import check_url
from rag.models.local_server import Address, LocalServer
from rag.models.prefix_cache import PrefixCache
from rag.models.question import spent, uncounted
from rag.models.weights import (
    EMBEDDED,
    EMBEDDED_NAME,
    embedded_weights,
    hub_weights,
    local_gguf,
    parse_hub_name,
)
from rag.schema import ChatModel, Message, ProgressCallback, Usage
from rag.settings import Settings

if TYPE_CHECKING:
    from rag.models.openai_chat import OpenAICompatibleChat
    from rag.models.openai_embedder import OpenAICompatibleEmbedder

OPENAI = "openai/"
OPENAI_URL = "https://api.openai.com/v1"
LLM_FORMS = (
    "embedded, none, openai/NAME, PATH.gguf, hf:OWNER/REPO/FILE.gguf, or NAME together with "
    "FOOTNOTE_LLM_URL"
)
# Tokens whose probabilities are asked for, and the least that is told apart from none.
ALTERNATIVES, LEAST_PROBABILITY = 20, 1e-6
LEAST_SECONDS = 0.1
EMBEDDING_FORMS = "embedded, openai/NAME, or NAME together with FOOTNOTE_EMBEDDING_URL"


def build_chat_model(settings: Settings) -> ChatModel | None:
    """Return the model that the settings name, None for "none"; nothing is started yet.

    Raises:
        ConfigError: they name none, or lack its key or address.
    """
    name, folder = settings.llm, settings.models_folder
    if name in ("embedded", "none") or _is_file_name(name):
        if settings.llm_url is not None:
            raise ConfigError(
                f"FOOTNOTE_LLM_URL is set, but FOOTNOTE_LLM is {name!r}, which needs no server. "
                "Set FOOTNOTE_LLM to the name of a model of that server, or remove the address."
            )
        return None if name == "none" else _local_model(name, folder, settings)
    url, model, key = _server_of(
        name, settings.llm_url, settings.llm_key, settings, variable="LLM", forms=LLM_FORMS
    )
    # Takes half a second, which a start without a remote model need not wait.
    from rag.models.openai_chat import OpenAICompatibleChat

    return OpenAICompatibleChat(model, url, key=key, seconds=settings.model_seconds)


def model_sha256(settings: Settings) -> str | None:
    """Return the checksum of the weights that answer, None where a server keeps them.

    Raises:
        ModelRejected: the settings name a file that is not there.
    """
    if settings.llm == "embedded":
        return EMBEDDED.sha256
    if not _is_file_name(settings.llm):
        return None
    is_hub = settings.llm.lower().startswith("hf:")
    path = (
        hub_weights(settings.llm, settings.models_folder)
        if is_hub
        else local_gguf(Path(settings.llm))
    )
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def build_openai_embedder(settings: Settings) -> OpenAICompatibleEmbedder:
    """Return the embedder on the server that the settings name; it is not asked yet.

    Raises:
        ConfigError: they name none, or lack its key or address.
    """
    url, model, key = _server_of(
        settings.embedding,
        settings.embedding_url,
        settings.embedding_key,
        settings,
        variable="EMBEDDING",
        forms=EMBEDDING_FORMS,
    )
    # Takes half a second, which a start without a remote model need not wait.
    from rag.models.openai_embedder import OpenAICompatibleEmbedder

    return OpenAICompatibleEmbedder(model, url, key=key, seconds=settings.model_seconds)


def _server_of(
    name: str,
    url: str | None,
    secret: SecretStr | None,
    settings: Settings,
    *,
    variable: str,
    forms: str,
) -> tuple[str, str, str | None]:
    """Return base URL, model and key."""
    key = secret.get_secret_value() if secret is not None else None
    if url is not None:
        check_url(url)
        if name == "embedded":
            raise ConfigError(
                f"FOOTNOTE_{variable}_URL is set, but FOOTNOTE_{variable} is 'embedded'. Set it "
                "to the name of a model of that server, or remove the address."
            )
        # The key for OpenAI stays here: this may be anybody's server.
        return url, name, key
    if not name.startswith(OPENAI) or name == OPENAI:
        raise ConfigError(f"FOOTNOTE_{variable}={name!r} names no model. Write one of: {forms}.")
    if key is None and settings.openai_api_key is not None:
        key = settings.openai_api_key.get_secret_value()
    if key is None:
        raise ConfigError(
            f"FOOTNOTE_{variable}={name} needs a key. Set OPENAI_API_KEY or "
            f"FOOTNOTE_{variable}_KEY, in the environment or in the file .env."
        )
    return OPENAI_URL, name.removeprefix(OPENAI), key


def _is_file_name(name: str) -> bool:
    return name.lower().endswith(".gguf") or name.lower().startswith("hf:")


def _local_model(name: str, folder: Path, settings: Settings) -> LocalChat:
    find: Callable[[ProgressCallback | None], Path]
    if name == "embedded":
        title, find = EMBEDDED_NAME, partial(embedded_weights, folder)
    elif name.lower().startswith("hf:"):
        title = Path(parse_hub_name(name)[1]).stem
        find = partial(hub_weights, name, folder)
    else:
        path = Path(name)
        title, find = path.stem, lambda _progress: local_gguf(path)
    server = LocalServer(find, states=folder / "states", threads=settings.cores)
    return LocalChat(server, f"{title} (on this machine)", seconds=settings.model_seconds)


class LocalChat:
    """A ChatModel on this machine: started at the first use, and anew when it has died."""

    host: str | None = None

    def __init__(self, server: LocalServer, name: str, *, seconds: float = 90) -> None:
        self.name = name
        self._server, self._seconds = server, seconds
        self._prefixes = PrefixCache(server)
        self._lock = threading.Lock()
        self._speaker: tuple[Address, OpenAICompatibleChat] | None = None

    @property
    def ready(self) -> bool:
        """Tell whether the server runs."""
        return self._server.process_id is not None

    def warm(self, messages: Sequence[Message], progress: ProgressCallback | None = None) -> None:
        """Start the server and have it read these messages, or remember them."""
        self._prefixes.warm(messages, progress)

    def stream(
        self, messages: Sequence[Message], *, max_tokens: int, stop: Sequence[str] = ()
    ) -> Generator[str | Usage]:
        """Yield the reply piece by piece, then its `Usage`.

        Raises:
            ModelUnavailable: the server cannot be started, or died in the middle.
            ModelRejected: the weights cannot be run, or the prompt is too long.
        """
        begun = False
        for last_try in (False, True):
            speaker, started = self._ready(messages), time.monotonic()
            try:
                with self._server.awaited() as heard:
                    for piece in speaker.stream(messages, max_tokens=max_tokens, stop=stop):
                        heard()
                        begun = True
                        yield piece
                return
            except ModelUnavailable as exc:
                if not self._server.gave_up(started):
                    raise
                if begun or last_try:
                    raise _ended() from exc

    def odds(self, messages: Sequence[Message], *, word: str) -> float | None:
        """Return the log-odds that the reply begins with this word, None if it is not told.

        Raises as `stream` does.
        """
        answer = self._first_token(messages)
        try:
            likely = answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
            found = [math.exp(t["logprob"]) for t in likely if _begins(word, t["token"])]
        except (KeyError, IndexError, TypeError, ValueError):
            return None
        # One that is not even among the likeliest is as good as impossible.
        share = min(max(sum(found), LEAST_PROBABILITY), 1 - LEAST_PROBABILITY)
        return math.log(share / (1 - share))

    def _first_token(self, messages: Sequence[Message]) -> dict[str, Any]:
        options = {"max_tokens": 1, "logprobs": True, "top_logprobs": ALTERNATIVES}
        for last_try in (False, True):
            self._start(messages)
            started = time.monotonic()
            try:
                left = self._seconds - spent()
                return self._server.chat(messages, seconds=max(left, LEAST_SECONDS), **options)
            except ModelUnavailable as exc:
                if not self._server.gave_up(started):
                    raise
                if last_try:
                    raise _ended() from exc
        raise AssertionError("unreachable")

    def _start(self, messages: Sequence[Message]) -> Address:
        with uncounted():
            self._prefixes.recall(messages)
            return self._server.start()

    def _ready(self, messages: Sequence[Message]) -> OpenAICompatibleChat:
        # Takes half a second, and is needed only now that something is asked.
        from rag.models.openai_chat import OpenAICompatibleChat

        address = self._start(messages)
        with self._lock:
            if self._speaker is None or self._speaker[0] is not address:
                self._hang_up()
                chat = OpenAICompatibleChat(
                    "local",
                    f"{address.url}/v1",
                    key=address.key,
                    seconds=self._seconds,
                    retries=0,  # a server that died is started anew instead
                    extra={"cache_prompt": True, "id_slot": 0},
                )
                self._speaker = address, chat
            return self._speaker[1]

    def _hang_up(self) -> None:
        if self._speaker is not None:
            self._speaker[1].close()
        self._speaker = None

    def close(self) -> None:
        """End the server; a later call raises ModelUnavailable."""
        with self._lock:
            self._hang_up()
        self._server.retire()


def _ended() -> ModelUnavailable:
    return ModelUnavailable(
        "The local language model ended or hung in the middle of an answer, most likely because "
        "memory ran out. Ask again: it is started anew."
    )


def _begins(word: str, token: str) -> bool:
    """Tell whether a token is a word or its beginning: tokenizers cut words as they like."""
    part = token.strip().casefold()
    return len(part) >= min(2, len(word)) and word.casefold().startswith(part)
