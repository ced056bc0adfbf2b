"""The facade: builds everything from the settings and hands the work on.

Knows nothing of how any part does its work. Heavy parts load when they are first needed,
so that `import rag` and the commands that need none of them stay fast.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from rag.errors import StoreError, UsageError
from rag.models.embedding import embedding_host
from rag.parts import Parts
from rag.schema import (
    AddReport,
    Answer,
    ChatModel,
    Document,
    Embedder,
    Event,
    Evidence,
    Hit,
    Passage,
    Progress,
    ProgressCallback,
    Reranker,
)
from rag.settings import Settings

if TYPE_CHECKING:
    from llama_index.core.query_engine import BaseQueryEngine
    from llama_index.core.retrievers import BaseRetriever

    from rag.conversations import Conversations
    from rag.library import Library


class Assistant:
    """Answers questions from the documents of one home.

    The first call that writes, or that searches with the vector index, makes this Assistant the
    owner of the home, until `close`. Others can read meanwhile, without the vector index. With
    `read_only`, nothing is ever written. All methods may be called from several threads.

    Raises:
        StoreError: the home cannot be used (see rag.errors for its children).
        ConfigError: the settings contradict each other.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        read_only: bool = False,
        embedder: Embedder | None = None,
        reranker: Reranker | None = None,
        model: ChatModel | None = None,
    ) -> None:
        # Heavy: NumPy is not needed to show a help text.
        from rag.library import Library
        from rag.picturing import Pages
        from rag.searching import Searching

        self.settings = self._at_start = settings or Settings()
        self._changing = threading.Lock()
        self._writing = threading.Lock()
        self._parts = Parts(self.settings, embedder=embedder, reranker=reranker, model=model)
        self._library: Library = Library(self.settings.home, read_only=read_only)
        self._searching = Searching(self.settings, self._library, self._parts, read_only=read_only)
        self._pages = Pages(self._library, self.settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the models, close the index and the library, give up the home."""
        with ExitStack() as stack:
            # In reverse order: the home is given up last.
            stack.callback(self._searching.ownership.release)
            stack.callback(self._library.close)
            stack.callback(self._searching.close)
            stack.callback(self._pages.close)
            stack.callback(self._parts.close)

    # Documents ------------------------------------------------------------------

    def add(
        self,
        paths: str | Path | Iterable[str | Path],
        *,
        progress: ProgressCallback | None = None,
    ) -> AddReport:
        """Add files and folders; what is there already unchanged costs nothing.

        Returns a result for every file: one that cannot be read is reported, not raised.

        Raises:
            LibraryLocked: another process owns the home.
            EmbeddingMismatch: the home was embedded with another model.
            StoreError: the home cannot be written; documents added so far are kept.
            ModelError: the embedding model failed; documents added so far are kept.
        """
        # Heavy: parsers and splitters are needed by those who add alone.
        from rag.adding import Adder, Limits

        settings = self.settings
        file_bytes = settings.file_megabytes * 1_000_000
        limits = Limits(settings.passage_characters, file_bytes, settings.parse_seconds)
        wanted = [paths] if isinstance(paths, str | Path) else list(paths)
        with self._writing:
            self._searching.own()
            embedder = self._searching.embedder()
            index = self._searching.open_index(embedder.fingerprint)
            return Adder(self._library, index, embedder, limits).add(wanted, progress)

    def remove(self, document_id: str) -> Document:
        """Remove a document; returns what it was. Raises UnknownDocument, LibraryLocked."""
        with self._writing:
            self._searching.own()
            document = self._library.document(document_id)
            index = self._searching.open_index(self._library.embedding or "")
            index.delete(self._library.remove(document_id))
            index.settle()
            self._library.erase_removed()
            return document

    def documents(self) -> list[Document]:
        """Return all documents, by uri."""
        return self._library.documents()

    def text_of(self, document_id: str) -> str:
        """Return the text of a document, which all offsets count in. Raises UnknownDocument."""
        return self._library.text_of(document_id)

    def passages_of(self, document_id: str) -> list[Passage]:
        """Return the passages of a document, in order. Raises UnknownDocument."""
        return self._library.passages_of(document_id)

    def page_of(self, document_id: str, offset: int) -> int | None:
        """Return the page, from 1, of a character; None for a document without pages."""
        return self._library.page_of(document_id, offset)

    def page_image(
        self,
        document_id: str,
        page: int,
        *,
        quotes: Sequence[tuple[int, int]] = (),
        crop: bool = False,
    ) -> bytes:
        """Return a page (counted from 1) of a PDF as PNG, with these stretches of text marked.

        `quotes` are (start, end) in `text_of`. With `crop`, only the part around them is drawn.

        Raises:
            UnknownDocument: there is no such document.
            LoadError: it has no such page, or its file is gone or has changed since.
        """
        return self._pages.image(document_id, page, quotes=quotes, crop=crop)

    def change(self, **settings: Any) -> None:
        """Answer by other settings from now on: `llm`, `passages`, `evidence`, `strictness`.

        Raises ConfigError for a wrong value, UsageError for any other setting; then all stays.
        """
        other = sorted(set(settings) - {"llm", "passages", "evidence", "strictness"})
        if other:
            raise UsageError(f"{other[0]} cannot be changed while running. Start anew with it.")
        with self._changing:
            if "llm" in settings:
                # A server and its key are for the model that was named with them.
                named = settings["llm"] == self._at_start.llm
                for field in ("llm_url", "llm_key"):
                    settings[field] = getattr(self._at_start, field) if named else None
            changed = self.settings.changed(**settings)
            if changed.llm != self.settings.llm:
                self._parts.change_model(changed)
            self.settings = changed

    def reembed(self, *, progress: ProgressCallback | None = None) -> int:
        """Embed all passages with the model of the settings; return how many.

        All at once or not at all: a process that ends in between leaves the old vectors.
        """
        # Heavy, as for add.
        from rag.adding import embed_anew

        with self._writing:
            self._searching.own()
            embedder = self._searching.embedder(checked=False)
            count = embed_anew(self._library, embedder, progress)
            self._searching.close_index()
            self._searching.open_index(embedder.fingerprint).wait()
            return count

    # Questions ------------------------------------------------------------------

    def search(
        self,
        question: str,
        k: int | None = None,
        *,
        history: Iterable[Any] = (),
        documents: Sequence[str] | None = None,
    ) -> list[Hit]:
        """Return the best `k` passages (default: `settings.passages`), best first.

        Raises:
            QuestionError: the question is empty or too long.
            UnknownDocument: `documents` names one that is not in the library.
            UsageError: `k` is less than 1, or `history` is no history.
            EmbeddingMismatch: the home was embedded with another model.
        """
        searched_for = self._understood(question, history)[1]
        limit = _at_least_one(self.settings.passages if k is None else k)
        return self._searching.retriever().search(
            searched_for, k=limit, documents=self._known(documents)
        )

    def evidence(
        self,
        question: str,
        k: int | None = None,
        *,
        history: Iterable[Any] = (),
        documents: Sequence[str] | None = None,
    ) -> list[Evidence]:
        """Return the best `k` sentences (default: `settings.evidence`) of the best passages.

        They are what an answer is written from, best first. Raises the same as `search`.
        """
        searched_for = self._understood(question, history)[1]
        limit = _at_least_one(self.settings.evidence if k is None else k)
        known, passages = self._known(documents), self.settings.passages
        search = self._searching.retriever().begun(searched_for, known)
        return list(search.find(passages, limit).evidence)

    def ask(
        self,
        question: str,
        history: Iterable[Any] = (),
        documents: Sequence[str] | None = None,
    ) -> Answer:
        """Answer a question with cited sentences, or refuse.

        `history` are earlier turns: Turn, Answer, (question, answer) pairs, or messages
        with role and content. `documents` limits the search to these ids.
        Raises QuestionError, UnknownDocument, UsageError, EmbeddingMismatch, as search does.
        """
        answer = None
        for event in self.stream(question, history, documents):
            answer = event.answer or answer
        if answer is None:
            raise StoreError("The answer was stopped before it was complete. Ask again.")
        return answer

    def stream(
        self,
        question: str,
        history: Iterable[Any] = (),
        documents: Sequence[str] | None = None,
    ) -> Iterator[Event]:
        """Yield the steps of an answer; closing the iterator stops the model.

        Raises (on the call, before the first event):
            QuestionError, UnknownDocument, UsageError: as for search.
        """
        asked, searched_for, parts = self._understood(question, history)
        return self._stream(asked, searched_for, parts, self._known(documents))

    def warm(self, progress: ProgressCallback | None = None) -> None:
        """Load the models and open the index, so that the first question need not wait.

        Raises:
            ModelError: the language model cannot be loaded; quoting works all the same.
        """
        from rag.prompts import fixed_messages  # heavy: only those who answer need them

        self._searching.retriever().search("warm", k=1)
        model = self._parts.chat_model
        if model is not None:
            for beginning in fixed_messages():
                model.warm(beginning, progress)
        if progress:
            progress(Progress("Ready", 1, 1, "steps"))

    def announce(self, url: str) -> None:
        """Tell others, who find the home taken, where its owner can be reached."""
        self._searching.own()
        self._searching.ownership.describe({"url": url})

    @property
    def model_name(self) -> str:
        """Return the name of the model that answers."""
        # Heavy, as for warm.
        from rag.answering import QUOTING

        model = self._parts.chat_model
        return model.name if model is not None else QUOTING

    @property
    def model_host(self) -> str | None:
        """Return the host or hosts that text is sent to, None if it stays on this machine."""
        model = self._parts.chat_model
        hosts = (model.host if model is not None else None, embedding_host(self.settings))
        return ", ".join(dict.fromkeys(filter(None, hosts))) or None

    @property
    def conversations(self) -> Conversations:
        """Return the conversations and the feedback that the library keeps."""
        return self._library.conversations

    # LlamaIndex -----------------------------------------------------------------

    def as_retriever(self, k: int | None = None) -> BaseRetriever:
        """Return a LlamaIndex retriever over this library."""
        # Heavy: LlamaIndex takes a second to import.
        from rag.llamaindex import FootnoteRetriever

        return FootnoteRetriever(self, k)

    def as_query_engine(self) -> BaseQueryEngine:
        """Return a LlamaIndex query engine that answers as `ask` does."""
        # Heavy, as above.
        from rag.llamaindex import FootnoteQueryEngine

        return FootnoteQueryEngine(self)

    # Parts ----------------------------------------------------------------------

    def _stream(
        self,
        asked: str,
        searched_for: str,
        parts: Sequence[tuple[str, str]],
        documents: Sequence[str] | None,
    ) -> Iterator[Event]:
        # Heavy: sentence splitting and verification, which a search has no use for.
        from rag.calibration import calibration_of
        from rag.drafting import Manner
        from rag.several import answer_parts, tasks_of

        yield Event("searching")
        started = time.monotonic()
        retriever, settings = self._searching.retriever(), self.settings
        tasks = tasks_of(
            parts,
            lambda part: retriever.begun(part, documents),
            how_many=(settings.passages, settings.evidence),
            library=self._library,
            alike=self._parts.alike,
        )
        how = Manner(
            self._parts.chat_model,
            calibration_of(self.settings.home),
            settings.strictness,
            settings.answer_tokens,
        )
        for event in answer_parts(asked, searched_for, tasks, how):
            if event.answer is not None:
                timings = {**event.answer.timings, "total": time.monotonic() - started}
                yield replace(event, answer=replace(event.answer, timings=timings))
            else:
                yield event

    def _understood(
        self, question: str, history: Iterable[Any]
    ) -> tuple[str, str, Sequence[tuple[str, str]]]:
        """Return the question as asked, checked; as it is searched for; and its parts."""
        # Heavy with its words.
        from rag.decomposing import parts_of
        from rag.followups import checked, stand_alone, turns_of

        asked = checked(question, longest=self.settings.question_characters)
        turns = turns_of(history)
        return asked, stand_alone(asked, turns), parts_of(asked, turns)

    def _known(self, documents: Sequence[str] | None) -> list[str] | None:
        wanted = [documents] if isinstance(documents, str) else documents
        return None if wanted is None else [self._library.document(i).id for i in wanted]


def _at_least_one(k: int) -> int:
    if k < 1:
        raise UsageError(f"k is {k}, but a search returns at least 1. Raise it.")
    return k
