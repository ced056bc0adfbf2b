"""Chooses the embedder that the settings name.

Knows nothing of what is embedded. Heavy packages are imported when an embedder is built.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from rag.models.chat import OPENAI_URL
from rag.schema import Embedder
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


def embedding_host(settings: Settings) -> str | None:
    """Return the host that embeds all documents and questions, None for this process."""
    if settings.embedding == "embedded":
        return None
    return urlsplit(settings.embedding_url or OPENAI_URL).hostname
