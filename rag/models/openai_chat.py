"""Streams answers from an OpenAI-compatible server.

Knows nothing of prompts or documents, nor of how failures are told apart.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import httpx

from rag.errors import ModelError, ModelRejected, ModelUnavailable
from rag.models.deadline import Deadline
from rag.models.openai_compatible import (
    CHOOSE_ANOTHER,
    NOT_COMPATIBLE,
    RETRIES,
    TRY_AGAIN,
    Endpoint,
    refused_option,
)
from rag.schema import Message, ProgressCallback, Usage

SEED = 7
CHARACTERS_PER_TOKEN = 100
"""More than tokenizers make of one token: a server past this ignores `max_tokens`."""
MOST_BYTES = 4_000_000
"""Of one answer: a token takes some hundreds of them on its way."""


class OpenAICompatibleChat:
    """A ChatModel behind an OpenAI-compatible server.

    A reply that was cut for its length ends without complaint: its `Usage` then counts
    `max_tokens` or more, and its last sentence may be unfinished.
    """

    def __init__(
        self,
        model: str,
        url: str,
        *,
        key: str | None = None,
        seconds: float = 90,
        retries: int = RETRIES,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        """Speak to `model` at the base URL `url`; `extra` goes into the body of each request."""
        self.name = model
        self._model, self._extra = model, dict(extra or {})
        self._endpoint = Endpoint(url, key, seconds=seconds, retries=retries, most_bytes=MOST_BYTES)
        self._refused: frozenset[str] = frozenset()

    @property
    def host(self) -> str | None:
        """Return the host that is sent text; one on this machine may pass it on."""
        return self._endpoint.host

    ready = True

    def warm(self, messages: Sequence[Message], progress: ProgressCallback | None = None) -> None:
        """Do nothing: a server of others is ready or not, and is not sent what nobody asked."""

    def stream(
        self, messages: Sequence[Message], *, max_tokens: int, stop: Sequence[str] = ()
    ) -> Generator[str | Usage]:
        """Yield the reply piece by piece, then its `Usage` once, if known.

        Raises:
            ModelUnavailable: refused, timed out, cut off in the middle, overloaded.
            ModelRejected: wrong key, unknown model, prompt too long.
        """
        options: dict[str, Any] = {
            "messages": [{"role": m.role, "content": m.content} for m in messages],
            "max_tokens": max_tokens,
            "temperature": 0,
            "seed": SEED,
            "stream_options": {"include_usage": True},
            **({"stop": list(stop)} if stop else {}),
        }
        with (
            self._endpoint.session() as deadline,
            self._endpoint.call(
                partial(self._open, options), deadline, mend=partial(self._leave_out, options)
            ) as reply,
        ):
            yield from self._pieces(reply, max_tokens, deadline)

    def odds(self, messages: Sequence[Message], *, word: str) -> None:
        """Return None: a request more for each sentence would cost its owner money."""

    def _open(self, options: Mapping[str, Any], timeout: httpx.Timeout) -> Any:
        return self._endpoint.client.chat.completions.create(
            model=self._model,
            stream=True,
            extra_body=self._extra,
            timeout=timeout,
            **_without(options, self._refused),
        )

    def _leave_out(self, options: Mapping[str, Any], exc: Exception) -> bool:
        """Leave out from now on what the server does not take; tell whether that is new."""
        refused = refused_option(exc, set(options) - self._refused - {"messages"})
        if refused is not None:
            self._refused |= {refused}
        return refused is not None

    def _pieces(self, reply: Any, max_tokens: int, deadline: Deadline) -> Generator[str | Usage]:
        finished, is_cut, usage = False, False, None
        room = CHARACTERS_PER_TOKEN * (max_tokens + 1)
        for text, reason, counted in self._read(reply):
            room -= len(text)
            if room < 0:
                raise self._endpoint.error(
                    ModelRejected, "sends more than it was asked for", CHOOSE_ANOTHER
                )
            if reason == "content_filter":
                raise self._endpoint.error(ModelRejected, "withheld the answer", CHOOSE_ANOTHER)
            finished, usage = finished or reason is not None, counted or usage
            is_cut = is_cut or reason == "length"
            if deadline.passed:
                raise self._endpoint.late(deadline)
            if text:
                yield text
        if not finished:
            # The client takes the end of a connection for the end of the answer.
            raise self._unfinished(reply, deadline)
        if is_cut:
            # Not every server counts, and one whose context is full has counted fewer.
            usage = usage or Usage()
            usage = Usage(usage.prompt_tokens, max(usage.completion_tokens, max_tokens))
        if usage is not None:
            yield usage

    def _read(self, reply: Any) -> Iterator[tuple[str, str | None, Usage | None]]:
        """Yield the text of each piece, why it ends there, and the tokens, as far as told."""
        with self._endpoint.reading():
            for chunk in reply:
                counted, usage = chunk.usage, None
                if counted:
                    usage = Usage(int(counted.prompt_tokens), int(counted.completion_tokens))
                if not chunk.choices:  # the last one has only the usage
                    yield "", None, usage
                    continue
                choice = chunk.choices[0]
                yield "".join(choice.delta.content or ""), choice.finish_reason, usage

    def _unfinished(self, reply: Any, deadline: Deadline) -> ModelError:
        if deadline.passed:
            return self._endpoint.late(deadline)
        if "text/event-stream" not in reply.response.headers.get("content-type", ""):
            return self._endpoint.error(
                ModelRejected, "sent no stream of an answer", NOT_COMPATIBLE
            )
        return self._endpoint.error(ModelUnavailable, "cut off the answer", TRY_AGAIN)

    def close(self) -> None:
        """Close the connections; a later call opens them again."""
        self._endpoint.close()


def _without(options: Mapping[str, Any], refused: frozenset[str]) -> dict[str, Any]:
    kept = {name: value for name, value in options.items() if name not in refused}
    if "max_tokens" in refused:  # newer models of OpenAI want it under this name
        kept["max_completion_tokens"] = options["max_tokens"]
    return kept
