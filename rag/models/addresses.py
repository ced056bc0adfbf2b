"""Judges the address of a model server: well formed, near or far, encrypted where it must be.

Knows nothing of what is sent there, and looks no name up.
"""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from rag.errors import ConfigError

LOCAL_ENDINGS = (".local", ".localhost", ".internal", ".lan", ".home.arpa")
_FULL_STOPS = str.maketrans("\u3002\uff0e\uff61", "...")


def check_url(url: str) -> str:
    """Return the host of a base URL.

    Raises:
        ConfigError: it has none, or it would send text unencrypted over a public network.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as exc:
        raise _malformed(url) from exc
    if not host or parts.scheme not in ("http", "https") or any(c.isspace() for c in url):
        raise _malformed(url)
    if parts.username is not None:
        raise ConfigError(
            f"The address of {host} holds a user name. Take it out, and set the key apart, in "
            "FOOTNOTE_LLM_KEY or FOOTNOTE_EMBEDDING_KEY."
        )
    if (number := _number_of(host)) is not None:
        raise ConfigError(
            f"{host} is the number {number} in a spelling that not every program reads alike. "
            f"Write {number}, or the name of the host."
        )
    if parts.scheme == "http" and not is_near(host):
        raise ConfigError(
            f"http://{host} would send your key and your documents unencrypted. Use "
            f"https://{host}, or a server on this machine or in your own network."
        )
    return host


def is_near(host: str) -> bool:
    """Say whether a host is this machine or, by its name or number, in a private network."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        # Names may be written with the full stops of other scripts, too.
        name = host.translate(_FULL_STOPS)
        return _number_of(host) is None and ("." not in name or name.endswith(LOCAL_ENDINGS))
    return address.is_private or address.is_loopback or address.is_link_local


def place_of(url: str) -> str:
    """Return scheme, host and port of an address, to be shown: the rest may hold a key."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _number_of(host: str) -> str | None:
    """Return the number of a host that only the system takes for one, as 134744072, else None."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        try:
            return socket.inet_ntoa(socket.inet_aton(host))
        except (OSError, ValueError):
            return None
    return None


def _malformed(url: str) -> ConfigError:
    # Only the start: the rest may hold a password.
    return ConfigError(f"{url[:8]!r}… is no web address. Write it as https://HOST/v1.")
