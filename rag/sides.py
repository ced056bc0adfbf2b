"""What other documents answer beside an answer that is written.

Knows nothing of how it was written. Whoever reads one side is shown that there is another:
documents may disagree, or one of them may be there to mislead.
"""

from __future__ import annotations

import time
from itertools import islice

from rag.antecedents import with_antecedent
from rag.disagreeing import Stance, stance
from rag.drafting import Draft, Manner, drafted
from rag.expecting import asks_for_views
from rag.reranking import is_topic
from rag.schema import Evidence

# Where documents may disagree, one more is quoted if its best sentence is about as good.
_OTHER_SIDE = 3.0
# Documents that by themselves would be answered from with this confidence are quoted beside
# an answer they do not agree with. Those that do agree are set aside, and the rest is searched
# again, this many times in all.
_SURE, _SEARCHES = 0.6, 4
# Of another side, its best sentence and others nearly as good.
_MOST_QUOTES, _NEARLY = 2, 2.0


def other_sides(draft: Draft, how: Manner) -> list[Evidence]:
    """Return sentences of documents that the answer does not cite, to be quoted beside it."""
    return _views(draft) or _otherwise(draft, how)


def _views(draft: Draft) -> list[Evidence]:
    """Return the best sentence of another document, if it is about as good as the best."""
    if not asks_for_views(draft.task.question):
        return []
    found = draft.task.found.evidence
    told = {key[0] for key in draft.citations}
    return [
        with_antecedent(e, draft.task.context)
        for e in found
        if e.passage.document.id not in told and e.score >= found[0].score - _OTHER_SIDE
    ][:1]


def _otherwise(draft: Draft, how: Manner) -> list[Evidence]:
    """Return the best sentences of the other documents, if by themselves they answer otherwise.

    Documents that say the same are one side, so that a wrong answer cannot hide the right one
    by standing there more often.
    """
    if draft.task.elsewhere is None:
        return []
    started = time.monotonic()
    aside = {c.document.id for c in draft.citations.values()}
    found: list[Evidence] = []
    for _ in range(_SEARCHES):
        beside = drafted(draft.task.elsewhere(aside), how)
        if not beside.evidence or beside.confidence < _SURE:
            break
        # All of them: the same words in many documents are many that agree.
        near = [e for e in beside.evidence if e.score >= beside.evidence[0].score - _OTHER_SIDE]
        agreeing = {e.passage.document.id for e in near if _stance(draft, e) == "same"}
        if not agreeing:
            # However sure search is: no model writes from these, so the right one has to be found.
            beside.read(how)
            draft.prompts += beside.prompts
            if beside.confidence >= how.strictness:
                best = beside.nearest(_NEARLY, len(beside.evidence))
                other = (e for e in best if _stance(draft, e) == "other" and not is_topic(e.text))
                found = list(islice(other, _MOST_QUOTES))
            break
        aside |= agreeing
    draft.task.timings["elsewhere"] = time.monotonic() - started
    return found


def _stance(draft: Draft, evidence: Evidence) -> Stance:
    told = [*(s.text for s in draft.sentences), *(c.quote for c in draft.citations.values())]
    return stance(evidence.text, told, question=draft.task.question)
