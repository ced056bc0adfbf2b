"""LlamaIndex's CitationQueryEngine, asked as Footnote is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from eval.peer import CitationQueryEngineAssistant
from rag import ConfigError, Settings
from tests.fakes import ScriptedModel, WordEmbedder
from tests.homes import three_files

QUESTION = "Who designed the Anders Bridge?"


@contextmanager
def engine_saying(tmp_path: Path, *replies: str) -> Iterator[CitationQueryEngineAssistant]:
    """Yield the engine over three small documents, with a model that says this."""
    settings = Settings(home=tmp_path / "home", llm="none")
    model = ScriptedModel(*replies)
    with CitationQueryEngineAssistant(settings, embedder=WordEmbedder(), model=model) as engine:
        engine.add(three_files(tmp_path / "files"))
        yield engine


def test_what_is_cited_is_a_source_as_it_stands_in_a_document(tmp_path: Path) -> None:
    """The number of a marker is that of a source in the prompt."""
    with engine_saying(tmp_path, "Clara Holt designed it [1].") as engine:
        answer = engine.ask(QUESTION)
        assert (answer.answered, answer.text) == (True, "Clara Holt designed it [1].")
        assert len(answer.hits) == 2
        (citation,) = answer.citations
        assert "Clara Holt, an engineer" in citation.quote
        text = engine.text_of(citation.document.id)
        assert text[citation.start : citation.end] == citation.quote


@pytest.mark.parametrize(
    ("said", "numbers"),
    [
        ("It was built [1, 2].", [1, 2]),
        ("It was built [Source 2].", [2]),
        ("It was built [7].", []),
        ("It was built.", []),
    ],
)
def test_markers_are_read_in_the_forms_that_models_write(
    tmp_path: Path, said: str, numbers: list[int]
) -> None:
    """A number without a source cites nothing."""
    with engine_saying(tmp_path, said) as engine:
        assert [c.number for c in engine.ask(QUESTION).citations] == numbers


@pytest.mark.parametrize(
    "said",
    [
        "None of the sources are helpful.",
        "The provided sources do not mention who designed it [1].",
        "There is no information about that.",
        "The designer is not specified in the sources.",
    ],
)
def test_a_refusal_is_told_by_its_words(tmp_path: Path, said: str) -> None:
    """It has no citations, whatever it names."""
    with engine_saying(tmp_path, said) as engine:
        answer = engine.ask(QUESTION)
        assert (answer.answered, answer.confidence, answer.citations) == (False, 0.0, ())


def test_documents_that_are_not_allowed_are_no_sources(tmp_path: Path) -> None:
    """As when a paragraph is withheld."""
    with engine_saying(tmp_path, "Somebody [1][2].") as engine:
        allowed = [d.id for d in engine.documents() if not d.uri.endswith("bridge.txt")]
        answer = engine.ask(QUESTION, documents=allowed)
        assert {c.document.id for c in answer.citations} <= set(allowed)
        assert answer.citations


def test_it_needs_a_language_model(tmp_path: Path) -> None:
    """Quoting is Footnote's."""
    with pytest.raises(ConfigError, match="FOOTNOTE_LLM"):
        CitationQueryEngineAssistant(Settings(home=tmp_path, llm="none"), embedder=WordEmbedder())
