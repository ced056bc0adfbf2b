"""The words of ours before sentences that are told beside an answer. Pure.

Knows nothing of why they are told.
"""

from __future__ import annotations

import re

CLOSEST = "Closest in the documents: "
_ELSEWHERE = "Elsewhere (“{}”): "
# Up to the markers that end the sentence.
_ASIDE = re.compile(
    rf"(?:{re.escape(CLOSEST)}|Elsewhere \(“[^”]*”\): ).*?(?:(?:\s?\[\d+\])+|$)", re.DOTALL
)


def elsewhere(name: str) -> str:
    """Return what leads a sentence of another document, of this name."""
    return _ELSEWHERE.format(name)


def without_asides(text: str) -> str:
    """Return an answer's text without what was told beside it."""
    return " ".join(_ASIDE.sub(" ", text).split())
