"""Vectors from a server: in order, of length one, in batches, or a typed error."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler
from typing import Any

import numpy as np
import pytest

from rag.errors import ModelRejected, ModelUnavailable
from rag.models.openai_embedder import EMBEDDING_BATCH, OpenAICompatibleEmbedder
from tests.models.endpoint import Endpoint, Reply, endpoint, fail, send


def vectors(rows: Sequence[Sequence[float]], order: Sequence[int] | None = None) -> Reply:
    """Reply with these vectors, in this order."""
    data = [{"index": i, "embedding": list(rows[i])} for i in order or range(len(rows))]
    return send(200, json.dumps({"data": data, "model": "m", "object": "list"}))


def lengths(make: Callable[[int, str], list[float]]) -> tuple[Reply, list[Endpoint]]:
    """Reply with a vector made of each text; the list is to hold the endpoint."""
    seen: list[Endpoint] = []

    def reply(handler: BaseHTTPRequestHandler) -> None:
        texts: list[str] = seen[0].requests[-1]["input"]
        vectors([make(i, text) for i, text in enumerate(texts)])(handler)

    return reply, seen


def test_rows_are_normalised_and_in_the_order_of_the_texts() -> None:
    """The index that the server gives decides, not the order in which vectors come."""
    with endpoint(vectors([[1, 0]]), vectors([[3, 4], [0, 2]], order=[1, 0])) as server:
        embedder = OpenAICompatibleEmbedder("tiny", server.url)
        rows = embedder.embed(["a", "b"])
        embedder.close()
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, [[0.6, 0.8], [0.0, 1.0]], atol=1e-6)
    assert server.requests[1]["encoding_format"] == "float"


def test_many_texts_go_in_batches_and_come_back_as_one() -> None:
    """Every text has its row, and no request holds more than a batch."""
    reply, seen = lengths(lambda _, text: [float(len(text)), 1.0])
    texts = ["x" * n for n in range(1, 2 * EMBEDDING_BATCH + 2)]
    with endpoint(reply) as server:
        seen.append(server)
        embedder = OpenAICompatibleEmbedder("tiny", server.url)
        rows = embedder.embed(texts)
        embedder.close()
    np.testing.assert_allclose(rows[:, 0] / rows[:, 1], [len(text) for text in texts], rtol=1e-4)
    assert [len(request["input"]) for request in server.requests[1:]] == [64, 64, 1]


def test_the_fingerprint_names_host_model_and_length_and_asks_once() -> None:
    """The length of a vector is learned from the server, once."""
    with endpoint(vectors([[1, 2, 2]])) as server:
        embedder = OpenAICompatibleEmbedder("tiny", server.url)
        assert embedder.fingerprint == "openai:127.0.0.1:tiny:3"
        assert embedder.dimensions == 3
        assert embedder.embed([]).shape == (0, 3)
        embedder.close()
    assert len(server.requests) == 1


NONSENSE: dict[str, Any] = {
    "too few": vectors([[1.0, 0.0]]),
    "other length": vectors([[1, 2, 3], [1, 2, 3]]),
    "ragged": vectors([[1.0, 0.0], [1.0]]),
    "zero": vectors([[1.0, 0.0], [0.0, 0.0]]),
    "infinite": vectors([[1.0, 0.0], [float("inf"), 0.0]]),
    "words": send(200, '{"data": [{"index": 0, "embedding": ["a"]}]}'),
    "no data": send(200, "{}"),
    "not JSON": send(200, "{"),
    "web page": send(200, "<html>", "text/html"),
    "key": fail(401),
}


@pytest.mark.parametrize("case", NONSENSE)
def test_vectors_that_are_none_are_rejected(case: str) -> None:
    """Nothing that cannot be compared gets into the library."""
    with endpoint(vectors([[1.0, 0.0]]), NONSENSE[case]) as server:
        embedder = OpenAICompatibleEmbedder("tiny", server.url)
        with pytest.raises(ModelRejected, match=r"127\.0\.0\.1"):
            embedder.embed(["a", "b"])
        embedder.close()


def test_an_overloaded_server_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A passing failure costs time only; a lasting one is told."""
    monkeypatch.setattr("rag.models.openai_compatible.FIRST_PAUSE_SECONDS", 0.01)
    with endpoint(fail(503), vectors([[1, 0]]), vectors([[1, 0]]), fail(503)) as server:
        embedder = OpenAICompatibleEmbedder("tiny", server.url)
        assert embedder.embed(["a"]).shape == (1, 2)
        with pytest.raises(ModelUnavailable):
            embedder.embed(["a"])
        embedder.close()
