"""Stands before every page: names, origins, passwords, sizes on the way in; strict headers out.

Knows nothing of what lies behind it; `ui.access` judges who may come in.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.access import Access, TooManyTries
from ui.render_login import login

LOGIN, LOGOUT = "/login", "/logout"
UPLOAD = "/gradio_api/upload"
# Questions, settings and forms; a page sends back nothing that is larger.
BODY_BYTES = 1_000_000
_INLINE_SCRIPT = re.compile(rb"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    # "no-referrer" would make a form of the page send an unknown origin.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
# 'unsafe-eval': the page's framework compiles its templates. Inline scripts run only when
# they came with the page itself, which their hashes say.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-eval'{hashes}; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "connect-src 'self'; media-src 'none'; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'none'"
)
# What the page fetches by itself, and puts into itself or, of reports, into a frame.
_FETCHED = "/page/"
_POLICY_OF_FETCHED = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)
# All that the page asks for. Its framework answers much else, and more in each version: for
# programs, for its own developers, and files of any host, which would then be of this one.
_PAGE = "/"
_OPEN = frozenset({
    _PAGE,
    LOGIN,
    LOGOUT,
    UPLOAD,
    "/config",
    "/favicon.ico",
    "/theme.css",
    "/gradio_api/app_id",
    "/gradio_api/queue/data",
    "/gradio_api/queue/join",
    # Events that wait for no others: stopping an answer, and giving it up.
    "/gradio_api/run/predict",
    "/gradio_api/upload_progress",
})  # fmt: skip
_OPEN_BELOW = (_FETCHED, "/assets/", "/static/", "/gradio_api/heartbeat/")
# Other ports of this machine count as the same site.
_FOREIGN = ("cross-site", "same-site")
# The first: so that scripts can be hashed. The second: the name a page is reached by is in
# Host, which was looked at.
_LEFT_OUT = (b"accept-encoding", b"x-forwarded-host")


class Gate:
    """Lets in who may use the page, and sends strict headers with every reply.

    A foreign name in Host is a web site that points its name at this machine; a foreign
    Origin is a web site that makes the browser post to it.
    """

    def __init__(self, app: ASGIApp, *, access: Access, upload_bytes: int) -> None:
        self._app, self._access, self._upload_bytes = app, access, upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = _Sender(send, scope["path"])
        reply = await self._own_reply(HTTPConnection(scope), receive)
        if reply is not None:
            await reply(scope, receive, send)
            return
        headers = [pair for pair in scope["headers"] if pair[0] not in _LEFT_OUT]
        body = _Body(receive, self._largest(scope))
        await self._app({**scope, "headers": headers}, body, send)

    async def _own_reply(self, wanted: HTTPConnection, receive: Receive) -> Response | None:
        """Return what is answered before the page, None if the page may answer."""
        refused = self._refusal(wanted)
        if refused is not None:
            return PlainTextResponse(refused, status_code=403)
        path, method = wanted.scope["path"], wanted.scope["method"]
        if self._access.asks and method == "POST" and path in (LOGIN, LOGOUT):
            return await self._log_in_or_out(wanted, receive)
        if not self._access.admits(wanted.headers, wanted.cookies):
            if self._access.asks and method == "GET" and path == "/":
                return HTMLResponse(login(), status_code=401)
            return PlainTextResponse("Sign in first.", status_code=401)
        if self._is_too_large(wanted):
            return PlainTextResponse("That is more than is taken at once.", status_code=413)
        return None

    def _refusal(self, wanted: HTTPConnection) -> str | None:
        path, headers = wanted.scope["path"], wanted.headers
        host = headers.get("host", "")
        if not self._access.knows(host):
            return "Footnote answers only at its own names."
        origin = headers.get("origin")
        if origin is not None and _host_of(origin) != host:
            return "Footnote answers only its own page."
        # A link, a picture or a frame of a web site says nothing of where it comes from but
        # this. Such a link may lead to the page, and to nothing that lies behind it.
        if headers.get("sec-fetch-site") in _FOREIGN and path != _PAGE:
            return "Footnote answers only its own page."
        if path not in _OPEN and not path.startswith(_OPEN_BELOW):
            return "Footnote has no interface but its page."
        return None

    async def _log_in_or_out(self, wanted: HTTPConnection, receive: Receive) -> Response:
        back = RedirectResponse("/", status_code=303)
        name = self._access.cookie
        if wanted.scope["path"] == LOGOUT:
            self._access.log_out(wanted.cookies)
            back.delete_cookie(name)
            return back
        if self._is_too_large(wanted):
            return PlainTextResponse("No password is that long.", status_code=413)
        form = await Request(wanted.scope, _Body(receive, BODY_BYTES)).body()
        password = parse_qs(form.decode("utf-8", "replace")).get("password", [""])[0]
        try:
            token = self._access.log_in(password)
        except TooManyTries:
            return HTMLResponse(login("Too many tries. Wait a minute."), status_code=429)
        if token is None:
            return HTMLResponse(login("That is not the password."), status_code=401)
        secure = wanted.scope["scheme"] == "https"
        back.set_cookie(name, token, httponly=True, samesite="strict", secure=secure)
        return back

    def _largest(self, scope: Scope) -> int:
        return self._upload_bytes if scope["path"] == UPLOAD else BODY_BYTES

    def _is_too_large(self, wanted: HTTPConnection) -> bool:
        told = wanted.headers.get("content-length", "")
        return told.isdecimal() and int(told) > self._largest(wanted.scope)


def _host_of(origin: str) -> str | None:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    return parts.netloc if parts.scheme in ("http", "https") else None


class _Body:
    """Passes a body on; breaks it off where it is longer than it said it would be."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive, self._left = receive, limit

    async def __call__(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise ClientDisconnect
        return message


class _Sender:
    """Holds the page back until its inline scripts are known; passes all else through."""

    def __init__(self, send: Send, path: str) -> None:
        self._send, self._is_page = send, path == _PAGE
        self._is_fetched = path.startswith(_FETCHED)
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(_HEADERS)
            headers["X-Frame-Options"] = "SAMEORIGIN" if self._is_fetched else "DENY"
            policy = _POLICY_OF_FETCHED if self._is_fetched else _POLICY.format(hashes="")
            headers["Content-Security-Policy"] = policy
            if self._is_page and headers.get("content-type", "").startswith("text/html"):
                self._start = message
            else:
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
