"""LlamaIndex's CitationQueryEngine in the place of Footnote's answers, to be measured beside it.

Knows nothing of scores. Documents are read as Footnote reads them and embedded, like the
questions, with the same model; the same language model writes. All else is LlamaIndex's
own default: chunks of 1,024 tokens in a VectorStoreIndex, the two nearest of them, sources
of 512 tokens, its prompt. Importing this loads LlamaIndex.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from typing import Any

from llama_index.core import Document as LlamaDocument
from llama_index.core import VectorStoreIndex
from llama_index.core.embeddings import BaseEmbedding
from llama_index.core.query_engine import CitationQueryEngine
from llama_index.core.schema import NodeWithScore
from llama_index.core.vector_stores import FilterOperator, MetadataFilter, MetadataFilters
from pydantic import PrivateAttr

from eval.llm import ChatModelLLM
from rag import (
    Answer,
    Assistant,
    ChatModel,
    Citation,
    ConfigError,
    Document,
    Embedder,
    Hit,
    Passage,
    Settings,
    build_chat_model,
    build_embedder,
)

NAME = "CitationQueryEngine"
_ID = "document"
_HEAD = re.compile(r"Source \d+:\n")
_MARKERS = re.compile(r"\[(?:Source )?(\d+(?:\s*,\s*(?:Source )?\d+)*)\]", re.IGNORECASE)
# How the embedded model, and others, say that the sources hold no answer. Read generously:
# what is no refusal would count as an answer to a question that has none.
_REFUSALS = re.compile(
    r"\b(?:none of the (?:provided )?sources|(?:do|does|did)(?: not|n't) (?:\w+ )?(?:provide|"
    r"mention|contain|specify|state|include|give|address|discuss|indicate|say)|"
    r"no (?:\w+ )?(?:information|mention)|"
    r"not (?:\w+ )?(?:provided|mentioned|specified|stated|found|given)|cannot (?:be "
    r"determined|answer|provide)|unable to|not possible to|empty response)\b",
    re.IGNORECASE,
)


class CitationQueryEngineAssistant(Assistant):
    """Answers with LlamaIndex's engine, from the documents there are at the first question.

    Adding and reading stay Footnote's. The engine states no confidence: it is 1 for an answer,
    0 for a refusal, which its words have to tell. Sentences are not told apart.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        embedder: Embedder | None = None,
        model: ChatModel | None = None,
    ) -> None:
        embedder = embedder or build_embedder(settings)
        model = model or build_chat_model(settings)
        if model is None:
            raise ConfigError("LlamaIndex's engine needs a language model. Set FOOTNOTE_LLM.")
        # Footnote closes both.
        super().__init__(settings, embedder=embedder, model=model)
        self._llm = ChatModelLLM(model, reply_tokens=settings.answer_tokens)
        self._embedding = _Embedding(embedder)
        self._nodes: VectorStoreIndex | None = None

    @property
    def model_name(self) -> str:
        """Return the engine's name before that of the model that writes."""
        return f"{NAME}, {super().model_name}"

    def ask(
        self,
        question: str,
        history: Iterable[Any] = (),
        documents: Sequence[str] | None = None,
    ) -> Answer:
        """Answer with the engine; it takes no `history`. Raises ModelError."""
        del history
        index = self._indexed()
        started = time.monotonic()
        engine = CitationQueryEngine.from_args(
            index, llm=self._llm, filters=None if documents is None else _only(documents)
        )
        reply = engine.query(question)
        seconds = time.monotonic() - started
        text = str(reply).strip()
        answered = not _REFUSALS.search(text)
        passages = [self._passage(node, n) for n, node in enumerate(reply.source_nodes)]
        return Answer(
            question=question,
            searched_for=question,
            text=text,
            answered=answered,
            confidence=float(answered),
            sentences=(),
            citations=_cited(text, passages) if answered else (),
            hits=tuple(
                Hit(passage, node.score or 0.0, node.score, None)
                for passage, node in zip(passages, reply.source_nodes, strict=True)
            ),
            model=self.model_name,
            timings={"total": seconds},
        )

    def _indexed(self) -> VectorStoreIndex:
        if self._nodes is None:
            texts = [
                LlamaDocument(
                    text=self.text_of(document.id),
                    metadata={_ID: document.id},
                    excluded_embed_metadata_keys=[_ID],
                    excluded_llm_metadata_keys=[_ID],
                )
                for document in self.documents()
            ]
            self._nodes = VectorStoreIndex.from_documents(texts, embed_model=self._embedding)
        return self._nodes

    def _passage(self, found: NodeWithScore, number: int) -> Passage:
        """Return a source with the place where its text stands."""
        document: Document = next(d for d in self.documents() if d.id == found.metadata[_ID])
        whole = self.text_of(document.id)
        text = _HEAD.sub("", found.get_content(), count=1).rstrip("\n")
        start = max(0, whole.find(text))
        end = start + len(text)
        identity = f"{document.id}-{start}-{number}"
        return Passage(identity, document, number, start, end, None, None, whole[start:end])


def _cited(text: str, passages: Sequence[Passage]) -> tuple[Citation, ...]:
    numbers = {int(n) for found in _MARKERS.findall(text) for n in re.findall(r"\d+", found)}
    return tuple(
        Citation(n, p.document, p.id, p.start, p.end, None, p.text)
        for n, p in enumerate(passages, start=1)
        if n in numbers
    )


def _only(documents: Sequence[str]) -> MetadataFilters:
    allowed = MetadataFilter(key=_ID, value=list(documents), operator=FilterOperator.IN)
    return MetadataFilters(filters=[allowed])


class _Embedding(BaseEmbedding):
    """An Embedder as LlamaIndex sees it."""

    _embedder: Any = PrivateAttr()

    def __init__(self, embedder: Embedder) -> None:
        super().__init__(model_name=embedder.fingerprint)
        self._embedder = embedder

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embeddings([query])[0]

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_query_embedding(query)

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        vectors: list[list[float]] = self._embedder.embed(texts).tolist()
        return vectors
