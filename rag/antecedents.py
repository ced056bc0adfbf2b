"""A sentence that begins with "it" or "they", together with the one before it. Pure.

Knows nothing of retrieval. By itself such a sentence tells neither a model nor a reader whom
or what it is about.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from rag.schema import Evidence

_POINTS_BACK = re.compile(
    r"[\"'“‘(\[]*(?:(?:also|but|and|however|still|later|then|today|in (?:addition|turn)),? )?"
    r"(?:he|she|it|they|his|her|its|their|this|these|those|such|both|the (?:latter|former))\b",
    re.IGNORECASE,
)
# Of two sentences that each point back, the one before them names it at best.
_FURTHEST = 2


def points_back(text: str) -> bool:
    """Tell whether a sentence begins with a word for something named before."""
    return bool(_POINTS_BACK.match(text.lstrip()))


def with_antecedent(evidence: Evidence, context: Sequence[Evidence]) -> Evidence:
    """Return a sentence from where the one starts that names what it is about.

    `context` are the sentences of its passage, and maybe others.
    """
    beside = (e for e in context if e.passage.id == evidence.passage.id)
    before = sorted((e for e in beside if e.start < evidence.start), key=lambda e: e.start)
    start, text = evidence.start, evidence.text
    for earlier in reversed(before[-_FURTHEST:]):
        if not points_back(text):
            break
        start, text = earlier.start, earlier.text
    passage = evidence.passage
    whole = passage.text[start - passage.start : evidence.end - passage.start]
    return replace(evidence, start=start, text=whole)
