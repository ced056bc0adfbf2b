"""Speaks to an OpenAI-compatible server, and types whatever fails there.

Knows nothing of what is asked there, nor of who runs the server.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from typing import Final, TypeVar

import httpx
import openai
import openai.resources.chat  # or else the first question would wait half a second for it

from rag.errors import ConfigError, ModelError, ModelRejected, ModelUnavailable
from rag.models.addresses import check_url
from rag.models.connection import (
    CONNECT_SECONDS,
    Packed,
    TooMuch,
    causes,
    is_lost,
    watched,
    web_client,
)
from rag.models.deadline import Deadline
from rag.models.question import Allowance, allowance, spent

RETRIES = 2
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 10
"""What a reader may be kept waiting for nothing; quotes need no server."""
READ_CHARACTERS, QUOTED_CHARACTERS = 2000, 200
"""Of what a server says of its failure."""
REPEATED_CHARACTERS = 12
"""Letters and digits in a row that are in what was sent as well: a server repeats it."""
NO_KEY = "none"
"""Sent to servers that ask for no key: the client insists on one."""

_T = TypeVar("_T")

TRY_AGAIN = "Try again in a moment."
NOT_COMPATIBLE = (
    "Check that the address is that of an OpenAI-compatible server; it often ends in /v1."
)
_KEY = "Set the right one in FOOTNOTE_LLM_KEY, FOOTNOTE_EMBEDDING_KEY or OPENAI_API_KEY."
_SHORTER = "Ask a shorter question, or choose a model with more context."
_NAME = "Check how its address is spelled, and that this machine is connected."
_MODEL = "Check the spelling of the model's name, and that the address is right."
CHOOSE_ANOTHER = "Choose another model, or update Footnote."

Fault = tuple[type[ModelError], str, str]
"""What a failure becomes: the error, what the server did, and the fix."""

FAULTS: Final[Mapping[type[Exception], Fault]] = {
    httpx.TimeoutException: (ModelUnavailable, "did not answer in time", TRY_AGAIN),
    httpx.HTTPError: (ModelUnavailable, "cut off the answer", TRY_AGAIN),
    httpx.StreamError: (ModelUnavailable, "cut off the answer", TRY_AGAIN),
    TooMuch: (ModelRejected, "sends more than it was asked for", CHOOSE_ANOTHER),
    Packed: (ModelRejected, "sends compressed data that nobody asked for", NOT_COMPATIBLE),
    json.JSONDecodeError: (ModelRejected, "sent something that is not JSON", NOT_COMPATIBLE),
    UnicodeDecodeError: (ModelRejected, "sent something that is not UTF-8", NOT_COMPATIBLE),
    openai.OpenAIError: (ModelRejected, "gave no usable answer", NOT_COMPATIBLE),
    openai.APIError: (ModelUnavailable, "failed in the middle of the answer", TRY_AGAIN),
    openai.APIConnectionError: (
        ModelUnavailable,
        "cannot be reached",
        "Check that it runs and that the address is right, and try again.",
    ),
    openai.APITimeoutError: (ModelUnavailable, "did not answer in time", TRY_AGAIN),
    openai.APIResponseValidationError: (ModelRejected, "sent an unknown answer", NOT_COMPATIBLE),
    openai.APIStatusError: (ModelRejected, "refused the request", NOT_COMPATIBLE),
    openai.BadRequestError: (ModelRejected, "refused the request", _MODEL),
    openai.AuthenticationError: (ModelRejected, "refused the key", _KEY),
    openai.OAuthError: (ModelRejected, "refused the key", _KEY),
    openai.PermissionDeniedError: (ModelRejected, "does not allow this key that model", _KEY),
    openai.NotFoundError: (ModelRejected, "does not know the model or the address", _MODEL),
    openai.ConflictError: (ModelUnavailable, "was busy with something that conflicts", TRY_AGAIN),
    openai.UnprocessableEntityError: (ModelRejected, "refused the request", _MODEL),
    openai.RateLimitError: (
        ModelUnavailable,
        "takes no more requests now",
        "Wait a minute and try again, or look at the quota of the account.",
    ),
    openai.InternalServerError: (ModelUnavailable, "failed or is overloaded", TRY_AGAIN),
    openai.LengthFinishReasonError: (ModelUnavailable, "cut off the answer", TRY_AGAIN),
    openai.ContentFilterFinishReasonError: (ModelRejected, "withheld the answer", CHOOSE_ANOTHER),
    openai.InvalidWebhookSignatureError: (ModelRejected, "sent an unknown answer", NOT_COMPATIBLE),
    openai.WebSocketConnectionClosedError: (ModelUnavailable, "cut off the answer", TRY_AGAIN),
    openai.WebSocketQueueFullError: (ModelUnavailable, "is overloaded", TRY_AGAIN),
}
_CAUGHT = tuple(FAULTS)
_UNREADABLE: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What strange bytes raise where they are decoded: numbers of 5,000 digits, lists 100,000 deep,
charsets that are none, answers of another shape. So wide only while a reply is opened and read."""


