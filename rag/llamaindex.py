"""Footnote as LlamaIndex sees it: a retriever and a query engine over one assistant.

Knows nothing of how hits or answers come about. LlamaIndex's agents, evaluators and
tracing attach to these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llama_index.core.base.response.schema import Response
from llama_index.core.query_engine import CustomQueryEngine
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from pydantic import PrivateAttr

if TYPE_CHECKING:
    from rag.assistant import Assistant
    from rag.schema import Citation, Hit


class FootnoteRetriever(BaseRetriever):
    """Retrieves passages as nodes; scores lie in 0..1."""

    def __init__(self, assistant: Assistant, k: int | None) -> None:
        super().__init__()
        self._assistant = assistant
        self._k = k

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        hits = self._assistant.search(query_bundle.query_str, self._k)
        return [node_of_hit(hit) for hit in hits]


class FootnoteQueryEngine(CustomQueryEngine):
    """Answers as `Assistant.ask`; the source nodes are the citations, exact quotes each."""

    _assistant: Any = PrivateAttr()

    def __init__(self, assistant: Assistant) -> None:
        super().__init__()
        self._assistant = assistant

    def custom_query(self, query_str: str) -> Response:
        """Return the answer's text, its quotes as nodes and `Answer.to_dict()` as metadata."""
        answer = self._assistant.ask(query_str)
        return Response(
            response=answer.text,
            source_nodes=[node_of_citation(citation) for citation in answer.citations],
            metadata=answer.to_dict(),
        )


def node_of_hit(hit: Hit) -> NodeWithScore:
    """Return a passage as a node with its place in the document."""
    passage = hit.passage
    node = TextNode(
        id_=passage.id,
        text=passage.text,
        start_char_idx=passage.start,
        end_char_idx=passage.end,
        metadata={
            "document_id": passage.document.id,
            "uri": passage.document.uri,
            "title": passage.document.title,
            "page": passage.page,
            "heading": passage.heading,
        },
    )
    return NodeWithScore(node=node, score=hit.score)


def node_of_citation(citation: Citation) -> NodeWithScore:
    """Return a quote as a node with its place in the document."""
    node = TextNode(
        id_=f"{citation.passage_id}:{citation.start}-{citation.end}",
        text=citation.quote,
        start_char_idx=citation.start,
        end_char_idx=citation.end,
        metadata={
            "number": citation.number,
            "document_id": citation.document.id,
            "uri": citation.document.uri,
            "title": citation.document.title,
            "page": citation.page,
        },
    )
    return NodeWithScore(node=node, score=1.0)
