"""Chooses the embedder and the reranker that the settings name.

Knows nothing of what is embedded. Heavy packages are imported when one of them is built.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from rag.models.chat import OPENAI_URL
from rag.schema import Embedder, Reranker
from rag.settings import Settings


def build_embedder(settings: Settings) -> Embedder:
    """Return the embedder that the settings name, ready to embed.

    Raises:
        ConfigError: they name none, or lack its key or address.
        ModelRejected: the embedded weights are missing or damaged.
    """
    if settings.embedding == "embedded":
        # ONNX Runtime and the weights take half a second, which no other embedder needs.
        from rag.models.minilm import MiniLM

        return MiniLM(threads=settings.cores)
    # The client takes half a second as well.
    from rag.models.chat import build_openai_embedder

    return build_openai_embedder(settings)


def build_reranker(settings: Settings) -> Reranker:
    """Return the embedded reranker, ready to read.

    Raises:
        ModelRejected: its weights are missing or damaged.
    """
    # As above.
    from rag.models.cross_encoder import CrossEncoder

    return CrossEncoder(threads=settings.cores)


def embedding_host(settings: Settings) -> str | None:
    """Return the host that embeds all documents and questions, None for this process."""
    if settings.embedding == "embedded":
        return None
    return urlsplit(settings.embedding_url or OPENAI_URL).hostname
