"""How a model server is reached: in time, by any of its addresses, and told nothing of us."""

from __future__ import annotations

import json
import logging
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from rag.errors import ModelUnavailable
from rag.models.openai_chat import OpenAICompatibleChat
from rag.models.openai_embedder import OpenAICompatibleEmbedder
from rag.schema import Message
from tests.models.endpoint import answer, endpoint
from tests.models.test_openai_embedder import vectors

NAME = "models.internal"
LIVE, DEAD = "127.0.0.1", ("127.0.0.2", "127.0.0.3", "127.0.0.4")
# Three dead addresses would take 5 s each, had each of them the whole time.
SECONDS = 12
Resolve = Callable[[Callable[[int], list[str]]], None]


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """Return what has a function find the addresses of the name."""

    def set_to(addresses: Callable[[int], list[str]]) -> None:
        known = socket.getaddrinfo

        def look_up(host: str, port: int, *args: object, **options: object) -> object:
            if host != NAME:
                return known(host, port, *args, **options)  # type: ignore[arg-type]
            kind = socket.AF_INET, socket.SOCK_STREAM, 6, ""
            return [(*kind, (address, port)) for address in addresses(port)]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)

    return set_to


def ask(url: str, seconds: float) -> str:
    """Return the text of one answer."""
    with closing(OpenAICompatibleChat("tiny", url, key="k", seconds=seconds)) as chat:
        pieces = list(chat.stream([Message("user", "Where?")], max_tokens=20))
    return "".join(piece for piece in pieces if isinstance(piece, str))


@pytest.mark.parametrize("proxy", [None, f"http://{NAME}:9"])
def test_a_name_that_is_looked_up_for_ever_is_given_up(
    resolve: Resolve, monkeypatch: pytest.MonkeyPatch, proxy: str | None
) -> None:
    """When the time of the answer is up, the server's name or that of a proxy on the way."""
    url = f"http://{NAME}:9/v1"
    if proxy is not None:
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        url = "https://models.example/v1"
    given_up, found = threading.Event(), threading.Event()

    def look_up(_: int) -> list[str]:
        given_up.wait(30)
        found.set()
        return [LIVE]

    resolve(look_up)
    with pytest.raises(ModelUnavailable, match="FOOTNOTE_MODEL_SECONDS"):
        ask(url, seconds=0.5)
    assert not found.is_set()
    given_up.set()


@pytest.fixture
def dead() -> Iterator[Callable[[int], list[str]]]:
    """Return what makes addresses that take no connection, nor refuse one, at a port."""
    with ExitStack() as stack:

        def occupy(port: int) -> list[str]:
            for address in DEAD:
                listener = stack.enter_context(closing(socket.socket()))
                listener.bind((address, port))
                listener.listen(0)
                for _ in range(4):  # more than wait in its line: it takes no others
                    waiting = stack.enter_context(closing(socket.socket()))
                    waiting.setblocking(False)
                    waiting.connect_ex((address, port))
            return list(DEAD)

        yield occupy


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere loopback has one address")
def test_dead_addresses_leave_time_for_the_one_that_answers(
    resolve: Resolve, dead: Callable[[int], list[str]]
) -> None:
    """All addresses of a name share the time to connect."""
    with endpoint(answer("Yes.")) as server:
        resolve(lambda port: [*dead(port), LIVE])
        assert ask(server.url.replace(LIVE, NAME), SECONDS) == "Yes."
    assert len(server.requests) == 1


def test_no_header_tells_of_this_machine() -> None:
    """Neither its system, nor its processor, nor its Python, to servers of words and vectors."""
    with endpoint(answer("Yes.")) as words, endpoint(vectors([[1, 0]])) as numbers:
        ask(words.url, seconds=20)
        with closing(OpenAICompatibleEmbedder("tiny", numbers.url, key="k")) as embedder:
            embedder.embed(["a"])
    for headers in [*words.headers, *numbers.headers]:
        told = json.dumps(headers).lower()
        assert "stainless" not in told
        for word in (
            sys.platform,
            "cpython",
            "x64",
            f"{sys.version_info[0]}.{sys.version_info[1]}.",
        ):
            assert word not in told, headers


def test_the_path_of_an_address_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """It may hold a key; the host is told."""
    caplog.set_level(logging.INFO)
    with endpoint(answer("Yes.")) as server:
        ask(server.url.replace("/v1", "/canary/v1"), seconds=20)
    assert server.url.removesuffix("/v1") in caplog.text
    assert "canary" not in caplog.text
