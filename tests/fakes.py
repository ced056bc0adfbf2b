"""Fakes behind the two Protocols of rag.schema, and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence

import numpy as np
from numpy.typing import NDArray

from rag.errors import ModelError
from rag.schema import Message, ProgressCallback, Usage


class WordEmbedder:
    """Embeds by hashed words: texts that share words are near each other. Counts its work."""

    dimensions = 64

    def __init__(self, name: str = "words") -> None:
        self.fingerprint = f"fake-{name}-64"
        self.embedded: list[str] = []

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.embedded.extend(texts)
        rows = np.full((len(texts), self.dimensions), 1e-3, dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.lower().split():
                word = word.strip(".,;:!?()\"'")
                row[int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big") % 64] += 1
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)

    def close(self) -> None:
        pass


class ScriptedModel:
    """Gives the replies it was handed, one per call, in pieces; an error is raised instead."""

    name = "scripted"
    host = None
    ready = True

    def __init__(self, *replies: str | ModelError) -> None:
        self.replies = list(replies)
        self.prompts: list[tuple[Message, ...]] = []
        self.closed = 0

    def warm(self, messages: Sequence[Message], progress: ProgressCallback | None = None) -> None:
        pass

    def stream(
        self, messages: Sequence[Message], *, max_tokens: int, stop: Sequence[str] = ()
    ) -> Generator[str | Usage]:
        self.prompts.append(tuple(messages))
        reply = self.replies.pop(0)
        if isinstance(reply, ModelError):
            raise reply
        for start in range(0, len(reply), 7):
            yield reply[start : start + 7]
        yield Usage(len(messages), len(reply.split()))

    def odds(self, messages: Sequence[Message], *, word: str) -> float | None:
        return None

    def close(self) -> None:
        self.closed += 1
