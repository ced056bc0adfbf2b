"""Measures of what an answer cites, against annotated evidence and gold answers.

Knows nothing of models. Citation precision and recall resemble those of ALCE (Gao et al.,
EMNLP 2023) in name and purpose: are the citations right, and is what should be cited cited?
They differ in the judge. ALCE asks of each sentence whether its cited passages entail it, by
an NLI model of 11 billion parameters; these ask whether the cited characters are among those
that annotators marked as evidence for the question. So they need no model and no threshold,
but a right citation of a place that nobody marked counts as wrong, and the two kinds of
number are not comparable.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from eval.metrics.answers import Answers, gold_in_text
from eval.metrics.intervals import mean
from eval.metrics.spans import Span, need_recall


def citation_precision(citations: Sequence[Span], needs: Sequence[Sequence[Span]]) -> float | None:
    """Return the share of citations that overlap a place of a need.

    None without citations or without needs.
    """
    places = [place for need in needs for place in need]
    if not needs:
        return None
    return mean(any(citation.overlaps(place) for place in places) for citation in citations)


def citation_recall(citations: Sequence[Span], needs: Sequence[Sequence[Span]]) -> float | None:
    """Return the share of needs of which a citation overlaps a place.

    0 without citations, None without needs.
    """
    return need_recall(citations, needs)


def quotes_exact(pairs: Iterable[tuple[str, str]]) -> float | None:
    """Return the share of quotes that are, to the character, the text at their offsets.

    Args:
        pairs: Of each citation the quote, and the document's text from its start to its end.
    """
    return mean(quote == text for quote, text in pairs)


def supported_share(verdicts: Iterable[str]) -> float | None:
    """Return the share of sentences with the verdict "supported", None without sentences."""
    return mean(verdict == "supported" for verdict in verdicts)


def gold_in_quotes(quotes: Iterable[str], answers: Answers) -> float | None:
    """Return the share of quotes that hold a gold answer, or a part of one.

    One part is enough, for an answer of several may be cited from several places. None
    without quotes, and without answers that can be looked for.
    """
    parts = [(part,) for alternative in answers for part in alternative]
    return mean(gold_in_text(quote, parts) for quote in quotes)
