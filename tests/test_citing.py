"""Sentences judged by what their quotes hold."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.citing import (
    drop_markers,
    echoes,
    joined_initials,
    markers,
    verify,
    weighed,
    with_markers,
    without_cited,
    without_markers,
)
from rag.schema import Verdict

from .found import evidence_of

BRIDGE = (
    "The Harwick Bridge was opened in 1932 after six years of work. "
    "It replaced a ferry that had carried farmers and their cattle across the Lune since 1801. "
    "The bridge was designed by Ada Morley, who never saw it finished."
)
TALKS = (
    "According to the Institute for International Studies, over 12 diplomatic meetings occurred "
    "between March and July 2025, including a rare joint press briefing in Geneva. "
    "Under Secretary of State Tom Shannon met with his Russian counterpart in Finland. "
    "Despite sanctions, energy ties have not collapsed entirely. "
    "Heather Nauert could neither confirm nor deny the accuracy of the report. "
    "Russia is not a top-five global economy. "
    "68% of global audiences view U.S.-Russia relations as a priority."
)
EVIDENCE = evidence_of(BRIDGE, TALKS)


def verdict_of(sentence: str, question: str = "What happened?") -> Verdict:
    """Return the verdict on a sentence by the two documents."""
    return verify(sentence, EVIDENCE, question=question).verdict


@pytest.mark.parametrize(
    "sentence",
    [
        "The Harwick Bridge was opened in 1932.",
        "The Harwick Bridge was opened in 1932 after 6 years of work.",
        "Ada Morley designed the bridge but never saw it finished.",
        "A ferry had carried farmers and their cattle across the Lune since 1801.",
        "Over twelve diplomatic meetings occurred between March and July 2025.",
        "Tom Shannon met his Russian counterpart in Finland.",
        "Energy ties have not collapsed entirely.",
        "Heather Nauert could neither confirm nor deny the report's accuracy.",
        "Russia isn’t a top-five global economy.",
        "68 percent of global audiences view US-Russia relations as a priority.",
    ],
)
def test_a_paraphrase_that_keeps_the_words_is_supported(sentence: str):
    """In another order, with numbers and initials in another form."""
    assert verdict_of(sentence) == "supported"


@pytest.mark.parametrize(
    "sentence",
    [
        "The Harwick Bridge was opened in 1923 after six years of work.",
        "The Harwick Bridge was opened in 1932 after seven years of work.",
        "The Harwick Bridge was opened in 1932 after 60 years of work.",
        "The Harwick Bridge was opened in 1932 by King George after six years of work.",
        "The Hartwell Bridge was opened in 1932 after six years of work.",
        "The bridge was designed by Eve Morley, who never saw it finished.",
        "Over 15 diplomatic meetings occurred between March and July 2025.",
        "Over 12 diplomatic meetings occurred between March and August 2025.",
        "Over 12 diplomatic meetings occurred between March and July 2024.",
        "Under Secretary of State Tom Shannon met with his Russian counterpart in Sweden.",
        "Under Secretary of State Tom Shannon met with his Chinese counterpart in Finland.",
        "Secretary Blinken met with his Russian counterpart in Finland.",
        "86% of global audiences view U.S.-Russia relations as a priority.",
    ],
)
def test_a_swapped_number_or_name_is_never_supported(sentence: str):
    """Though all the other words stand in the quote."""
    assert verdict_of(sentence) != "supported"


@pytest.mark.parametrize(
    "sentence",
    [
        "Despite sanctions, energy ties have collapsed entirely.",
        "Russia is a top-five global economy.",
        "Tom Shannon refused to meet with his Russian counterpart in Finland.",
        "Heather Nauert could confirm the accuracy of the report.",
    ],
)
def test_a_denial_added_or_removed_is_never_supported(sentence: str):
    """A sentence denies exactly when its quote does."""
    assert verdict_of(sentence) != "supported"


@pytest.mark.parametrize(
    "sentence",
    [
        "The mayor thanked the mayor of Lune for the bridge.",
        "Ann Holt thanked Ann Holt for the bridge.",
        "Bern regrets the delay of the bridge.",
        "Full repair of the bridge is expected soon.",
        "Bern raised the tolls of the bridge.",
    ],
)
def test_a_name_in_the_place_of_another_is_never_supported(sentence: str):
    """Nor one that does for two, nor what is unlikely taken for likely."""
    told = (
        "She thanked Ann Holt for the bridge. Oslo regrets the delay of the bridge, and so does "
        "Ann Holt. Full repair of the bridge is unlikely soon. Oslo lowered the tolls of the "
        "bridge. Bern is a city."
    )
    question = "What do Bern and the mayor of Lune and Ann Holt expect?"
    assert verify(sentence, evidence_of(told), question=question).verdict != "supported"


@pytest.mark.parametrize(
    ("sentence", "supported"),
    [
        ("Margins in 2016 and 2018 were 33.4 and 32.2 percent, respectively.", True),
        ("Margins in 2018 and 2016 were 32.2 and 33.4 percent, respectively.", True),
        ("Margins in 2016 and 2018 were 32.2 and 33.4 percent, respectively.", False),
        ("Margins in 2018 and 2016 were 33.4 and 32.2 percent, respectively.", False),
    ],
)
def test_numbers_given_to_others_than_their_own_are_never_supported(
    sentence: str, *, supported: bool
):
    """Though each of them stands in the quote."""
    told = "Margins were 32.2 percent and 33.4 percent in 2018 and 2016, respectively."
    question = "What were the margins in 2016 and 2018?"
    verdict = verify(sentence, evidence_of(told), question=question).verdict
    assert (verdict == "supported") is supported


def test_a_name_beside_one_of_the_quote_is_never_supported():
    """What is said of one of two is not said of both."""
    told = "Holt has to pay for the bridge within five years."
    sentence = "Holt and Reed have to pay for the bridge within five years."
    evidence = evidence_of(f"{told} Reed owns a dam.")
    support = verify(sentence, evidence, question="Do Holt and Reed have to pay for the bridge?")
    assert support.verdict != "supported"


@pytest.mark.parametrize(
    "sentence",
    [
        "The Harwick Bridge was opened in 1951 by the mayor of Lune.",
        "The bridge of Harwick was painted green by volunteers from Kendal.",
        "Ada Morley led the museum until 2012.",
    ],
)
def test_a_quote_of_another_document_never_supports_a_sentence(sentence: str):
    """Though it says the same of something else, and the right document is there, too."""
    others = (
        "The Anders Bridge was opened in 1951 by the mayor of Lune.",
        "The Anders Bridge was painted green by volunteers from Kendal.",
        "Anna Keller led the museum until 2012.",
    )
    evidence = evidence_of(*others, BRIDGE)
    question = "What do you know of the Harwick Bridge and Ada Morley?"
    assert verify(sentence, evidence, question=question).verdict != "supported"


def test_what_a_second_quote_says_of_somebody_else_is_not_supported():
    """Ghazan is no grandson because Batu is one."""
    told = (
        "Hulagu's descendant Ghazan Khan would beat the Egyptian Mamluks right out of Palestine.",
        "In 1237 Batu Khan, a grandson of Genghis Khan, invaded Rus.",
    )
    sentence = "Ghazan Khan, a grandson of Genghis Khan, beat the Mamluks out of Palestine."
    question = "Which of Genghis Khan's descendants beat the Mamluks?"
    assert verify(sentence, evidence_of(*told), question=question).verdict != "supported"


def test_a_pronoun_may_stand_for_a_name_around_it():
    """As long as no name of the quote is put aside."""
    told = "Ann Holt is the mayor of Lune. She thanked Bern for the bridge."
    support = verify(
        "Ann Holt thanked Bern for the bridge.",
        evidence_of(told),
        question="Whom did Ann Holt thank?",
    )
    assert support.verdict == "supported"


@pytest.mark.parametrize(
    ("sentence", "question", "echo"),
    [
        ("Moscow cites the joint mission.", "Which joint mission does Moscow cite?", True),
        ("Moscow cites the moon mission.", "Which joint mission does Moscow cite?", False),
        ("The bridge was closed.", "Was the bridge closed?", False),
        ("They met 5 times.", "How many times did they meet?", False),
        ("The bridge.", "What is closed, the bridge or the road?", False),
        ("The road lies west of route 41.", "Which road lies west of route 41?", True),
        ("Lune", "In which town do those who left Lune meet?", True),
    ],
)
def test_what_repeats_a_question_that_asks_for_something_is_an_echo(
    sentence: str, question: str, *, echo: bool
):
    """A question for yes or no may be answered by its own words."""
    assert echoes(sentence, question) is echo


def test_a_reading_with_the_quotes_lowers_a_verdict_and_never_raises_it():
    """Log-odds: much alike, somewhat, not at all."""
    supported = verify(EVIDENCE[0].text, EVIDENCE, question="What happened?")
    assert weighed(supported, 9.0) == supported
    assert weighed(supported, 3.0).verdict == "partial"
    assert weighed(supported, 3.0).evidence == supported.evidence
    assert weighed(supported, 0.0).verdict == "unsupported"
    assert weighed(weighed(supported, 3.0), 9.0).verdict == "partial"


def test_initials_are_joined_where_the_texts_have_them_so():
    """A model writes "U. S.", its source "U.S."; those of persons are let be."""
    said = "The U. S. Army met J. R. Smith."
    assert joined_initials(said, ["the U.S. Army"]) == "The U.S. Army met J. R. Smith."


def test_each_sentence_is_quoted_from_where_it_stands():
    """The quote is the very sentence, of the right document."""
    for item in EVIDENCE:
        support = verify(item.text, EVIDENCE, question="What happened?")
        assert (support.verdict, support.evidence) == ("supported", (item,))


def test_words_of_an_unrelated_quote_support_nothing():
    """One shared word is no support."""
    assert verdict_of("Elephants have carried tourists through Namibia since 2011.") == (
        "unsupported"
    )
    assert (
        verify("It is a bridge.", evidence_of("Rice grows in water."), question="").evidence == ()
    )


def test_repeating_the_question_is_no_answer():
    """Its words are free, but not enough."""
    question = "Which orchestra toured Japan with its conductor?"
    assert verdict_of("The orchestra toured Japan with its conductor.", question) == "unsupported"


def test_nothing_said_is_unsupported():
    """No words, no evidence: no support."""
    assert verdict_of("") == verdict_of("It was so.") == verdict_of("…") == "unsupported"
    assert verify("The bridge was opened.", [], question="").verdict == "unsupported"


def test_a_sentence_that_joins_two_facts_has_two_quotes():
    """Each holds a part of it."""
    sentence = (
        "The Harwick Bridge was opened in 1932 and replaced a ferry that had carried farmers "
        "and their cattle across the Lune."
    )
    support = verify(sentence, EVIDENCE, question="What is the Harwick Bridge?")
    assert support.verdict == "supported"
    assert {e.text for e in support.evidence} == {EVIDENCE[0].text, EVIDENCE[1].text}


def test_a_name_of_the_question_may_stand_around_the_quote():
    """The "it" of a quote is what its passage is about."""
    question = "What did the Harwick Bridge replace?"
    sentence = "The Harwick Bridge replaced a ferry that had carried farmers across the Lune."
    assert verify(sentence, EVIDENCE, question=question).verdict == "supported"
    other = "The Tower Bridge replaced a ferry that had carried farmers across the Lune."
    assert verify(other, EVIDENCE, question=question).verdict != "supported"


vocabulary = "the Harwick bridge was not opened in 1932 1933 six twelve Ada never Russia . [1]"
words_of_ours = st.sampled_from(vocabulary.split())
claims = st.lists(words_of_ours, max_size=12).map(" ".join) | st.text(max_size=60)


@given(claims, st.lists(claims, max_size=4), claims)
def test_support_is_always_consistent(sentence: str, texts: list[str], question: str):
    """Evidence comes with a verdict, from what was given, and covers a share."""
    evidence = evidence_of(*texts)
    support = verify(sentence, evidence, question=question)
    assert set(support.evidence) <= set(evidence)
    assert bool(support.evidence) == (support.verdict != "unsupported")
    assert len(support.evidence) <= 2
    assert 0.0 <= support.coverage <= 1.0


@given(st.integers(2, 9_999), st.integers(2, 9_999))
def test_no_other_number_is_ever_supported(true: int, told: int):
    """Whatever the two numbers are."""
    evidence = evidence_of(f"The factory in Kendal employs {true} people in three halls.")
    sentence = f"The factory in Kendal employs {told:,} people in three halls."
    verdict = verify(sentence, evidence, question="How many people work there?").verdict
    assert (verdict == "supported") == (told in (true, 3))


@given(st.text(max_size=40), st.lists(st.integers(1, 999), max_size=4))
def test_markers_make_a_round_trip(text: str, numbers: list[int]):
    """What is written after a sentence is read again, and nothing else is."""
    plain = without_markers(text)
    assert markers(plain) == []
    assert markers(with_markers(plain, numbers)) == numbers


def test_markers_of_a_source_are_made_harmless():
    """They stay readable, and point at nothing."""
    assert without_markers("It rose [3], then fell [12][13].") == "It rose (3), then fell (12)(13)."
    assert without_markers("a[i] and [note] stay") == "a[i] and [note] stay"


@pytest.mark.parametrize("number", ["7", "12", "2024", "123456"])
def test_no_number_in_brackets_survives(number: str):
    """However long it is, what a document has in brackets is no marker of ours."""
    text = f"The report [{number}] says so."
    assert "[" not in without_markers(text)
    assert drop_markers(text) == "The report says so."


@pytest.mark.parametrize("space", [" ", "\n", "\t", "\u3000"])
def test_long_white_space_takes_time_in_proportion(space: str):
    """And is left as it is, where nothing cited follows it."""
    started = time.monotonic()
    long = space * 50_000
    assert without_cited(f"It rose{long}twice{long}[1].", known=()) == f"It rose{long}twice."
    # Some hundredths of a second; minutes, were it the square of the length.
    assert time.monotonic() - started < 20
