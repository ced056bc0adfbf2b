"""Makes embeddings on an OpenAI-compatible server.

Knows nothing of how its failures are told apart, nor of what the vectors are for.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.errors import ModelError, ModelRejected
from rag.models.openai_compatible import RETRIES, Endpoint

EMBEDDING_BATCH = 64
MOST_BYTES = 32_000_000
"""Of one batch: the longest vectors in use take a fifth of it."""

_OTHER_MODEL = "Choose another embedding model."


class OpenAICompatibleEmbedder:
    """An Embedder behind an OpenAI-compatible server."""

    def __init__(
        self,
        model: str,
        url: str,
        *,
        key: str | None = None,
        seconds: float = 90,
        retries: int = RETRIES,
    ) -> None:
        self._model = model
        self._endpoint = Endpoint(url, key, seconds=seconds, retries=retries, most_bytes=MOST_BYTES)
        self._dimensions: int | None = None

    @property
    def fingerprint(self) -> str:
        """Name the host, the model and the length of its vectors; asks once for the length."""
        return f"openai:{self._endpoint.host}:{self._model}:{self.dimensions}"

    @property
    def dimensions(self) -> int:
        """Return the length of a vector; the server is asked once."""
        if self._dimensions is None:
            self._dimensions = self._batch(["length"]).shape[1]
        return self._dimensions

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one L2-normalised row per text.

        Raises:
            ModelUnavailable: refused, timed out, overloaded.
            ModelRejected: wrong key, unknown model, text too long, vectors that are none.
        """
        rows = [np.empty((0, self.dimensions), dtype=np.float32)]
        for start in range(0, len(texts), EMBEDDING_BATCH):
            rows.append(self._batch(texts[start : start + EMBEDDING_BATCH]))
            if rows[-1].shape[1] != self.dimensions:
                raise self._unusable("changed the length of its vectors")
        return np.concatenate(rows)

    def _batch(self, texts: Sequence[str]) -> NDArray[np.float32]:
        with self._endpoint.session() as deadline:
            reply = self._endpoint.call(partial(self._request, list(texts)), deadline)
        with (
            self._endpoint.reading("sent no list of vectors", _OTHER_MODEL),
            np.errstate(over="ignore"),  # what is too large for a vector is found below
        ):
            vectors = {item.index: item.embedding for item in reply.data}
            rows = np.array([vectors[index] for index in range(len(texts))], dtype=np.float32)
            lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
        if rows.ndim != 2 or not np.isfinite(lengths).all() or not lengths.all():
            raise self._unusable("sent vectors that cannot be compared")
        return np.asarray(rows / lengths, dtype=np.float32)

    def _request(self, texts: list[str], timeout: Any) -> Any:
        return self._endpoint.client.embeddings.create(
            model=self._model, input=texts, encoding_format="float", timeout=timeout
        )

    def _unusable(self, what: str) -> ModelError:
        return self._endpoint.error(ModelRejected, what, _OTHER_MODEL)

    def close(self) -> None:
        """Close the connections; a later call opens them again."""
        self._endpoint.close()
