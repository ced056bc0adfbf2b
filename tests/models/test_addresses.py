"""Text goes unencrypted to near hosts only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import ConfigError
from rag.models.addresses import check_url, is_near, place_of


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://api.openai.com/v1", "api.openai.com"),
        ("http://localhost:11434/v1", "localhost"),
        ("http://127.0.0.1:8000", "127.0.0.1"),
        ("http://[::1]:8000/v1", "::1"),
        ("http://192.168.1.20/v1", "192.168.1.20"),
        ("http://ollama:11434/v1", "ollama"),
        ("http://box.local/v1", "box.local"),
    ],
)
def test_the_host_of_a_good_address_is_returned(url: str, host: str) -> None:
    """Encrypted addresses and near ones pass."""
    assert check_url(url) == host


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.com/v1",
        "http://8.8.8.8/v1",
        "http://localhost.example.com/v1",
        "http://example\u3002com/v1",
        "ftp://example.com",
        "https://",
        "https://host:port/v1",
        "https://[::1/v1",
        "https://exam ple.com",
        "https://user:canary@example.com/v1",
    ],
)
def test_an_address_that_leaks_or_is_none_is_refused(url: str) -> None:
    """The message names the fix and keeps a password to itself."""
    with pytest.raises(ConfigError, match=r"https://|Take it out") as caught:
        check_url(url)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "number"),
    [
        ("134744072", "8.8.8.8"),
        ("0x08080808", "8.8.8.8"),
        ("010.8.8.8", "8.8.8.8"),
        ("8.526344", "8.8.8.8"),
        ("0x7f.1", "127.0.0.1"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_number_in_an_odd_spelling_is_refused(scheme: str, host: str, number: str) -> None:
    """The system takes it for a number, and would send text there that a name may get."""
    with pytest.raises(ConfigError, match=f"Write {number}"):
        check_url(f"{scheme}://{host}/v1")
    assert not is_near(host)


def test_of_an_address_only_scheme_host_and_port_are_shown() -> None:
    """The rest may hold a key."""
    assert place_of("https://me:canary@a.example:8443/canary/v1?k=canary#canary") == (
        "https://a.example:8443"
    )
    assert place_of("http://[::1]/v1") == "http://[::1]"


@given(st.text())
def test_any_text_is_an_address_or_a_config_error(text: str) -> None:
    """No text brings the check down."""
    try:
        assert check_url(text)
    except ConfigError:
        pass


@given(st.ip_addresses(v=4))
def test_global_numbers_are_far(address: object) -> None:
    """A number that is routed over the internet is never near."""
    if getattr(address, "is_global", False):
        assert not is_near(str(address))
