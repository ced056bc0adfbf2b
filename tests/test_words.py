"""Words, terms, numbers, names and negations."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.words import (
    STOP_WORDS,
    content_words,
    fold,
    names,
    negations,
    numbers,
    stem,
    terms,
    words,
)


def full_text_terms(text: str) -> list[str]:
    """Return the terms that a real FTS5 index makes of a text, in order."""
    connection = sqlite3.connect(":memory:")
    connection.execute(
        "CREATE VIRTUAL TABLE t USING fts5(x, tokenize='porter unicode61 remove_diacritics 2')"
    )
    connection.execute("CREATE VIRTUAL TABLE v USING fts5vocab(t, 'instance')")
    connection.execute("INSERT INTO t VALUES (?)", (text,))
    rows = connection.execute("SELECT term FROM v ORDER BY offset").fetchall()
    connection.close()
    return [row[0] for row in rows]


ENGLISH = """relations relating relational conditional possibly incredibly assembly disassembly
    technology technologies biology apology terminology plausibly doubly bubbly family flies dies
    die tie agreed agreement feed sanctions sanctioned normalization normalizing hopping hoped
    controlling generalizations oscillators hopefulness formaliti sensibiliti triplicate
    effective effectiveness irritants replacement adjustable probate cease rate roll happy sky
    as us vs is os a1 2025 g20 running-shoes café naïve zürich straße łódź smörgåsbord""".split()


def test_terms_are_those_of_the_full_text_index():
    """Each word of a mixed vocabulary gets the term that FTS5 gives it."""
    for word in ENGLISH:
        for part in word.split("-"):
            assert [stem(fold(part))] == full_text_terms(part), part


def test_the_words_of_the_seeds_have_the_terms_of_the_full_text_index(seeds: Path):
    """Counts from the index can be used for every term of real text, initials apart."""
    for path in seeds.glob("*.txt"):
        text = path.read_text(encoding="utf-8").replace("U.S.", "")
        indexed = set(full_text_terms(text))
        assert set(terms(text)) <= indexed, path.name


@given(st.from_regex(r"[a-z]{3,12}", fullmatch=True))
def test_any_english_looking_word_is_stemmed_to_something_shorter_or_equal(word: str):
    """A stem is never empty and never much longer than its word."""
    assert 0 < len(stem(word)) <= len(word) + 1


@given(st.text(max_size=80))
def test_any_text_has_words_that_stand_in_it(text: str):
    """Words come in order and are stretches of the text."""
    position = 0
    for word in words(text):
        position = text.index(word, position) + len(word)


@given(st.text(max_size=80))
def test_nothing_breaks_on_any_text(text: str):
    """Every reading of a text works on every text, and no term is empty."""
    assert all(terms(text))
    assert all(content_words(text))
    assert all(names(text))
    assert all(numbers(text))
    assert negations(text) >= 0


def test_stop_words_and_contractions_carry_no_meaning():
    """Function words vanish, with either apostrophe."""
    assert list(terms("Who's there? They don't, it isn't, I’m not.")) == ["not"]
    assert content_words("What is it that you were doing?") == []


def test_a_possessive_is_looked_up_as_its_word():
    """A question about "Russia's role" finds "Russia"."""
    assert content_words("What is Russia’s role?") == ["russia", "role"]
    assert terms("the allies' aims") == terms("ally aim")


def test_compounds_are_taken_apart_and_initials_kept_together():
    """Both "U.S." and "US" are one term; a hyphen joins two."""
    assert set(terms("U.S.-Russia relations")) == set(terms("US-Russia relation"))
    assert content_words("U.S. face-to-face") == ["u.s", "face", "face"]


def test_us_in_capitals_is_a_country_and_us_is_a_pronoun():
    """Capitals tell "US" from "us", "WHO" from "who"; not in a text all in capitals."""
    assert list(terms("They told us about the US")) == [*terms("told"), "us"]
    assert list(terms("Who leads the WHO?")) == ["lead", "who"]
    assert list(terms("WHO ARE WE")) == []


def test_a_single_letter_is_a_term():
    """Vitamin D is not just any vitamin."""
    assert list(terms("vitamin D")) == ["vitamin", "d"]


def test_diacritics_of_latin_letters_are_folded_and_those_of_others_kept():
    """As the full-text index does it: é is e, but й is not и."""
    assert fold("Zelenský’s CAFÉ") == "zelensky's cafe"
    assert fold("Йод Ελλάδας") == "йод ελλάδασ"


@pytest.mark.parametrize(
    "text", ["Привет, мир!", "Ελλάδα ΟΔΥΣΣΕΥΣ", "مرحبا بالعالم", "한국어 문장"]
)
def test_scripts_with_spaces_have_the_terms_of_the_full_text_index(text: str):
    """Cyrillic, Greek, Arabic and Korean words are words."""
    assert list(terms(text)) == full_text_terms(text)


def test_chinese_and_japanese_become_pairs_of_characters():
    """A run without spaces shares terms with a shorter run inside it."""
    assert words("中文测试。你好") == ["中文测试", "你好"]
    assert set(terms("文测")) <= set(terms("中文测试"))
    assert list(terms("東")) == ["東"]


def test_indic_words_keep_their_vowel_signs():
    """A Hindi word is one word, not its consonants."""
    assert words("हिन्दी में किताब") == ["हिन्दी", "में", "किताब"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,000 or 1000 or one thousand", {"1000"}),
        ("12, twelve, a dozen", {"12"}),
        ("3.50 is 3.5", {"3.5"}),
        (".5", {"0.5"}),
        ("68% or 68 percent", {"68"}),
        ("$5 million", {"5000000"}),
        ("2.5 billion", {"2500000000"}),
        ("five million", {"5000000"}),
        ("twenty-five", {"25"}),
        ("two hundred and six", {"206"}),
        ("three hundred fifty thousand", {"350000"}),
        ("six million two hundred thousand", {"6200000"}),
        ("1, 2 and 3", {"1", "2", "3"}),
        ("two and three", {"2", "3"}),
        ("10 11 12", {"10", "11", "12"}),
        ("2024–2025", {"2024", "2025"}),
        ("the 1990s", {"1990"}),
        ("12/05/2020", {"12", "5", "2020"}),
        ("version 1.2.3", {"1.2.3"}),
        ("the G20 summit", {"20"}),
        ("their third meeting, the 3rd", {"3"}),
        ("the twenty-first century, the 21st", {"21"}),
        ("one embassy", {"1"}),
        ("one of them, and no one, and the one who left", set()),
        ("half of them", {"0.5"}),
        ("٤٥", {"45"}),
        ("007", {"7"}),
        ("0", {"0"}),
        ("no number", set()),
    ],
)
def test_numbers_are_the_same_in_digits_and_in_words(text: str, expected: set[str]):
    """However a number is written, it is the same plain digits."""
    assert numbers(text) == expected


@given(st.integers(0, 10**12))
def test_grouping_commas_change_no_number(value: int):
    """12,345 is 12345."""
    assert numbers(f"{value:,}") == numbers(str(value)) == {str(value)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The spokeswoman Heather Nauert spoke.", {"heather", "nauert"}),
        ("Obama met Putin.", {"obama", "putin"}),
        ("According to NATO, talks failed.", {"nato"}),
        ("Additionally, talks in Finland failed.", {"finland"}),
        ("They asked BuzzFeed and eBay.", {"buzzfeed", "ebay"}),
        ("the Russia-led and US-Russia talks", {"russia", "us"}),
        ("The U.S. and the US", {"us"}),
        ("Trump’s meeting", {"trump"}),
        ("It was I who left in May", {"may"}),
        ("then Élodie came", {"elodie"}),
        ("no names here", set()),
    ],
)
def test_names_are_the_words_with_capitals(text: str, expected: set[str]):
    """The first word counts too, unless it is a usual opener."""
    assert names(text) == expected


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("It did not work", 1),
        ("It didn’t work", 1),
        ("She couldn't", 1),
        ("without help", 1),
        ("They could neither confirm nor deny it", 3),
        ("not only unwise but dangerous", 0),
        ("No. 5 is alive", 0),
        ("It failed", 1),
        ("It works", 0),
        ("a notable nod from Norway", 0),
    ],
)
def test_negations_are_counted(text: str, count: int):
    """Words that deny count; "not only" and "No. 5" deny nothing."""
    assert negations(text) == count


def test_stop_words_are_folded():
    """A stop word that is not as fold() leaves it would never be met."""
    assert all(fold(word) == word for word in STOP_WORDS)
