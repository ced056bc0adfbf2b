"""Lets no event of the page name a file that did not come through it.

Knows nothing of what becomes of a file. Gradio takes the path of any file of this machine for
one that was uploaded, unless it serves the page itself, and fetches it where it is an address.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rag import UsageError


class Uploaded:
    """Goes before Gradio's `Blocks`; files are below the folder `incoming`, or refused."""

    incoming: Path

    async def preprocess_data(
        self, block_fn: Any, inputs: Any, state: Any, explicit_call: bool = False
    ) -> Any:
        """Return what the function of an event is given. Raises UsageError."""
        if not all(is_uploaded(path, self.incoming) for path in _paths_in(inputs)):
            raise UsageError("Only files that were uploaded here can be added here.")
        return await super().preprocess_data(  # type: ignore[misc]
            block_fn, inputs, state, explicit_call
        )


def is_uploaded(path: object, incoming: Path) -> bool:
    """Tell whether a path is that of a file in the folder, links and all looked through."""
    try:
        real = Path(str(path)).resolve(strict=True)
        return real.is_file() and real.is_relative_to(incoming.resolve())
    except (OSError, ValueError, RuntimeError):
        return False


def _paths_in(value: Any) -> Iterator[object]:
    """Yield whatever an event calls the path of a file, at any depth."""
    if isinstance(value, dict):
        if "path" in value:
            yield value["path"]
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from _paths_in(item)
