"""Judges the address of a model server: well formed, near or far, encrypted where it must be.

Knows nothing of what is sent there, and looks no name up.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from rag.errors import ConfigError

LOCAL_ENDINGS = (".local", ".localhost", ".internal", ".lan", ".home.arpa")


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
        return "." not in host or host.endswith(LOCAL_ENDINGS)
    return address.is_private or address.is_loopback or address.is_link_local


def _malformed(url: str) -> ConfigError:
    # Only the start: the rest may hold a password.
    return ConfigError(f"{url[:8]!r}… is no web address. Write it as https://HOST/v1.")
