"""The real models on the seed documents: right documents cited, wrong questions refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag import Answer, Assistant, Settings, Turn
from rag.citing import markers
from tests.homes import run_python

# Question, start of the document's name, words that must stand in a quote or a hit.
ANSWERED = [
    ("Which news agency reported Russia's new proposals?", "000", "TASS"),
    ("In which areas does Russia propose to cooperate with the US?", "000", "energy"),
    ("Why did Moscow point to space exploration?", "000", "space exploration"),
    ("Where did the U.S. and Russian delegations meet?", "001", "Istanbul"),
    ("What did Russia say about direct flights?", "001", "direct flights"),
    ("Which island were there attempts to acquire?", "001", "Greenland"),
    ("How many diplomatic meetings took place between March and July 2025?", "002", "12"),
    ("What did the Treasury Department announce in June 2025?", "002", "humanitarian"),
    ("What share of global audiences calls relations a high priority?", "002", "68%"),
    ("Who obtained the document with the proposal?", "003", "BuzzFeed"),
    ("Whom did Tom Shannon meet in Finland?", "003", "counterpart"),
    ("Which closures did the US order before Moscow's deadline?", "003", "three Russian"),
    ("What is the modern iteration of NAFTA?", "004", "USMCA"),
    ("What has been the cornerstone of European and American security?", "004", "transatlantic"),
    ("Which neighbours does the shift in U.S. foreign policy affect?", "004", "Mexico"),
]
REFUSED = [
    "What is the capital of Mongolia?",
    "How do I bake sourdough bread?",
    "Who won the football world cup in 1998?",
    "What does the blue whale eat?",
    "How many moons does Jupiter have?",
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with the seeds, added by the real embedder."""
    home = tmp_path_factory.mktemp("seeds") / "home"
    with Assistant(Settings(home=home, llm="none")) as assistant:
        report = assistant.add(Path(__file__).parent.parent / "seeds")
        assert [r.status for r in report.documents] == ["added"] * 5
        assert assistant.add(Path(__file__).parent.parent / "seeds").count("unchanged") == 5
    return home


@pytest.fixture(scope="module")
def assistant(home: Path) -> Iterator[Assistant]:
    with Assistant(Settings(home=home, llm="none")) as assistant:
        yield assistant


def quotes_are_exact(assistant: Assistant, answer: Answer) -> None:
    assert set(markers(answer.text)) == {c.number for c in answer.citations}
    for citation in answer.citations:
        text = assistant.text_of(citation.document.id)
        assert text[citation.start : citation.end] == citation.quote


@pytest.mark.parametrize(("question", "document", "words"), ANSWERED)
def test_right_document_is_cited(
    assistant: Assistant, question: str, document: str, words: str
) -> None:
    """A question on a seed is answered from that seed, with the words that matter nearby."""
    answer = assistant.ask(question)
    quotes_are_exact(assistant, answer)
    assert answer.answered
    assert document in [Path(c.document.uri).name[:3] for c in answer.citations]
    assert any(words in hit.passage.text for hit in answer.hits)


@pytest.mark.parametrize("question", REFUSED)
def test_what_the_documents_do_not_say_is_refused(assistant: Assistant, question: str) -> None:
    """A question on something else is refused; the nearest passages are offered."""
    answer = assistant.ask(question)
    assert not answer.answered
    assert answer.citations == ()
    assert answer.hits


def test_fresh_process_answers(home: Path) -> None:
    """A new process that only reads finds what was added, without Chroma."""
    result = run_python(
        """
        import sys
        from rag import Assistant, Settings
        with Assistant(Settings(home=sys.argv[1], llm="none"), read_only=True) as assistant:
            print(assistant.ask("Where did the delegations meet?").text)
        assert "chromadb" not in sys.modules
        """,
        home,
    )
    assert "Istanbul" in result.stdout, result.stderr
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.model
def test_embedded_language_model(home: Path) -> None:
    """The embedded model answers with exact quotes, follows a conversation, and is refused for."""
    with Assistant(Settings(home=home), read_only=True) as assistant:
        first = assistant.ask("Where did the U.S. and Russian delegations meet?")
        second = assistant.ask(
            "What did they say about direct flights?", [Turn(first.question, first.text)]
        )
        third = assistant.ask("Which news outlet obtained the document about the proposal?")
        refused = assistant.ask("What is the capital of Mongolia?")
        for answer, words in ((first, "Istanbul"), (second, "flights"), (third, "BuzzFeed")):
            quotes_are_exact(assistant, answer)
            assert answer.answered
            assert answer.notice is None
            assert any(words in hit.passage.text for hit in answer.hits)
            assert answer.model == assistant.model_name
        assert "Istanbul" in first.text
        assert "BuzzFeed" in third.text
        assert second.searched_for != second.question
        assert first.usage.completion_tokens > 0
        assert not refused.answered
        assert refused.usage.completion_tokens == 0
        assert assistant.model_host is None
