"""Spans, and the chunking report's scores, worked by hand and against sets of characters."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.metrics.spans import (
    CharacterScores,
    Span,
    character_scores,
    need_recall,
    precision_omega,
    shared_length,
    union_length,
)

spans = st.builds(
    lambda document, start, length: Span(document, start, start + length),
    st.sampled_from("ab"),
    st.integers(0, 30),
    st.integers(0, 12),
)
some_spans = st.lists(spans, max_size=5)


def a(start: int, end: int) -> Span:
    return Span("a", start, end)


def characters(found: list[Span]) -> set[tuple[str, int]]:
    return {(span.document, place) for span in found for place in range(span.start, span.end)}


def test_a_span_ends_before_its_end():
    """Characters 3 and 4 are two; the span after begins at 5 and shares none of them."""
    assert a(3, 5).length == 2
    assert not a(3, 5).overlaps(a(5, 9))
    assert a(3, 5).touches(a(5, 9))
    assert not a(3, 5).touches(a(6, 9))
    assert a(3, 6).intersection(a(5, 9)) == a(5, 6)


def test_spans_of_two_documents_share_nothing():
    """The same offsets in another document are other characters."""
    assert not Span("a", 0, 5).overlaps(Span("b", 0, 5))
    assert not Span("a", 0, 5).touches(Span("b", 0, 5))
    assert union_length([Span("a", 0, 5), Span("b", 3, 5), Span("a", 3, 9)]) == 9 + 2


@pytest.mark.parametrize(("start", "end"), [(-1, 4), (5, 4)])
def test_a_span_that_cannot_be_is_refused(start: int, end: int):
    """Neither before the text nor backwards."""
    with pytest.raises(ValueError, match="0 <= start <= end"):
        a(start, end)


def test_scores_worked_by_hand():
    """Two references, two chunks that overlap, and one of another document."""
    # References 10-20 and 40-60: 30 characters. Chunks 0-15, 12-18 and b 0-20: 41.
    # Found: 10-18 = 8, the shared 12-15 once. Missed: 18-20 = 2 and 40-60 = 20.
    retrieved = [a(0, 15), a(12, 18), Span("b", 0, 20)]
    scores = character_scores(retrieved, [a(10, 20), a(40, 60)])
    assert scores.recall == pytest.approx(8 / 30)
    assert scores.precision == pytest.approx(8 / 41)
    assert scores.iou == pytest.approx(8 / (41 + 22))


def test_text_retrieved_twice_counts_twice_against_precision():
    """The same right chunk two times: recall stays 1, precision is halved."""
    # 10 / (10 + 10), and nothing is missed.
    assert character_scores([a(0, 10), a(0, 10)], [a(0, 10)]) == CharacterScores(1.0, 0.5, 0.5)


def test_overlapping_references_count_each_by_itself():
    """The report's code adds up their lengths, so full recall is out of reach."""
    # References 0-10 and 5-15 add up to 20, their union is 15; of the chunk 0-10 found are
    # 10, missed are 0 and 5.
    scores = character_scores([a(0, 10)], [a(0, 10), a(5, 15)])
    assert scores == CharacterScores(recall=10 / 20, precision=1.0, iou=10 / 15)


def test_scores_that_do_not_apply_are_none():
    """No references: nothing to score. Nothing retrieved: no precision, but no recall either."""
    assert character_scores([a(0, 10)], []) == CharacterScores(None, None, None)
    assert character_scores([], [a(0, 10)]) == CharacterScores(0.0, None, 0.0)
    assert precision_omega([a(0, 10)], []) is None


def test_precision_omega_worked_by_hand():
    """The chunks that hold the reference, whichever were retrieved."""
    # Reference 5-25 in chunks 0-10, 10-20 and 20-30: 20 / 30; 30-40 is not touched.
    chunks = [a(0, 10), a(10, 20), a(20, 30), a(30, 40), Span("b", 0, 30)]
    assert precision_omega(chunks, [a(5, 25)]) == pytest.approx(20 / 30)


def test_precision_omega_counts_what_chunks_share_once():
    """Overlapping chunks are no worse than one that is as long as both."""
    # Reference 8-12; chunks 0-10 and 5-15, together 0-15: 4 / 15.
    assert precision_omega([a(0, 10), a(5, 15)], [a(8, 12)]) == pytest.approx(4 / 15)


