"""A language model of Footnote as LlamaIndex sees it.

Knows nothing of what it is asked. Importing this loads LlamaIndex.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

from llama_index.core.llms import (
    ChatMessage,
    CompletionResponse,
    CompletionResponseGen,
    CustomLLM,
    LLMMetadata,
)
from pydantic import PrivateAttr

from rag import ChatModel, Message

# Less than the embedded model reads at once: its tokens are not the ones LlamaIndex counts.
CONTEXT_TOKENS = 3900


class ChatModelLLM(CustomLLM):
    """A ChatModel, which the caller closes: each prompt is one message of the user."""

    _chat: Any = PrivateAttr()
    _reply_tokens: int = PrivateAttr()

    def __init__(self, chat: ChatModel, *, reply_tokens: int) -> None:
        super().__init__(messages_to_prompt=_as_one_text)
        self._chat = chat
        self._reply_tokens = reply_tokens

    @property
    def metadata(self) -> LLMMetadata:
        """Return how much the model reads and writes.

        The name is not the model's: for "llama3:8b" the faithfulness evaluator takes a prompt
        that leaves out both answer and passages.
        """
        return LLMMetadata(
            context_window=CONTEXT_TOKENS, num_output=self._reply_tokens, model_name="footnote"
        )

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Return the whole reply; raises ModelError."""
        del formatted, kwargs
        message = Message("user", prompt)
        with closing(self._chat.stream([message], max_tokens=self._reply_tokens)) as pieces:
            return CompletionResponse(text="".join(p for p in pieces if isinstance(p, str)))

    def stream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponseGen:
        """Yield the whole reply as the one piece; nothing here streams."""
        yield self.complete(prompt, formatted, **kwargs)


def _as_one_text(messages: Sequence[ChatMessage]) -> str:
    return "\n\n".join((message.content or "").strip() for message in messages)
