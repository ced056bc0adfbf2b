"""A question that asks two things, as the questions it is made of. Pure.

Knows nothing of retrieval. "Which dam burst, and who built it?" finds one of the two in a
library where they stand in different documents; asked by itself, each finds its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.followups import stand_alone
from rag.schema import Turn
from rag.words import fold, words

_ASKING = r"what|which|who|whom|whose|when|where|why|how"
_BEFORE = r"(?:in|on|at|by|for|to|from|of|with|about|since|until)\s+"
_JOINT = re.compile(
    rf"(?:,?\s+(?:and|or)\s+(?=(?:{_BEFORE})?(?:{_ASKING})\s))|(?<=\?)\s+(?=\S)", re.IGNORECASE
)
_ASKS = re.compile(rf"\b(?:{_ASKING})\b", re.IGNORECASE)
_AFFIRM = frozenset(
    "is are was were do does did has have had can could will would should may might must".split()
)
# A part of fewer words ("and why?") is no question by itself, but how the other one is meant.
_FEWEST, _MOST = 4, 3


def parts_of(question: str, turns: Sequence[Turn] = ()) -> tuple[tuple[str, str], ...]:
    """Return the questions that a question is made of: as asked, and as to be searched for.

    Most are made of one. What leans on the part before it, or on the conversation, is
    searched for with its subject.
    """
    pieces = [piece.strip(" ,") for piece in _JOINT.split(question) if piece.strip(" ,?")]
    if not 2 <= len(pieces) <= _MOST or not all(map(_is_question, pieces)):
        return ((question, stand_alone(question, turns)),)
    before = (turns, *([Turn(piece, "")] for piece in pieces))
    asked = (piece if piece.endswith("?") else f"{piece}?" for piece in pieces)
    return tuple((part, stand_alone(part, past)) for part, past in zip(asked, before, strict=False))


def _is_question(piece: str) -> bool:
    found = words(piece)
    asks = bool(_ASKS.search(piece)) or (bool(found) and fold(found[0]) in _AFFIRM)
    return asks and len(found) >= _FEWEST
