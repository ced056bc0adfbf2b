"""An assistant for the command line that remembers its calls; knows no index and no model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rag import (
    AddReport,
    Answer,
    Citation,
    Document,
    Event,
    Hit,
    Passage,
    Progress,
    ProgressCallback,
    Sentence,
    Settings,
    UnknownDocument,
)
from ui import cli

TEXT = "The delegations met in Geneva on 4 May."
DOCUMENT = Document("d1", "/n/treaty.txt", "T", "text/plain", "0" * 64, 39, 1, "2026-01-01T00:00Z")
HIT = Hit(Passage("p1", DOCUMENT, 0, 0, 39, None, None, TEXT), 0.9, 0.7, 3.2)
QUOTE = Citation(1, DOCUMENT, "p1", 20, 29, None, TEXT[20:29])
ANSWER = Answer(
    question="Where?",
    searched_for="Where?",
    text="In Geneva. [1]",
    answered=True,
    confidence=0.9,
    sentences=(Sentence("In Geneva.", (QUOTE,), "supported"),),
    citations=(QUOTE,),
    hits=(HIT,),
    model="fake",
)
REFUSAL = Answer("Why?", "Why?", "Not in there.", False, 0.1, (), (), (HIT,), "fake")


class FakeAssistant:
    """Remembers the calls; returns what the test gave it, or raises it."""

    def __init__(self, **results: Any) -> None:
        self.results = {"answer": ANSWER, "search": [HIT], "documents": [DOCUMENT]} | results
        self.calls: list[tuple[str, Any]] = []
        self.settings: Settings | None = None
        self.read_only = False
        self.closed = False

    def open(self, settings: Settings, *, read_only: bool = False) -> FakeAssistant:
        self.settings, self.read_only = settings, read_only
        return self

    def __enter__(self) -> FakeAssistant:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True

    def _result(self, name: str, call: Any) -> Any:
        self.calls.append((name, call))
        result = self.results.get(name)
        if isinstance(result, BaseException):
            raise result
        return result

    def add(
        self, paths: Iterable[str | Path], *, progress: ProgressCallback | None = None
    ) -> AddReport:
        assert progress is not None
        for done in (0, 1):
            progress(Progress("Adding documents", done, 1, "files"))
        return self._result("add", list(paths))

    def search(
        self, question: str, k: int | None = None, *, documents: Sequence[str] | None = None
    ) -> list[Hit]:
        return self._result("search", (question, k, documents))

    def stream(self, question: str, *, documents: Sequence[str] | None = None) -> Iterator[Event]:
        answer = self._result("answer", (question, documents))
        yield Event("searching", hits=answer.hits)
        yield Event("loading")
        yield Event("writing", text=answer.text)
        yield Event("done", answer=answer)

    def warm(self, progress: ProgressCallback | None = None) -> None:
        self._result("warm", None)

    def documents(self) -> list[Document]:
        return self._result("documents", None)

    def remove(self, document_id: str) -> Document:
        if document_id != "d1":
            raise UnknownDocument(f"No document {document_id}. See `footnote docs`.")
        return self._result("remove", document_id) or DOCUMENT

    def reembed(self, *, progress: ProgressCallback | None = None) -> int:
        return self._result("reembed", None) or 7


def run(*arguments: str, fake: FakeAssistant | None = None) -> int:
    return cli.main(arguments, open_assistant=(fake or FakeAssistant()).open)  # type: ignore[arg-type]
