"""LlamaIndex sees real retrievers and query engines, with exact quotes."""

from __future__ import annotations

import asyncio

import pytest
from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.response_synthesizers import ResponseMode, get_response_synthesizer
from llama_index.core.schema import TextNode

from rag import Assistant
from tests.homes import open_home, three_files

QUESTION = "Who designed the Anders Bridge?"


@pytest.fixture(scope="module")
def assistant(tmp_path_factory: pytest.TempPathFactory):
    place = tmp_path_factory.mktemp("llamaindex")
    with open_home(place / "home") as assistant:
        assistant.add(three_files(place / "files"))
        yield assistant


def test_retriever_gives_nodes(assistant: Assistant) -> None:
    """A retriever gives the hits of a search as nodes, with their places in the document."""
    retriever = assistant.as_retriever(k=2)
    assert isinstance(retriever, BaseRetriever)
    found = retriever.retrieve(QUESTION)
    hits = assistant.search(QUESTION, k=2)
    assert [(n.node.node_id, n.score) for n in found] == [(h.passage.id, h.score) for h in hits]
    for item in found:
        node = item.node
        assert isinstance(node, TextNode)
        text = assistant.text_of(node.metadata["document_id"])
        assert text[node.start_char_idx : node.end_char_idx] == node.text
        assert node.metadata["uri"].endswith(".txt")


def test_query_engine_answers_with_exact_quotes(assistant: Assistant) -> None:
    """A query engine gives the text of the answer, its quotes as nodes, and all the rest."""
    engine = assistant.as_query_engine()
    assert isinstance(engine, BaseQueryEngine)
    response = engine.query(QUESTION)
    answer = assistant.ask(QUESTION)
    assert str(response) == answer.text
    assert (response.metadata or {})["answered"] is True
    assert len(response.source_nodes) == len(answer.citations) > 0
    for item, citation in zip(response.source_nodes, answer.citations, strict=True):
        node = item.node
        assert isinstance(node, TextNode)
        text = assistant.text_of(node.metadata["document_id"])
        assert text[node.start_char_idx : node.end_char_idx] == node.text == citation.quote
        assert node.metadata["number"] == citation.number


def test_asynchronous_calls(assistant: Assistant) -> None:
    """Both work from asynchronous code as well."""

    async def ask() -> tuple[str, int]:
        response = await assistant.as_query_engine().aquery(QUESTION)
        nodes = await assistant.as_retriever().aretrieve(QUESTION)
        return str(response), len(nodes)

    text, count = asyncio.run(ask())
    assert text == assistant.ask(QUESTION).text
    assert count == len(assistant.search(QUESTION))


def test_retriever_serves_an_engine_of_llamaindex(assistant: Assistant) -> None:
    """LlamaIndex's own query engine runs on the retriever."""
    engine = RetrieverQueryEngine(
        retriever=assistant.as_retriever(k=1),
        response_synthesizer=get_response_synthesizer(
            llm=MockLLM(), response_mode=ResponseMode.COMPACT
        ),
    )
    response = engine.query(QUESTION)
    assert "Clara Holt" in response.source_nodes[0].node.get_content()
