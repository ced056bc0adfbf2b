"""The models of an Assistant, each built when it is first needed. Knows nothing of documents."""

from __future__ import annotations

import threading
from contextlib import ExitStack

from rag.models.embedding import build_embedder, build_reranker
from rag.schema import ChatModel, Embedder, Reranker
from rag.settings import Settings


class Parts:
    """Embedder, reranker and language model: those handed in, or those the settings name."""

    def __init__(
        self,
        settings: Settings,
        *,
        embedder: Embedder | None = None,
        reranker: Reranker | None = None,
        model: ChatModel | None = None,
    ) -> None:
        self._settings = settings
        self._guard = threading.Lock()
        self._embedder, self._reranker, self._model = embedder, reranker, model
        self._model_built = model is not None

    @property
    def embedder(self) -> Embedder:
        """Return the embedder. Raises ConfigError and ModelRejected, as building it does."""
        with self._guard:
            if self._embedder is None:
                self._embedder = build_embedder(self._settings)
            return self._embedder

    @property
    def reranker(self) -> Reranker:
        """Return the reranker. Raises ModelRejected."""
        with self._guard:
            if self._reranker is None:
                self._reranker = build_reranker(self._settings)
            return self._reranker

    def alike(self, sentence: str, text: str) -> float:
        """Return the log-odds that a sentence and a text are about the same."""
        return float(self.reranker.relevance(sentence, [text])[0])

    @property
    def chat_model(self) -> ChatModel | None:
        """Return the language model, None where the settings want none. Raises ConfigError."""
        with self._guard:
            if not self._model_built:
                # Heavy: clients of language models.
                from rag.models.chat import build_chat_model

                self._model = build_chat_model(self._settings)
                self._model_built = True
            return self._model

    def change_model(self, settings: Settings) -> None:
        """Put the language model of these settings in place of the other; raises ConfigError."""
        # Heavy, as above.
        from rag.models.chat import build_chat_model

        model = build_chat_model(settings)
        with self._guard:
            before, self._model = self._model, model
            self._model_built, self._settings = True, settings
        if before is not None:
            # One that is just starting ends only then, which nobody need wait for.
            threading.Thread(target=before.close, name="retiring", daemon=True).start()

    def close(self) -> None:
        """Stop what was built or handed in."""
        with ExitStack() as stack:
            for part in (self._embedder, self._reranker, self._model):
                if part is not None:
                    stack.callback(part.close)
