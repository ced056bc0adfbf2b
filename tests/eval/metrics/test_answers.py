"""Answers against gold answers: what is equal, how much is shared, what is held."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.metrics.answers import exact_match, gold_in_text, normalise, token_f1

words = st.sampled_from(
    ["the", "a", "cat", "Cat", "12", "2012", "1,000", "68%", "—", "U.S.", "12.5"]
)
texts = st.lists(words, max_size=6).map(" ".join)
golds = st.lists(st.lists(texts, min_size=1, max_size=2), min_size=1, max_size=3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The  Cat,\n sat on a mat!", "cat sat on mat"),
        ("theatre another ant", "theatre another ant"),
        ("1,000 men", "1000 men"),
        ("$1,577.00", "1577.00"),
        ("costs 12.5.", "costs 12.5"),
        ("€ 5", "5"),
        ("68%", "68"),
        ("“Tesla’s” «first»", "teslas first"),
        ("2010–2012", "20102012"),
        ("rain—or snow — fell", "rain or snow fell"),
        ("ﬁne ½ m²", "fine 12 m2"),
        ("日本。", "日本"),
        ("The", ""),
    ],
)
def test_normalisation(text: str, expected: str):
    """Case, punctuation, articles, white space and compatible characters do not count."""
    assert normalise(text) == expected


def test_curly_and_plain_marks_are_the_same():
    """Whether quotes, apostrophes and dashes are those of a typesetter or a typewriter."""
    assert normalise("“it’s 3–4”") == normalise('"it\'s 3-4"')


def test_a_decimal_point_makes_another_number():
    """12.5 is not 125, though SQuAD's script takes it so."""
    assert exact_match("12.5", [["125"]]) == 0.0
    assert exact_match("12.5%", [["12.5"]]) == 1.0


def test_exact_match_is_of_the_whole_text():
    """One of the alternatives, all of it, and no more."""
    answers = [["Eiffel Tower"], ["La tour Eiffel"]]
    assert exact_match("the Eiffel tower.", answers) == 1.0
    assert exact_match("La Tour Eiffel", answers) == 1.0
    assert exact_match("It is the Eiffel Tower", answers) == 0.0
    assert exact_match("", answers) == 0.0


def test_parts_are_joined_in_their_order():
    """An answer of two parts matches the text that says both and nothing else."""
    assert exact_match("Bern, Zürich", [["Bern", "Zürich"]]) == 1.0
    assert exact_match("Bern", [["Bern", "Zürich"]]) == 0.0
    # One of one said, one of two wanted: 2 * 1 / (1 + 2).
    assert token_f1("Bern", [["Bern", "Zürich"]]) == pytest.approx(2 / 3)


def test_f1_worked_by_hand():
    """Five tokens said, four wanted, three of them the same."""
    # said: old cat sat on mat; gold: cat lay on mat -> same: cat, on, mat
    # precision 3/5, recall 3/4, F1 = 2 * 0.6 * 0.75 / 1.35 = 0.6667
    assert token_f1("The old cat sat on a mat.", [["A cat lay on the mat"]]) == pytest.approx(
        2 * 0.6 * 0.75 / 1.35
    )


def test_f1_counts_repeats():
    """A token said twice is right once if it is wanted once."""
    # same 1, precision 1/2, recall 1: 2 * 0.5 * 1 / 1.5
    assert token_f1("no no", [["no"]]) == pytest.approx(2 / 3)


def test_f1_takes_the_best_alternative():
    """2/3 for the first, 1 for the second."""
    assert token_f1("John Smith", [["Smith"], ["john smith"]]) == 1.0
    assert token_f1("Jane", [["Smith"], ["john smith"]]) == 0.0


def test_f1_of_no_tokens():
    """As in SQuAD 2.0: 1 if both have none, else 0."""
    assert token_f1("the", [["A"]]) == 1.0
    assert token_f1("the", [["cat"]]) == 0.0
    assert token_f1("cat", [["A"]]) == 0.0


@pytest.mark.parametrize(
    ("text", "gold", "held"),
    [
        ("in 2012", "12", False),
        ("on 12 May", "12", True),
        ("some 1000 men", "1,000", True),
        ("some 1,000 men", "000", False),
        ("some 1,000 men", "1", False),
        ("12.5 million", "12", False),
        ("the king of the Franks", "king of Franks", True),
        ("Franks of king", "king of Franks", False),
        ("from 2010–2012 on", "2012", True),
        ("Tesla’s first", "Tesla", True),
        ("a three-year plan", "three year", True),
        ("the U.S. army", "US", True),
        ("catalogue", "cat", False),
        ("", "cat", False),
    ],
)
def test_containment_is_of_whole_tokens(text: str, gold: str, held: bool):
    """A gold answer is found wherever its tokens stand in a row, and not inside of others."""
    assert gold_in_text(text, [[gold]]) == float(held)


def test_all_parts_of_one_alternative_must_be_there():
    """Anywhere in the text; halves of two alternatives are no answer."""
    answers = [["Bern", "Zürich"], ["Basel", "Genf"]]
    assert gold_in_text("Zürich is larger than Bern.", answers) == 1.0
    assert gold_in_text("Basel and Genf", answers) == 1.0
    assert gold_in_text("Bern and Basel", answers) == 0.0


def test_what_cannot_be_looked_for_is_left_out():
    """An answer that is nothing but an article or a sign would be in every text."""
    assert gold_in_text("the blood group", [["A"]]) is None
    assert gold_in_text("the blood group", [["A"], ["group A"]]) == 1.0
    assert gold_in_text("the blood", [["?", "group"], ["group"]]) == 0.0


def test_without_gold_nothing_applies():
    """None, not 0."""
    for measure in (exact_match, token_f1, gold_in_text):
        assert measure("some text", []) is None
    assert gold_in_text("some text", [[]]) is None


@given(texts)
def test_normalising_again_changes_nothing(text: str):
    """The form is stable."""
    assert normalise(normalise(text)) == normalise(text)


@given(texts, golds)
def test_scores_are_shares_in_step(text: str, answers: list[list[str]]):
    """Bounds 0..1; a text that is an answer has F1 1 and holds it."""
    f1, exact = token_f1(text, answers), exact_match(text, answers)
    assert f1 is not None
    assert exact is not None
    assert 0.0 <= exact <= f1 <= 1.0
    if exact and normalise(text):
        assert f1 == 1.0


@given(texts, golds, st.randoms())
def test_the_order_of_alternatives_does_not_count(text: str, answers: list[list[str]], random):
    """Any of them is right."""
    before = [measure(text, answers) for measure in (exact_match, token_f1, gold_in_text)]
    random.shuffle(answers)
    assert [measure(text, answers) for measure in (exact_match, token_f1, gold_in_text)] == before


@given(texts, texts.filter(normalise), texts)
def test_a_gold_answer_is_found_in_what_surrounds_it(before: str, gold: str, after: str):
    """Whatever words stand around it."""
    assert gold_in_text(f"{before} {gold} {after}", [[gold]]) == 1.0
    assert exact_match(gold, [["something else"], [gold]]) == 1.0
