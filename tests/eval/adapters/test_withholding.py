"""Questions whose documents are hidden: which they are, and what is left of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eval.adapters.withholding import withhold_documents
from eval.cases import Case, Evidence
from rag import Turn


def case(name: str, *documents: str) -> Case:
    """Return a case that rests on the documents."""
    places = tuple(Evidence(document=name, quote="1931") for name in documents)
    return Case(id=name, question="When?", answers=(("1931",),), evidence=places)


CASES = [case(f"q{n}", "a.txt") for n in range(1000)]
seeds = st.integers(0, 2**32)


def drawn(cases: list[Case], share: float, seed: int) -> set[str]:
    """Return the ids of the withheld cases."""
    return {c.id for c in withhold_documents(cases, share, seed) if not c.answerable}


def test_what_is_left_of_a_withheld_case() -> None:
    """The question as it was asked; each of its documents hidden once, no answer, a tag."""
    whole = Case(
        id="q",
        question="And then?",
        answers=(("1931",),),
        evidence=(
            Evidence(document="b/01.txt", quote="in 1931"),
            Evidence(document="a.pdf", page=3),
            Evidence(document="b/01.txt", quote="May 1931"),
        ),
        history=(Turn("When was it begun?", "In 1929."),),
        tags=("dates",),
        without=("old.txt",),
    )
    assert withhold_documents([whole], 1.0, 0) == (
        Case(
            id="q",
            question="And then?",
            answerable=False,
            history=(Turn("When was it begun?", "In 1929."),),
            tags=("dates", "withheld"),
            without=("old.txt", "b/01.txt", "a.pdf"),
        ),
    )


def test_cases_without_evidence_stay() -> None:
    """Nothing says what to hide from them, or they are unanswerable already."""
    answered = Case(id="a", question="When?", answers=(("1931",),))
    unanswerable = Case(id="b", question="Why?", answerable=False)
    assert withhold_documents([answered, unanswerable], 1.0, 0) == (answered, unanswerable)


def test_the_share_is_about_right() -> None:
    """Of 1000 cases and a share of 0.2, 200 are expected, give or take 13 (one deviation)."""
    for seed in range(5):
        assert 150 < len(drawn(CASES, 0.2, seed)) < 250


def test_seeds_draw_different_cases() -> None:
    """Else a second seed would be no second sample."""
    assert drawn(CASES, 0.2, 0) != drawn(CASES, 0.2, 1)


def test_the_same_seed_always_draws_the_same() -> None:
    """In every process and version: SHA-256 of "7:q0" starts with 0xdb, of "7:q5" with 0x57.

    0xdb / 256 = 0.86 is not below the share of 0.5; 0x57 / 256 = 0.34 is.
    """
    assert drawn([case("q0", "a.txt"), case("q5", "a.txt")], 0.5, 7) == {"q5"}


@given(seed=seeds, first=st.integers(0, 900), share=st.floats(0, 1))
def test_other_cases_do_not_matter(seed: int, first: int, share: float) -> None:
    """A part of the cases has withheld what the whole has in that part."""
    part = CASES[first : first + 50]
    assert drawn(part, share, seed) == drawn(CASES, share, seed) & {c.id for c in part}


@given(seed=seeds, shares=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_a_larger_share_withholds_more(seed: int, shares: tuple[float, float]) -> None:
    """What a smaller share withholds, a larger one does too; 0 is none and 1 is all."""
    small, large = sorted(shares)
    assert drawn(CASES, small, seed) <= drawn(CASES, large, seed)
    assert not drawn(CASES, 0.0, seed)
    assert len(drawn(CASES, 1.0, seed)) == len(CASES)
