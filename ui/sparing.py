"""What a page sends for its parts after an event, and what need not be sent.

Knows nothing of what they show. Gradio builds a component anew for each part that stays as it
is, to tell its settings again; of a streamed answer, which changes one part in ten, that was
half the work.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import Any

LEAVE = {"__type__": "update"}
"""Stands for a part that stays as it is; Gradio's own `skip()`."""


class Sparing:
    """Goes before Gradio's `Blocks`, and passes `LEAVE` on as it is."""

    async def postprocess_data(self, block_fn: Any, predictions: Any, state: Any) -> list[Any]:
        """Return what is sent for each output of an event."""
        outputs = block_fn.outputs
        if len(outputs) < 2 or not isinstance(predictions, list | tuple):
            return await self._processed(block_fn, predictions, state)
        changed = [n for n, value in enumerate(predictions) if not _is_leave(value)]
        sent: list[Any] = [None if part.stateful else dict(LEAVE) for part in outputs]
        if changed:
            fewer = copy.copy(block_fn)
            fewer.outputs = [outputs[n] for n in changed]
            values = [predictions[n] for n in changed]
            # The value of a single output is given by itself.
            given = values if len(values) > 1 else values[0]
            processed = await self._processed(fewer, given, state)
            for n, value in zip(changed, processed, strict=True):
                sent[n] = value
        return sent

    async def _processed(self, block_fn: Any, predictions: Any, state: Any) -> list[Any]:
        sent = await super().postprocess_data(block_fn, predictions, state)  # type: ignore[misc]
        return list(sent)


def changes(steps: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Yield updates step by step, without what the step before has sent already."""
    before: tuple[Any, ...] = ()
    for step in steps:
        yield tuple(
            LEAVE if n < len(before) and value == before[n] else value
            for n, value in enumerate(step)
        )
        before = step


def _is_leave(value: Any) -> bool:
    return isinstance(value, dict) and value == LEAVE
