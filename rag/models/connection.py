"""The web client for model servers: where it goes, how much it takes, how long it waits.

Knows nothing of what is asked there.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import httpcore
import httpx

from rag.models.addresses import is_near, place_of
from rag.models.deadline import Deadline

_TELLTALES = (
    "openai._base_client",
    "openai._response",
    "openai._legacy_response",
    "httpcore.http11",
    "httpcore.http2",
)
_ABOUT_US = "x-stainless-"
"""Begins the headers in which OpenAI's client tells system, processor and version of Python."""
CONNECT_SECONDS = 5.0

_deadline_of_call: ContextVar[Deadline | None] = ContextVar("_deadline_of_call", default=None)


class TooMuch(httpx.StreamError):
    """An answer that does not end."""


class Packed(httpx.StreamError):
    """An answer that is compressed: how long it is would show only when it is too late."""


class _InTime(httpcore.SyncBackend):
    """Connects within the time given: the look-up of the name and all its addresses together.

    Else the look-up would take as long as the system likes, and each address the whole time.
    """

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        end = time.monotonic() + (CONNECT_SECONDS if timeout is None else timeout)
        addresses = _look_up(host, port, end - time.monotonic())
        failure: Exception = httpcore.ConnectTimeout("the time is up")
        for number, address in enumerate(addresses):
            left = end - time.monotonic()
            if left <= 0:
                break
            # The first may be dead, and a later one answer.
            share = left / (len(addresses) - number)
            try:
                return super().connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
                failure = exc
        raise failure


def _look_up(host: str, port: int, seconds: float) -> list[str]:
    """Return the addresses of a host, each once."""
    found: list[str] = []
    failed: list[OSError] = []
    done = threading.Event()

    def ask() -> None:
        try:
            known = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.extend(dict.fromkeys(str(address[0]) for *_, address in known))
        except OSError as exc:
            failed.append(exc)
        except UnicodeError:
            failed.append(socket.gaierror(socket.EAI_NONAME, "a name that cannot be one"))
        finally:
            done.set()

    # Nothing ends a look-up: who waits for it is left alone with it.
    threading.Thread(target=ask, name="look-up", daemon=True).start()
    if not done.wait(seconds):
        raise httpcore.ConnectTimeout("the name is looked up for too long")
    try:
        for failure in failed:
            raise failure
    except OSError as exc:  # raised here, as the pool forgets causes, but not contexts
        raise httpcore.ConnectError(str(exc)) from exc
    return found


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
    # At INFO it writes down whole addresses, which may hold a key.
    logging.getLogger("httpx").addFilter(_without_paths)
    client = httpx.Client(
        # A redirect would send the documents to a host that nobody named.
        follow_redirects=False,
        # A proxy of the environment may be the only way out, but must not see what is
        # meant for this machine or the own network.
        trust_env=not is_near(host),
        headers={"Accept-Encoding": "identity"},
        # A new connection for each request: an old one may have died unnoticed, and only of
        # a new one the client says which it is.
        limits=httpx.Limits(max_keepalive_connections=0),
        event_hooks={"request": [_prepare], "response": [partial(_bound, most_bytes)]},
    )
    # By way of a proxy as well, for which the client has transports of its own.
    for transport in (client._transport, *client._mounts.values()):
        if isinstance(transport, httpx.HTTPTransport):
            transport._pool._network_backend = _InTime()
    return client


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


def _without_paths(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple):
        record.args = tuple(
            place_of(str(part)) if isinstance(part, httpx.URL) else part for part in record.args
        )
    return True


def _bound(most_bytes: int, response: httpx.Response) -> None:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise Packed("the answer is compressed")
    if isinstance(response.stream, httpx.SyncByteStream):
        response.stream = _Bounded(response.stream, most_bytes)


def _prepare(request: httpx.Request) -> None:
    for name in [name for name in request.headers if name.startswith(_ABOUT_US)]:
        del request.headers[name]
    request.extensions["trace"] = _watch


def _watch(event: str, about: Mapping[str, Any]) -> None:
    """Watch over a connection from its first moment, and again once TLS wraps it."""
    deadline = _deadline_of_call.get()
    if deadline is not None and event.endswith(("connect_tcp.complete", "start_tls.complete")):
        deadline.watch(about["return_value"].get_extra_info("socket"))