class Cause(Exception):
    """What is told of the client's own error: its kinds and status, and what the system said.

    Never what the server said: some repeat the key, or the text they were sent.
    """


class Endpoint:
    """A server, its key, and how its failures are told."""

    def __init__(
        self, url: str, key: str | None, *, seconds: float, retries: int, most_bytes: int
    ) -> None:
        self.host = check_url(url)
        self.key = key or NO_KEY
        if not self.key.isascii() or not self.key.isprintable() or " " in self.key:
            raise ConfigError(
                f"The key for {self.host} has characters that no key has. Copy it again, "
                "without quotes or line ends."
            )
        self._url, self._seconds = url, seconds
        self._retries, self._most_bytes = retries, most_bytes
        self._lock = threading.Lock()
        self._client: openai.OpenAI | None = None

    @property
    def client(self) -> openai.OpenAI:
        """Return the client, opened at the first call."""
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> openai.OpenAI:
        client = openai.OpenAI(
            base_url=self._url,
            api_key=self.key,
            max_retries=0,  # `call` retries, within the deadline
            http_client=web_client(self.host, most_bytes=self._most_bytes),
        )
        # The client took these from the environment, for OpenAI; this may be somebody else.
        client.organization = client.project = None
        client._custom_headers = {}
        return client

    @contextmanager
    def session(self) -> Iterator[Deadline]:
        """Give one answer its time, and turn what goes wrong into errors of ours."""
        deadline = Deadline(self._seconds, spent=spent())
        if deadline.passed:
            raise self.late(deadline)
        try:
            yield deadline
        except _CAUGHT as exc:
            raise self.typed(exc, deadline) from _cause(exc)
        finally:
            deadline.cancel()

    def call(
        self,
        request: Callable[[httpx.Timeout], _T],
        deadline: Deadline,
        *,
        mend: Callable[[Exception], bool] = lambda _: False,
    ) -> _T:
        """Return what `request` returns, trying again what may pass.

        `mend` may change the request after a failure; it tells whether that is worth a try.
        """
        counted = allowance() or Allowance(self._retries)
        for attempt in range(self._retries + 1):
            try:
                with watched(deadline), self.reading():
                    return request(_timeout(deadline))
            except _CAUGHT as exc:
                error, mended = self.typed(exc, deadline), mend(exc)
                pause = 0.0 if mended else _pause(exc, attempt)
                may_pass = mended or (isinstance(error, ModelUnavailable) and not is_lost(exc))
                has_time = pause < min(deadline.left(), LONGEST_PAUSE_SECONDS)
                if attempt == self._retries or not (counted.retries and may_pass and has_time):
                    raise error from _cause(exc)
            counted.retries -= 1
            # As long as the server asked for, or longer each time.
            time.sleep(pause)
        raise AssertionError("unreachable")

    @contextmanager
    def reading(
        self, what: str = "sent an unknown answer", fix: str = NOT_COMPATIBLE
    ) -> Iterator[None]:
        """Turn what an answer raises where it is decoded into the error that it is unknown."""
        try:
            yield
        except _CAUGHT:
            raise  # `call` and `session` know more of it
        except _UNREADABLE as exc:
            raise self.error(ModelRejected, what, fix) from _cause(exc)

    def error(self, kind: type[ModelError], what: str, fix: str) -> ModelError:
        """Return an error that names this server."""
        return kind(f"The model server {self.host} {what}. {fix}")

    def typed(self, exc: Exception, deadline: Deadline) -> ModelError:
        """Return the error of ours for one of the client."""
        if deadline.passed:
            return self.late(deadline)
        kind, what, fix = _fault_of(exc)
        said = _said(exc)[:READ_CHARACTERS].replace(self.key, "[key]")
        quoted = f": “{said[:QUOTED_CHARACTERS]}”" if said and not _repeats(said, exc) else ""
        status = f" (status {exc.status_code})" if isinstance(exc, openai.APIStatusError) else ""
        return self.error(kind, what + status + quoted, fix)

    def late(self, deadline: Deadline) -> ModelError:
        """Return the error for an answer that took too long."""
        return self.error(
            ModelUnavailable,
            f"did not finish within {deadline.seconds:g} seconds",
            "Try again, or raise FOOTNOTE_MODEL_SECONDS.",
        )

    def close(self) -> None:
        """Close the connections; a later call opens them again."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()


def _fault_of(exc: Exception) -> Fault:
    for cause in causes(exc):
        # The client wraps what goes wrong below it.
        if isinstance(cause, TooMuch | Packed):
            return FAULTS[type(cause)]
    if is_lost(exc):
        return ModelUnavailable, "cannot be found by its name", _NAME
    if isinstance(exc, openai.APIStatusError):
        if 300 <= exc.status_code < 400:
            return ModelRejected, "redirects to another address", "Set that address instead."
        if exc.status_code == 408:
            return FAULTS[openai.APITimeoutError]
        if exc.status_code == 413 or _is_too_long(exc):
            return ModelRejected, "found the prompt too long", _SHORTER
    return next(FAULTS[kind] for kind in type(exc).__mro__ if kind in FAULTS)


def refused_option(exc: Exception, names: Set[str]) -> str | None:
    """Return the one of these options that a server does not take, None for other failures."""
    if not isinstance(exc, openai.BadRequestError) or _is_too_long(exc):
        return None
    text = f"{exc.param} {exc}"
    return next((n for n in sorted(names) if re.search(rf"\b{n}\b", text)), None)


def _is_too_long(exc: openai.APIError) -> bool:
    text = f"{exc.code} {_said(exc)}".lower()
    return "context" in text and any(word in text for word in ("length", "size", "window"))


def _said(exc: Exception) -> str:
    """Return what a server said of its failure, on one line."""
    body = getattr(exc, "body", None)
    for name in ("message", "error", "detail"):
        if isinstance(body, Mapping) and name in body:
            body = body[name]
    if not isinstance(body, str) or "<" in body:  # an error page, say
        return ""
    return "".join(c for c in " ".join(body.split()) if c.isprintable())


def _repeats(said: str, exc: Exception) -> bool:
    """Tell whether a server repeats what it was sent, a part of it, or that as JSON."""
    words = _letters(said)
    forms = {_letters(form) for text in _sent(exc) for form in (text, json.dumps(text))}
    return any(
        form[start : start + REPEATED_CHARACTERS] in words
        for form in forms - {""}
        for start in range(max(1, len(form) - REPEATED_CHARACTERS + 1))
    )


def _letters(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())


def _sent(exc: Exception) -> list[str]:
    """Return the texts that were sent with the request that failed."""
    if not isinstance(exc, openai.APIError):
        return []
    body = json.loads(exc.request.content)
    return [*body.get("input", ()), *(m["content"] for m in body.get("messages", ()))]


def _cause(exc: Exception) -> Cause:
    kinds = (_kind(cause) for cause in causes(exc))
    return Cause(", from ".join(kinds)).with_traceback(exc.__traceback__)


def _kind(exc: BaseException) -> str:
    name = f"{type(exc).__module__}.{type(exc).__qualname__}"
    if isinstance(exc, openai.APIStatusError):
        return f"{name} (status {exc.status_code})"
    return f"{name} ({exc})" if isinstance(exc, OSError) else name


def _timeout(deadline: Deadline) -> httpx.Timeout:
    left = deadline.left()
    return httpx.Timeout(connect=min(CONNECT_SECONDS, left), read=left, write=10, pool=5)


def _pause(exc: Exception, attempt: int) -> float:
    """Return the seconds to wait before another try, as the server asks if it does."""
    if isinstance(exc, openai.APIStatusError):
        try:
            return max(0.0, float(exc.response.headers.get("retry-after", "")))
        except ValueError:
            pass  # none, or a date
    return FIRST_PAUSE_SECONDS * 2.0**attempt
