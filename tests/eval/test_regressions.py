"""Regressions that are planted on purpose, and must not pass the gate."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import rag.retrieval
from rag import Answer, Assistant, Citation
from rag.library import Library
from rag.models.cross_encoder import CrossEncoder
from rag.retrieval import Retriever
from ui import cli


@pytest.fixture(autouse=True)
def without_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer by quotes alone."""
    monkeypatch.setenv("FOOTNOTE_LLM", "none")


_READ: dict[tuple[str, tuple[str, ...]], NDArray[np.float32]] = {}


@pytest.fixture(autouse=True)
def read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every run read anew only what no run before it has read: all ask the same."""
    relevance = CrossEncoder.relevance

    def kept(self: CrossEncoder, question: str, texts: Sequence[str]) -> NDArray[np.float32]:
        key = question, tuple(texts)
        if key not in _READ:
            _READ[key] = relevance(self, question, texts)
        return _READ[key]

    monkeypatch.setattr(CrossEncoder, "relevance", kept)


@pytest.fixture
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run over all cases of the seeds, which all tests here share."""
    folder = tmp_path_factory.getbasetemp() / "baseline"
    if not (folder / "report.json").exists():
        assert run("--out", folder) == 0
    return folder


def run(*arguments: object) -> int:
    return cli.main(["eval", *map(str, arguments)])


def gate(capsys: pytest.CaptureFixture[str], baseline: Path, *arguments: object) -> list[str]:
    """Hold a run over the seeds against the baseline; return what is said, REGRESSION first."""
    capsys.readouterr()
    code = run(*arguments, "--out", "after", "--fail-below", baseline / "report.json")
    lines = capsys.readouterr().out.splitlines()
    told = [line.removeprefix("REGRESSION: ") for line in lines if line.startswith("REGR")]
    assert code == int(bool(told))
    passed = any(line.startswith("No significant regression") for line in lines)
    assert passed == (code == 0)
    return told


def told_of(lines: list[str], *labels: str) -> bool:
    return all(any(line.startswith(label) for line in lines) for label in labels)


def without_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Switch BM25 off where passages are found."""
    monkeypatch.setattr(rag.retrieval, "LEXICAL_WEIGHT", 0.0)
    monkeypatch.setattr(Library, "search_words", lambda *_, **__: [])


def without_meaning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Switch the vectors off where passages are found."""
    monkeypatch.setattr(Retriever, "_by_meaning", lambda *_: [])
    monkeypatch.setattr(
        Retriever, "_cosines", lambda _self, _query, _known, found: dict.fromkeys(found, 0.0)
    )


def shifted(ask: Callable[..., Answer]) -> Callable[..., Answer]:
    """Return an `ask` whose every second citation points one passage on, at exact words there."""
    numbers = count()

    def moved(assistant: Assistant, citation: Citation) -> Citation:
        passages = assistant.passages_of(citation.document.id)
        place = next(n for n, p in enumerate(passages) if p.id == citation.passage_id)
        passage = passages[(place + 1) % len(passages)]
        quote = passage.text[: len(citation.quote)]
        end = passage.start + len(quote)
        return replace(citation, passage_id=passage.id, start=passage.start, end=end, quote=quote)

    def ask_and_shift(self: Assistant, *arguments: Any) -> Answer:
        answer = ask(self, *arguments)
        citations = (moved(self, c) if next(numbers) % 2 else c for c in answer.citations)
        return replace(answer, citations=tuple(citations))

    return ask_and_shift


def test_unchanged_code_passes(capsys: pytest.CaptureFixture[str], baseline: Path) -> None:
    """The same run again finds nothing, and exits with 0."""
    assert gate(capsys, baseline) == []


FILLER = (
    "It is kept in the store behind the second gate, where the keeper notes each piece that "
    "leaves and each that comes back. Whoever takes one signs for it with name and date, and "
    "whoever loses one pays for it. Worn pieces go to the yard, where they are weighed, melted "
    "and cast again, as long as there is coal. The list of the store is made anew each spring. "
)


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """Return questions on a hundred passages that only a part's number tells apart."""
    numbers = [f"KX-{4000 + 37 * n}" for n in range(100)]
    facts = [f"Part {number} weighs {30 + n} grams." for n, number in enumerate(numbers)]
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "parts.txt").write_text("\n\n".join(f"{fact} {FILLER * 2}" for fact in facts))
    cases = [
        {
            "id": number,
            "question": f"How heavy is {number}?",
            "answers": [f"{30 + n} grams"],
            "evidence": [{"document": "parts.txt", "quote": facts[n]}],
        }
        for n, number in enumerate(numbers)
        if n % 3 == 0
    ]
    path = folder / "cases.jsonl"
    path.write_text("".join(f"{json.dumps(case)}\n" for case in cases))
    return path


def test_search_without_words_is_caught(
    capsys: pytest.CaptureFixture[str], parts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without BM25 nobody finds a number; on the seeds the reranker makes up for it."""
    assert run(parts, "--retrieval-only", "--out", "before") == 0
    without_words(monkeypatch)
    told = gate(capsys, Path("before"), parts, "--retrieval-only")
    assert told_of(told, "Recall@1, passages ", "Recall@5, passages ")


def test_search_without_the_reranker_is_caught(
    capsys: pytest.CaptureFixture[str], baseline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When no sentence is read with the question, fewer of the right passages come first."""
    monkeypatch.setattr(
        CrossEncoder, "relevance", lambda _self, _question, texts: np.full(len(texts), -11.0)
    )
    assert told_of(gate(capsys, baseline, "--retrieval-only"), "Recall@1, passages 0.")


def test_search_without_meaning_is_caught(
    capsys: pytest.CaptureFixture[str], baseline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without vectors fewer of the right passages are found; searching alone tells."""
    without_meaning(monkeypatch)
    told = gate(capsys, baseline, "--retrieval-only")
    assert told_of(told, "Recall@1, passages 0.", "Recall@5, passages 0.", "Recall@1, documents 0.")


def test_shifted_citations_are_caught(
    capsys: pytest.CaptureFixture[str], baseline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Quotes that are exact, but every second one from the passage after, are not the evidence."""
    monkeypatch.setattr(Assistant, "ask", shifted(Assistant.ask))
    told = gate(capsys, baseline, "--limit", 60)
    assert told_of(told, "Citation precision 0.", "Citation recall 0.")
    assert not told_of(told, "Quotes that are exact")
