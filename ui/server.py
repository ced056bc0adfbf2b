"""Serves a page on this machine: a socket, strict headers, a clean end.

Knows nothing of what the page shows.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import ipaddress
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag import ConfigError

DEFAULT_PORT = 7860
_PORTS_TRIED = 50
_INLINE_SCRIPT = re.compile(rb"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# 'unsafe-eval': the page's framework compiles its templates. Inline scripts run only when
# they came with the page itself, which their hashes say.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-eval'{hashes}; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "connect-src 'self'; media-src 'none'; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'self'"
)


def is_loopback(host: str) -> bool:
    """Say whether only this machine reaches a server bound to this host."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


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
    """Return the address at which a browser finds the page."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def application() -> FastAPI:
    """Return an application without pages of its own, guarded by `Guard`."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Guard)
    return app


@contextmanager
def serving(app: FastAPI, listener: socket.socket) -> Iterator[str]:
    """Serve on a listening socket in a thread; yield the address once the page loads."""
    config = uvicorn.Config(
        app, log_level="critical", access_log=False, timeout_graceful_shutdown=1, ws="none"
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


class Guard:
    """Answers only this machine's own pages, and sends strict headers with every reply.

    A foreign name in Host is a web site that points its name at this machine; a foreign
    Origin is a web site that makes the browser post to it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused = _refusal(Headers(scope=scope))
        if refused is not None:
            await PlainTextResponse(refused, status_code=403)(scope, receive, send)
            return
        await self._app(_uncompressed(scope), receive, _Sender(send))


def _refusal(headers: Headers) -> str | None:
    host = headers.get("host", "")
    if not is_loopback(_name(host)):
        return "Footnote answers only at this machine's own names."
    origin = headers.get("origin")
    if origin is not None and origin.removeprefix("http://") != host:
        return "Footnote answers only its own page."
    return None


def _name(host: str) -> str:
    """Return the name in a Host header, without its port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _uncompressed(scope: Scope) -> Scope:
    """Return the request without its wish for compression, so that scripts can be hashed."""
    headers = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]
    return {**scope, "headers": headers}


class _Sender:
    """Holds an HTML reply back until its inline scripts are known; passes others through."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(_HEADERS)
            if headers.get("content-type", "").startswith("text/html"):
                self._start = message
            else:
                headers["Content-Security-Policy"] = _POLICY.format(hashes="")
                await self._send(message)
        elif self._start is not None:
            await self._collect(message)
        else:
            await self._send(message)

    async def _collect(self, message: dict[str, Any] | Message) -> None:
        self._body += message.get("body", b"")
        if message.get("more_body") or self._start is None:
            return
        headers = MutableHeaders(scope=self._start)
        headers["Content-Security-Policy"] = _POLICY.format(hashes=_hashes(self._body))
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": self._body})


def _hashes(html: bytes) -> str:
    digests = (hashlib.sha256(script).digest() for script in _INLINE_SCRIPT.findall(html))
    return "".join(f" 'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
