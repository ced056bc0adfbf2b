"""Serves a page on this machine: a socket, a guarded application, a clean end.

Knows nothing of what the page shows, or of who may see it.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from rag import ConfigError
from ui.access import Access
from ui.gate import Gate

DEFAULT_PORT = 7860
_PORTS_TRIED = 50
# An address and the headers of a request together.
_HEADER_BYTES = 64_000


def open_socket(host: str, port: int | None) -> socket.socket:
    """Return a listening socket: at `port`, or without one at the first free port from 7860 on.

    Raises:
        ConfigError: the port is taken, not allowed, or no port is free.
    """
    if port is not None and not 0 <= port <= 65535:
        raise ConfigError(f"There is no port {port}. Choose one from 1024 to 65535 with --port.")
    wanted = [port] if port is not None else range(DEFAULT_PORT, DEFAULT_PORT + _PORTS_TRIED)
    for candidate in wanted:
        try:
            return _bind(host, candidate)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or port is not None:
                raise ConfigError(
                    f"Port {candidate} on {host} cannot be used: {error.strerror}. Choose another "
                    "with --port, or leave --port out to take the next free one."
                ) from error
    raise ConfigError(
        f"Ports {wanted[0]} to {wanted[-1]} on {host} are all taken. Choose one with --port."
    )


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A port that was in use a moment ago can be used again; a listening one cannot.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def address(listener: socket.socket) -> str:
    """Return the address at which a browser of this machine finds the page."""
    host, port = listener.getsockname()[:2]
    if ipaddress.ip_address(host).is_unspecified:
        host = "::1" if ":" in host else "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def application(access: Access, *, upload_bytes: int) -> FastAPI:
    """Return an application without pages of its own, guarded by `ui.gate`."""
    return _Guarded(access, upload_bytes)


class _Guarded(FastAPI):
    """An application whose gate stands before all of it, replies to failures of its own too."""

    def __init__(self, access: Access, upload_bytes: int) -> None:
        super().__init__(docs_url=None, redoc_url=None, openapi_url=None)
        self._access, self._upload_bytes = access, upload_bytes

    def build_middleware_stack(self) -> ASGIApp:
        """Return what answers requests; called once, with the first of them."""
        behind = super().build_middleware_stack()
        return Gate(behind, access=self._access, upload_bytes=self._upload_bytes)


@contextmanager
def serving(app: FastAPI, listener: socket.socket) -> Iterator[str]:
    """Serve on a listening socket in a thread; yield the address once the page loads."""
    # Of its two parsers the other takes headers of any length, and all wait meanwhile.
    config = uvicorn.Config(
        app,
        log_level="critical",
        access_log=False,
        timeout_graceful_shutdown=1,
        ws="none",
        http="h11",
        h11_max_incomplete_event_size=_HEADER_BYTES,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listener]}, name="server", daemon=True
    )
    thread.start()
    try:
        while not server.started and thread.is_alive():
            thread.join(0.02)
        yield address(listener)
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
