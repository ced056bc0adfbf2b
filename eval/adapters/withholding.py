"""Makes questions unanswerable by hiding the documents they rest on. Pure.

Knows nothing of published forms.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from eval.cases import Case

TAG = "withheld"


def withhold_documents(cases: Iterable[Case], share: float, seed: int) -> tuple[Case, ...]:
    """Return the cases, about a share of them without what answers them.

    Each is drawn by its id and the seed alone, so that it stays drawn whatever other cases
    there are. Only cases that name evidence can be; they lose answers and evidence, their
    documents are hidden from them, and they get a tag. A document next to the hidden ones
    may still answer: such a question counts as unanswerable all the same.
    """
    return tuple(
        _withheld(case) if case.evidence and _draw(case.id, seed) < share else case
        for case in cases
    )


def _draw(case_id: str, seed: int) -> float:
    """Return a number from 0 up to 1, uniform over ids."""
    digest = hashlib.sha256(f"{seed}:{case_id}".encode()).digest()
    # 53 bits: as many as a float keeps, so that the quotient never rounds up to 1.
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53


def _withheld(case: Case) -> Case:
    hidden = dict.fromkeys((*case.without, *(place.document for place in case.evidence)))
    return Case(
        id=case.id,
        question=case.question,
        answerable=False,
        history=case.history,
        tags=(*case.tags, TAG),
        without=tuple(hidden),
    )
