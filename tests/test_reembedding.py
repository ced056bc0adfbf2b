"""A home and its embedder belong together, until it is embedded anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag import (
    EmbeddingMismatch,
    ModelError,
    ModelRejected,
    ModelUnavailable,
    Progress,
)
from tests.fakes import WordEmbedder
from tests.homes import (
    open_home,
    three_files,
    unfindable,
)
from tests.test_adding import statuses


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return three_files(tmp_path / "files")


class FailingEmbedder(WordEmbedder):
    """Fails when it meets a word."""

    def __init__(self, error, *name):
        super().__init__(*name)
        self.error = error

    def embed(self, texts):
        if any("harbour" in text for text in texts):
            raise self.error
        return super().embed(texts)


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        (ModelRejected("The text is too long. Split it."), ["bridge.txt"]),
        # One that is not there is not asked again for each document of a group.
        (ModelUnavailable("The embedder is not there. Start it."), []),
    ],
)
def test_embedder_that_fails_leaves_whole_documents(
    home: Path, files: Path, error: ModelError, kept: list[str]
) -> None:
    """When the embedder fails, what was added before stays, and the next add goes on."""
    with open_home(home, embedder=FailingEmbedder(error)) as assistant:
        with pytest.raises(type(error)):
            assistant.add(files)
        assert [Path(d.uri).name for d in assistant.documents()] == kept
    with open_home(home) as assistant:
        added = statuses(assistant.add(files))
    names = ("bridge.txt", "harbour.txt", "orchard.txt")
    assert added == {name: "unchanged" if name in kept else "added" for name in names}
    assert unfindable(home) == []


def test_home_of_another_embedder(home: Path, files: Path) -> None:
    """A home embedded with another model is refused, until it is embedded anew."""
    with open_home(home) as assistant:
        assistant.add(files)
        texts = {d.id: assistant.text_of(d.id) for d in assistant.documents()}
    other = WordEmbedder("other")
    with open_home(home, embedder=other) as assistant:
        for call in (
            lambda: assistant.add(files),
            lambda: assistant.search("bridge"),
            lambda: assistant.ask("Who designed the bridge?"),
        ):
            with pytest.raises(EmbeddingMismatch, match="footnote reembed"):
                call()
        assert other.embedded == []
        seen: list[Progress] = []
        count = assistant.reembed(progress=seen.append)
        assert count == len(other.embedded) == sum(d.n_passages for d in assistant.documents())
        assert [p.done for p in seen] == sorted(p.done for p in seen)
        assert {d.id: assistant.text_of(d.id) for d in assistant.documents()} == texts
        assert "Clara Holt" in assistant.search("Who designed the bridge?")[0].passage.text
        assert assistant._searching.index is not None
        assert assistant._searching.index.ready
    with open_home(home) as assistant, pytest.raises(EmbeddingMismatch):
        assistant.search("bridge")


def test_reader_notices_another_embedder(home: Path, files: Path) -> None:
    """A reader that is open while the home is embedded anew does not mix the two."""
    with open_home(home) as assistant:
        assistant.add(files)
    with open_home(home, read_only=True) as reader:
        assert reader.search("bridge")
        with open_home(home, embedder=WordEmbedder("other")) as assistant:
            assistant.reembed()
        with pytest.raises(EmbeddingMismatch):
            reader.search("bridge")


def test_failed_reembedding_leaves_the_old_vectors(home: Path, files: Path) -> None:
    """When embedding anew fails half-way, the home is as it was."""
    with open_home(home) as assistant:
        assistant.add(files)
    failing = FailingEmbedder(ModelUnavailable("The embedder is not there."), "other")
    with open_home(home, embedder=failing) as assistant, pytest.raises(ModelUnavailable):
        assistant.reembed()
    with open_home(home) as assistant:
        assert assistant.search("bridge")
    assert unfindable(home) == []
