"""A server of embeddings that fails while documents are added, and while somebody asks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from rag import Assistant, ModelError, ModelRejected, ModelUnavailable, Settings
from tests.conftest import KILLS
from tests.fakes import WordEmbedder
from tests.homes import three_files
from tests.models.endpoint import Endpoint, Reply, endpoint, fail, send
from tests.models.faults import FAULTS
from tests.models.test_openai_embedder import vectors

QUESTION = "When did the Anders Bridge open?"
SECONDS = 5
MOST_REQUESTS = 3
NOT_VECTORS = "no list of vectors"
# As for words, but what has to do with a stream; and vectors that are none.
ON_THE_WIRE = (
    "silent after the request",
    "headers drip",
    "error page drips",
    "429",
    "429, try in 9999 s",
    "500",
    "503 page",
    "401",
    "403",
    "404",
    "context too long",
    "413",
    "endless line",
    "compressed",
    "307",
)


def numbers(written: str) -> Reply:
    """Reply with vectors of these numbers, as they stand."""
    rows = (f'{{"index": {n}, "embedding": [{written}, 1]}}' for n in range(64))
    return send(200, f'{{"data": [{", ".join(rows)}]}}')


REPLIES: dict[str, tuple[Reply, str]] = {
    **{name: (FAULTS[name].replies[0], FAULTS[name].says) for name in ON_THE_WIRE},
    "HTML": (send(200, "<html>Welcome</html>", "text/html"), NOT_VECTORS),
    "broken JSON": (send(200, '{"data": [{"ind'), ""),
    "no data": (send(200, "{}"), NOT_VECTORS),
    "another length": (vectors([[1.0, 0.0, 0.0]] * 64), "changed the length"),
    "too few": (vectors([[1.0] * 64][:0]), NOT_VECTORS),
    "400 digits": (numbers("9" * 400), ""),
    "5,000 digits": (numbers("9" * 5000), ""),
    "100,000 lists": (numbers("[" * 100_000), ""),
    "too large": (numbers("1e308"), "cannot be compared"),
    "400 in a charset of none": (send(400, b"\xff" * 300, "text/plain; charset=idna"), ""),
    "zeros": (vectors([[0.0] * 64] * 64), "cannot be compared"),
}

TELLING = (
    "silent after the request",
    "500",
    "401",
    "307",
    "endless line",
    "broken JSON",
    "another length",
    "too few",
    "400 digits",
    "100,000 lists",
)
LONG_RUN = 300
"""As `make torture` sets it: each fault while adding, too."""


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again without much ado."""
    monkeypatch.setattr("rag.models.openai_compatible.FIRST_PAUSE_SECONDS", 0.01)


class Server:
    """Embeds by words, until it has embedded so many texts and `fault` is set."""

    def __init__(self) -> None:
        self.fault: Reply | None = None
        self.good_for = 0
        self.seen: Endpoint | None = None

    def reply(self, handler: BaseHTTPRequestHandler) -> None:
        assert self.seen is not None
        texts = self.seen.requests[-1]["input"]
        if self.fault is not None and self.good_for <= 0:
            return self.fault(handler)
        self.good_for -= 1
        return vectors(WordEmbedder().embed(texts).tolist())(handler)

    @property
    def count(self) -> int:
        assert self.seen is not None
        return len(self.seen.requests)


@contextmanager
def serving() -> Iterator[Server]:
    """Give a server that does not fail yet."""
    server = Server()
    with endpoint(server.reply) as server.seen:
        yield server


