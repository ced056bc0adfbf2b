"""The web client for model servers: where it goes, how much it takes, how long it waits.

Knows nothing of what is asked there.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import httpx

from rag.models.addresses import is_near
from rag.models.deadline import Deadline

_TELLTALES = (
    "openai._base_client",
    "openai._response",
    "openai._legacy_response",
    "httpcore.http11",
    "httpcore.http2",
)

_deadline_of_call: ContextVar[Deadline | None] = ContextVar("_deadline_of_call", default=None)


class TooMuch(httpx.StreamError):
    """An answer that does not end."""


class Packed(httpx.StreamError):
    """An answer that is compressed: how long it is would show only when it is too late."""


class _Bounded(httpx.SyncByteStream):
    """The bytes of an answer, as far as one may go."""

    def __init__(self, stream: httpx.SyncByteStream, most: int) -> None:
        self._stream, self._most = stream, most

    def __iter__(self) -> Iterator[bytes]:
        left = self._most
        for part in self._stream:
            left -= len(part)
            if left < 0:
                raise TooMuch("the answer is too long")
            yield part

    def close(self) -> None:
        self._stream.close()


def web_client(host: str, *, most_bytes: int) -> httpx.Client:
    """Return a client for one host, which it never leaves, and for answers of some length."""
    for name in _TELLTALES:
        # At DEBUG they write down what is sent: passages, questions and headers.
        logging.getLogger(name).addFilter(_says_little)
    return httpx.Client(
        # A redirect would send the documents to a host that nobody named.
        follow_redirects=False,
        # A proxy of the environment may be the only way out, but must not see what is
        # meant for this machine or the own network.
        trust_env=not is_near(host),
        headers={"Accept-Encoding": "identity"},
        # A new connection for each request: an old one may have died unnoticed, and only of
        # a new one the client says which it is.
        limits=httpx.Limits(max_keepalive_connections=0),
        event_hooks={"request": [_trace], "response": [partial(_bound, most_bytes)]},
    )


@contextmanager
def watched(deadline: Deadline) -> Iterator[None]:
    """Have a deadline watch over the connections that are made in the block."""
    token = _deadline_of_call.set(deadline)
    try:
        yield
    finally:
        _deadline_of_call.reset(token)


def causes(exc: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and what it was made of: clients wrap what goes wrong below them."""
    while exc is not None:
        yield exc
        exc = exc.__cause__ or exc.__context__


def is_lost(exc: BaseException) -> bool:
    """Tell whether the name of the host leads nowhere: looking again takes long, and is vain."""
    return any(isinstance(cause, socket.gaierror) for cause in causes(exc))


def _says_little(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG


def _bound(most_bytes: int, response: httpx.Response) -> None:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise Packed("the answer is compressed")
    if isinstance(response.stream, httpx.SyncByteStream):
        response.stream = _Bounded(response.stream, most_bytes)


def _trace(request: httpx.Request) -> None:
    request.extensions["trace"] = _watch


def _watch(event: str, about: Mapping[str, Any]) -> None:
    """Watch over a connection from its first moment, and again once TLS wraps it."""
    deadline = _deadline_of_call.get()
    if deadline is not None and event.endswith(("connect_tcp.complete", "start_tls.complete")):
        deadline.watch(about["return_value"].get_extra_info("socket"))
