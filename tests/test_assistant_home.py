"""An assistant and its home: who may write, what is closed, what is loaded."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from rag import (
    Assistant,
    ConfigError,
    FootnoteError,
    LibraryLocked,
    Progress,
    Settings,
    StoreError,
)
from rag.citing import markers
from tests.fakes import ScriptedModel, WordEmbedder
from tests.homes import BRIDGE, HARBOUR, ORCHARD, open_home, run_python, three_files, write_files

QUESTION = "Who designed the Anders Bridge?"


def test_asking_while_documents_change(tmp_path: Path) -> None:
    """Answers given while documents are replaced keep their promises, and nothing fails."""
    failed: list[BaseException] = []
    stop = threading.Event()
    with open_home(tmp_path / "home") as assistant:
        files = three_files(tmp_path / "files")
        assistant.add(files)

        def ask() -> None:
            try:
                while not stop.is_set():
                    answer = assistant.ask(QUESTION)
                    assert set(markers(answer.text)) == {c.number for c in answer.citations}
            except (FootnoteError, AssertionError, LookupError, ValueError) as error:
                failed.append(error)

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for turn in range(12):
            write_files(files, bridge=f"{BRIDGE} Turn {turn}.", orchard=f"{ORCHARD}\n{turn}")
            assert assistant.add(files).count("updated") == 2
        stop.set()
        for thread in threads:
            thread.join()
    assert failed == []


QUESTION = "Who designed the Anders Bridge?"


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """Return a home of three documents, closed."""
    with open_home(tmp_path / "shelf") as assistant:
        assistant.add(three_files(tmp_path / "files"))
    return tmp_path / "shelf"


def picture(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_reader_writes_nothing(shelf: Path) -> None:
    """An assistant that only reads leaves the home as it was, to the byte."""
    before = picture(shelf)
    with open_home(shelf, read_only=True) as assistant:
        document = assistant.documents()[0]
        assistant.search(QUESTION)
        assistant.ask(QUESTION)
        for call in (
            lambda: assistant.add(shelf.parent / "files"),
            lambda: assistant.remove(document.id),
            assistant.reembed,
        ):
            with pytest.raises(StoreError, match="read_only") as raised:
                call()
            assert not isinstance(raised.value, LibraryLocked)
    assert picture(shelf) == before


def test_reader_of_no_home_names_the_fix(tmp_path: Path) -> None:
    """Where there is no library, a reader is told how to make one, and makes nothing."""
    with pytest.raises(StoreError, match=r"Add documents first: footnote --home .* add PATH"):
        open_home(tmp_path / "home", read_only=True)
    assert not (tmp_path / "home").exists()


def test_home_that_is_a_file(tmp_path: Path) -> None:
    """A home that is a file is a StoreError, and the file stays."""
    (tmp_path / "home").write_text("mine")
    with pytest.raises(StoreError, match=str(tmp_path / "home")):
        open_home(tmp_path / "home")
    assert (tmp_path / "home").read_text() == "mine"


def test_closed_assistant_says_so(tmp_path: Path) -> None:
    """After close, calls end in a StoreError; closing twice does no harm."""
    assistant = open_home(tmp_path / "home")
    assistant.search("bridge")
    assistant.close()
    assistant.close()
    for call in (lambda: assistant.search("bridge"), assistant.documents):
        with pytest.raises(StoreError, match="closed"):
            call()
    assert not (tmp_path / "home" / "owner.json").exists()


def test_close_ends_the_models(tmp_path: Path) -> None:
    """The models end with the assistant that was given them."""
    model = ScriptedModel()
    with open_home(tmp_path / "home", model=model):
        pass
    assert model.closed == 1


def test_second_assistant_of_one_process(tmp_path: Path) -> None:
    """A second assistant of one home reads beside the first, and writes once that is closed."""
    files = three_files(tmp_path / "files")
    first, second = open_home(tmp_path / "home"), open_home(tmp_path / "home")
    first.add(files)
    with pytest.raises(LibraryLocked, match="another Assistant of this process"):
        second.add(files)
    assert "Clara Holt" in second.search(QUESTION)[0].passage.text
    write_files(files, bridge=HARBOUR)
    first.add(files)
    assert "Clara Holt" not in second.search(QUESTION)[0].passage.text
    first.close()
    assert second.add(files).count("unchanged") == 3
    second.close()


def test_names_of_the_model(shelf: Path) -> None:
    """Who answers, and which host is sent text, can be asked before anything is sent."""
    with open_home(shelf, read_only=True) as assistant:
        assert assistant.model_name == "quotes only"
        assert assistant.model_host is None
    with open_home(shelf, model=ScriptedModel("hello"), read_only=True) as assistant:
        assert assistant.model_name == "scripted"
        assert assistant.model_host is None
    remote = Settings(home=shelf, llm="small", llm_url="https://models.example.org/v1")
    with Assistant(remote, read_only=True, embedder=WordEmbedder()) as assistant:
        assert assistant.model_host == "models.example.org"
    embedded = Settings(home=shelf, embedding="small", embedding_url="https://vectors.example.org")
    with Assistant(embedded, read_only=True, embedder=WordEmbedder()) as assistant:
        assert assistant.model_host == "vectors.example.org"


def test_model_without_an_address_is_a_config_error(shelf: Path) -> None:
    """A model that cannot be reached by its name is reported with what to set."""
    wrong = Settings(home=shelf, llm="small")
    with (
        Assistant(wrong, read_only=True, embedder=WordEmbedder()) as assistant,
        pytest.raises(ConfigError, match="FOOTNOTE_LLM_URL"),
    ):
        assistant.ask(QUESTION)


def test_warm_makes_ready(tmp_path: Path) -> None:
    """Warming loads what a question needs, and tells how far it is."""
    seen: list[Progress] = []
    with open_home(tmp_path / "home", model=ScriptedModel()) as assistant:
        assistant.warm(seen.append)
        assert (seen[-1].done, seen[-1].total) == (1, 1)
        assert assistant._searching.index is not None


def test_import_is_light() -> None:
    """To import the package loads none of the heavy packages."""
    result = run_python(
        """
        import sys
        import rag
        heavy = ("numpy", "chromadb", "onnxruntime", "openai", "llama_index", "gradio", "nltk")
        print([name for name in heavy if name in sys.modules])
        """
    )
    assert result.stdout == "[]\n", result.stderr