def test_precision_omega_takes_in_chunks_that_only_touch():
    """A reference that is a chunk by itself does not get 1 if chunks stand at both sides."""
    # 10 / 30, as in the report's code.
    assert precision_omega([a(0, 10), a(10, 20), a(20, 30)], [a(10, 20)]) == pytest.approx(1 / 3)


def test_precision_omega_counts_what_no_chunk_holds():
    """Text that chunking lost can never be found."""
    # Reference 0-20, chunk 10-20: 10 / 20; no chunk at all: 0 / 20.
    assert precision_omega([a(10, 20)], [a(0, 20)]) == 0.5
    assert precision_omega([], [a(0, 20)]) == 0.0


def test_precision_omega_of_the_whole_report_takes_seconds():
    """3,000 chunks and 472 questions, as in the report; a second here, five at most."""
    chunks = [Span(f"{n % 5}", n * 100, n * 100 + 150) for n in range(3_000)]
    started = time.perf_counter()
    for n in range(472):
        references = [Span(f"{n % 5}", n * 500 + 20, n * 500 + 300), Span(f"{n % 5}", n, n + 80)]
        assert precision_omega(chunks, references) is not None
    assert time.perf_counter() - started < 5


def test_needs_are_met_by_any_of_their_places():
    """Of three needs, the first is met at its second place, the last not at all."""
    needs = [[a(0, 5), a(50, 55)], [a(20, 25)], [a(70, 75)]]
    assert need_recall([a(24, 30), a(54, 60), a(75, 80)], needs) == pytest.approx(2 / 3)
    assert need_recall([], needs) == 0.0
    assert need_recall([a(0, 5)], []) is None


@given(some_spans, some_spans)
def test_lengths_are_those_of_sets_of_characters(one: list[Span], other: list[Span]):
    """Union and intersection, however the spans lie."""
    assert union_length(one) == len(characters(one))
    assert shared_length(one, other) == len(characters(one) & characters(other))


@given(some_spans, some_spans)
def test_scores_are_the_formulas_over_sets_of_characters(retrieved: list[Span], refs: list[Span]):
    """The definitions, written with a set of every character."""
    found = len(characters(retrieved) & characters(refs))
    wanted = sum(len(characters([span])) for span in refs)
    taken = sum(len(characters([span])) for span in retrieved)
    missed = sum(len(characters([span]) - characters(retrieved)) for span in refs)
    scores = character_scores(retrieved, refs)
    if not wanted:
        assert scores == CharacterScores(None, None, None)
        return
    assert scores.recall == pytest.approx(found / wanted)
    assert scores.precision == (pytest.approx(found / taken) if taken else None)
    assert scores.iou == pytest.approx(found / (taken + missed))


@given(some_spans, some_spans)
def test_precision_omega_is_its_formula_over_sets_of_characters(
    chunks: list[Span], refs: list[Span]
):
    """All characters of the touched chunks and of the references are the denominator."""
    omega = precision_omega(chunks, refs)
    touched = [chunk for chunk in chunks if any(chunk.touches(r) for r in refs)]
    everything = characters(touched) | characters(refs)
    if not characters(refs):
        assert omega is None
    else:
        found = characters(chunks) & characters(refs)
        assert omega == pytest.approx(len(found) / len(everything))


@given(some_spans, some_spans, st.randoms())
def test_scores_are_shares_whatever_the_order(retrieved: list[Span], refs: list[Span], random):
    """Bounds 0..1, and shuffling changes nothing."""
    scores = character_scores(retrieved, refs)
    omega = precision_omega(retrieved, refs)
    for share in (scores.recall, scores.precision, scores.iou, omega):
        assert share is None or 0.0 <= share <= 1.0
    random.shuffle(retrieved)
    random.shuffle(refs)
    assert character_scores(retrieved, refs) == scores
    assert precision_omega(retrieved, refs) == omega


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 9)), min_size=1, max_size=5))
def test_retrieving_just_the_references_is_perfect(gaps: list[tuple[int, int]]):
    """References that do not overlap, retrieved as they are: all scores are 1."""
    refs, end = [], 0
    for gap, length in gaps:
        refs.append(a(end + gap, end + gap + length))
        end = refs[-1].end
    assert character_scores(refs, refs) == CharacterScores(1.0, 1.0, 1.0)
    assert precision_omega(refs, refs) == 1.0
    assert need_recall(refs, [[span] for span in refs]) == 1.0
