"""Who may use the page: under which names, and with which password or header.

Knows nothing of how a request travels; it judges headers and passwords alone.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
import socket
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from rag import ConfigError, Settings

LEAST_CHARACTERS = 12
# A password of that length is not found at this pace, and nobody is shut out for long.
TRIES, TRIES_SECONDS = 10, 60.0
_HEADER = re.compile(r"([A-Za-z0-9-]+):[ ]*(\S{16,})")
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


def is_loopback(host: str) -> bool:
    """Say whether only this machine reaches a server bound to this host."""
    return host == "localhost" or (_is_number(host) and ipaddress.ip_address(host).is_loopback)


class Access:
    """Judges who may come in. A page that others could reach needs a password or a header.

    Raises:
        ConfigError: it has neither, or one that would not protect it.
    """

    def __init__(
        self, settings: Settings, host: str = "127.0.0.1", names: Sequence[str] = ()
    ) -> None:
        """Judge for a server bound to `host`, which browsers reach under `names` as well."""
        self.exposed = not is_loopback(host) or bool(names)
        self._names = {_checked_name(name) for name in names}
        if not is_loopback(host):
            own = socket.gethostname().lower()
            self._names |= {own, f"{own}.local"}
        self._password = _password_in(settings)
        self._header = _header_in(settings)
        if self.exposed and self._password is None and self._header is None:
            raise ConfigError(
                "Others could reach the page, so it needs a password: set FOOTNOTE_PASSWORD, or "
                "FOOTNOTE_PROXY_HEADER if a reverse proxy of yours lets people in. Without "
                "--host and --name it is served to this machine alone."
            )
        # Two pages of one machine must not overwrite each other's cookies.
        self.cookie = f"footnote-{secrets.token_hex(4)}"
        self._tokens: set[str] = set()
        self._failures: deque[float] = deque(maxlen=TRIES)
        self._guard = threading.Lock()

    @property
    def asks(self) -> bool:
        """Say whether a password can be given."""
        return self._password is not None

    def knows(self, host: str) -> bool:
        """Say whether a Host header names this server.

        A name that somebody else points at this machine does not. A number cannot be
        pointed anywhere, so where the page may be reached by others, every number is known.
        """
        name = _name(host)
        if is_loopback(name) or name in self._names:
            return True
        return self.exposed and _is_number(name)

    def admits(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> bool:
        """Say whether who sends these may use the page."""
        if self._header is not None:
            name, secret = self._header
            if not _same(headers.get(name, ""), secret):
                return False
        if self._password is None:
            return True
        given = cookies.get(self.cookie, "")
        with self._guard:
            return any(_same(given, token) for token in self._tokens)

    def log_in(self, password: str) -> str | None:
        """Return the value of a cookie that admits, None for a wrong password.

        Raises:
            TooManyTries: there were too many wrong ones in the last minute.
        """
        with self._guard:
            earliest = self._failures[0] if len(self._failures) == TRIES else None
            if earliest is not None and time.monotonic() - earliest < TRIES_SECONDS:
                raise TooManyTries
            if self._password is None or not _same(password, self._password):
                self._failures.append(time.monotonic())
                return None
            token = secrets.token_urlsafe(32)
            self._tokens.add(token)
            return token

    def log_out(self, cookies: Mapping[str, str]) -> None:
        """Let this cookie admit no longer."""
        with self._guard:
            self._tokens.discard(cookies.get(self.cookie, ""))


class TooManyTries(Exception):
    """Somebody is guessing passwords."""


def _password_in(settings: Settings) -> str | None:
    secret = settings.password
    password = None if secret is None else secret.get_secret_value()
    if password is not None and len(password) < LEAST_CHARACTERS:
        raise ConfigError(
            f"FOOTNOTE_PASSWORD is shorter than {LEAST_CHARACTERS} characters. Choose a longer "
            "one: a few words will do."
        )
    return password


def _header_in(settings: Settings) -> tuple[str, str] | None:
    if settings.proxy_header is None:
        return None
    found = _HEADER.fullmatch(settings.proxy_header.get_secret_value())
    if found is None:
        raise ConfigError(
            "FOOTNOTE_PROXY_HEADER is not of the form NAME: SECRET, with a secret of 16 or more "
            "characters without blanks. Write it so, and have your proxy add that header."
        )
    return found[1].lower(), found[2]


def _checked_name(name: str) -> str:
    plain = name.lower().rstrip(".")
    if _NAME.fullmatch(plain) is None:
        raise ConfigError(
            f"--name {name!r} is no name of a machine. Give it as browsers show it, without "
            "http:// and without a port: --name docs.example.org."
        )
    return plain


def _same(given: str, expected: str) -> bool:
    """Compare in a time that tells nothing of where they differ, or of their lengths."""
    digests = (
        hashlib.sha256(text.encode("utf-8", "replace")).digest() for text in (given, expected)
    )
    return hmac.compare_digest(*digests)


def _name(host: str) -> str:
    """Return the name in a Host header, without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