def opened(home: Path, server: Server, *, read_only: bool = False) -> Assistant:
    """Open a home that is embedded by this server."""
    assert server.seen is not None
    return Assistant(
        Settings(
            home=home,
            llm="none",
            embedding="words",
            embedding_url=server.seen.url,
            model_seconds=SECONDS,
            strictness=0.0,
        ),
        read_only=read_only,
    )


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home that is embedded by such a server, on this host."""
    place = tmp_path_factory.mktemp("shelf")
    with serving() as server, opened(place / "home", server) as assistant:
        assistant.add(three_files(place / "files"))
    return place / "home"


def is_whole(assistant: Assistant) -> bool:
    """Tell whether each document has all its passages, and each is found."""
    return all(
        passage.id in [hit.passage.id for hit in assistant.search(passage.text, k=20)]
        for document in assistant.documents()
        for passage in assistant.passages_of(document.id)
    ) and all(d.n_passages == len(assistant.passages_of(d.id)) for d in assistant.documents())


@pytest.mark.parametrize("name", REPLIES if KILLS >= LONG_RUN else TELLING)
def test_a_fault_while_adding_leaves_whole_documents_or_none(tmp_path: Path, name: str) -> None:
    """A typed error names the server; adding again, once it is well, adds what is missing."""
    files = three_files(tmp_path / "files")
    with serving() as server, opened(tmp_path / "home", server) as assistant:
        first = assistant.add(files / "orchard.txt")
        assert first.count("added") == 1
        server.fault, words = REPLIES[name]
        before, started = server.count, time.monotonic()
        with pytest.raises(ModelError, match=r"127\.0\.0\.1") as caught:
            assistant.add(files)
        lasting = isinstance(caught.value, ModelRejected)
        # What a text may be to blame for is tried text by text.
        assert server.count - before <= (2 if lasting else MOST_REQUESTS)
        assert time.monotonic() - started < 4 * SECONDS
        assert words in str(caught.value)
        server.fault = None
        assert [Path(d.uri).name for d in assistant.documents()] == ["orchard.txt"]
        assert is_whole(assistant)
        assert assistant.add(files).count("added") == 2
        assert len(assistant.documents()) == 3
        assert is_whole(assistant)


@pytest.mark.parametrize("name", REPLIES)
def test_a_fault_while_asking_is_a_typed_error(shelf: Path, name: str) -> None:
    """Before a word is said; the next question is answered."""
    with serving() as server, opened(shelf, server, read_only=True) as assistant:
        assistant.search(QUESTION)
        server.fault, words = REPLIES[name]
        before, started = server.count, time.monotonic()
        with pytest.raises(ModelError, match=r"127\.0\.0\.1") as caught:
            assistant.ask(QUESTION)
        assert words in str(caught.value)
        assert server.count - before <= MOST_REQUESTS
        assert time.monotonic() - started < 4 * SECONDS
        server.fault = None
        assert assistant.ask(QUESTION).answered


def test_documents_added_before_a_fault_are_kept(tmp_path: Path) -> None:
    """Big documents are embedded by themselves: the first is there, the second is not."""
    folder = tmp_path / "files"
    folder.mkdir()
    for name in ("a", "b"):
        words = (f"The {name} entry number {n} tells of thing {n * 7}." for n in range(1500))
        (folder / f"{name}.txt").write_text("\n\n".join(words))
    with serving() as server, opened(tmp_path / "home", server) as assistant:
        server.fault, server.good_for = fail(500), 2
        with pytest.raises(ModelUnavailable, match="overloaded"):
            assistant.add(folder)
        kept = [Path(d.uri).name for d in assistant.documents()]
        server.fault = None
        assert kept in ([], ["a.txt"])
        assert assistant.add(folder).count("failed") == 0
        assert len(assistant.documents()) == 2


def test_a_fault_while_embedding_anew_keeps_the_old_vectors(tmp_path: Path) -> None:
    """All at once or not at all."""
    with serving() as server:
        with opened(tmp_path / "home", server) as assistant:
            assistant.add(three_files(tmp_path / "files"))
            server.fault = fail(503)
            with pytest.raises(ModelUnavailable, match="overloaded"):
                assistant.reembed()
            server.fault = None
            assert is_whole(assistant)
        with opened(tmp_path / "home", server) as assistant:
            assert is_whole(assistant)
