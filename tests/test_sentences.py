"""Where sentences end."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rag.sentences import split_sentences


def sentences(text: str) -> list[str]:
    """Return the sentences of a text as they stand there, on one line each."""
    return [" ".join(text[start:end].split()) for start, end in split_sentences(text)]


@pytest.mark.parametrize(
    "text",
    [
        "The U.S. Army came.|Mr. Smith left.|He wrote No. 5 in 1990.|J. K. Rowling agrees.",
        "We met at 5 p.m. on Friday.|It ended at 6 p.m.|Then we left.",
        "He lives in the U.S.|He works there.|The U.S. is large.",
        "Smith et al. found it.|See e.g. the book, i.e. this.|Dr. Jones met Mrs. Hill.",
        "Sen. Warren met Gov. Brown on Jan. 5.|St. Petersburg is large.",
        "He has a Ph.D. in physics.|U.N. officials came to Washington, D.C. in May.",
        "Apple Inc. reported a loss.|The company, Apple Inc., fell.",
        "Figs. 3 and 4 show it, cf. Smith vs. Jones.|See vol. 3, pp. 4-5.",
        "It rose to 3.5 million.|Version 2.0.1 of Node.js is out at www.example.com.|Good.",
        "“We are sorry,” he said.|“We go.”|They went.|(It was late.)|Good.",
        "“Stop!” he cried.|“Go!”|'Is it?' she asked.",
        "Yahoo! said so.|Really?!|Yes.",
        "He waited...|Then he left.",
        "He waited... and left.|She waited… too.",
        "Is it?|No.|I do not know.|No.|It is not.",
        "1. First item.|2. Second item.",
        "(a) One.|(b) Two.",
        "It rose by 5%.[3]|The next year it fell.[4][5]|Good.",
        "The end.|iPhone sales rose.|eBay fell.",
        "all in small letters.|nobody cares.|do they?|no.",
        "Born c. 1500, he died in 1560.|He was c. 60.",
    ],
)
def test_english_sentences(text: str):
    """Abbreviations, initials, quotes, numbers and dots inside end no sentence."""
    expected = text.split("|")
    assert sentences(" ".join(expected)) == expected


def test_a_missing_space_hides_no_end():
    """Text from the web often lost the space after a stop."""
    assert sentences("They met in May.The talks failed.") == [
        "They met in May.",
        "The talks failed.",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "中文句子。|第二句！|第三句？",
        "これは文です。|「次の文です。」|終わり",
        "यह एक वाक्य है।|दूसरा वाक्य है।|तीसरा?",
        "هل هذا سؤال؟|نعم.|هذا جواب.",
        "Это предложение.|А это второе!|И т. д.",
    ],
)
def test_sentences_of_other_scripts(text: str):
    """Their own signs end a sentence, with or without a space after them."""
    expected = text.split("|")
    joint = "" if text[0] in "中こ" else " "
    assert sentences(joint.join(expected)) == expected


def wrap(text: str, width: int) -> str:
    """Return a text with its lines broken at a width."""
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return "\n".join([*lines, line])


PROSE = [
    "It was the best kept secret of the valley that the mill had not turned for eleven years.",
    "Nobody spoke of it at table.",
    "The miller, whose name was Anselm Grieve, went up every morning with his lantern, and the "
    "village counted the steps of his boots on the frozen road until they could not hear him.",
    "When he came back there was flour on his sleeves.",
    "Who had ground it?",
]


@pytest.mark.parametrize("width", [50, 60, 70, 72, 80, 100])
def test_a_sentence_goes_on_over_wrapped_lines(width: int):
    """A novel wrapped at any usual width has the sentences it would have on one line."""
    assert sentences(wrap(" ".join(PROSE), width)) == PROSE


def test_wrapped_paragraphs_stay_apart():
    """A blank line ends a sentence though no stop does."""
    text = wrap(" ".join(PROSE[:3]), 70) + "\n\nThe End\n\n" + wrap(" ".join(PROSE[3:]), 70)
    assert sentences(text) == [*PROSE[:3], "The End", *PROSE[3:]]


def test_an_address_that_sticks_out_does_not_stop_the_wrapping():
    """One long word sets no width for the lines around it."""
    address = "https://example.org/" + "a" * 90
    text = wrap(" ".join([PROSE[2], address, PROSE[0]]), 70)
    assert sentences(text)[0].startswith("The miller")
    assert sentences(text)[-1].endswith("turned for eleven years.")
    assert len(sentences(text)) <= 2


def test_one_paragraph_a_line_joins_no_lines():
    """Where each line is a paragraph, a line without a stop stays apart from the next."""
    text = "Details of the Proposals\nRussia has put forward new proposals on energy\nMoscow agreed"
    assert sentences(text) == text.split("\n")


def test_facts_of_equal_length_stay_apart():
    """One fact a line, with or without a full stop."""
    facts = [f"City number {n} has its own mayor and about {n}00,000 people" for n in range(10, 40)]
    assert sentences("\n".join(facts)) == facts
    assert sentences(".\n".join(facts)) == [f"{f}." for f in facts[:-1]] + facts[-1:]


def test_list_items_and_table_rows_stay_apart():
    """An item begins a line, even when the line above is full."""
    items = [f"- the item with number {n} is as long as all of the others here" for n in range(5)]
    assert sentences("\n".join(items)) == items
    table = "| Name | Born |\n| --- | --- |\n| Ada Lovelace | 1815 |"
    assert sentences(table) == table.split("\n")


def test_a_wrapped_list_item_is_one_sentence():
    """Its second line belongs to it."""
    text = (
        "- the first of the items is far too long to stand on one line of\n"
        "  this width, so it goes on in a second\n- the next one is short\n"
    )
    assert len(sentences(text)) == 2


def test_lines_of_a_poem_stay_apart():
    """Short lines are no wrapped lines."""
    poem = "The road goes up\nand then goes down,\nand nobody knows\nthe way to town"
    assert sentences(poem) == poem.split("\n")


def test_a_sentence_without_an_end_is_cut():
    """At most 600 characters, after a clause or a word where there is one."""
    clauses = ", ".join(["and so the list of names goes on"] * 60)
    parts = sentences(clauses)
    assert max(map(len, parts)) <= 600
    assert all(part.endswith(",") for part in parts[:-1])
    assert all(len(part) <= 600 for part in sentences("x" * 2000))


pieces = st.sampled_from(
    "word Word WORD U.S. p.m. e.g. Mr. No. 5 3.5 . ! ? … ... “ ” \" ' ( ) [1] 。 ！ । ؟ 中文 é İ "
    "www.a.b - * | # 1. ( The a I".split()
)
separators = st.sampled_from(["", " ", " ", "\n", "\n\n", "  ", "\t", "\n \n"])
structured = st.lists(st.tuples(pieces, separators), max_size=60).map(
    lambda parts: "".join(piece + separator for piece, separator in parts)
)


@given(st.text(max_size=300) | structured)
@example("")
@example(" \n ")
@example("a" * 5000)
@example("No. " * 400)
def test_sentences_tile_any_text(text: str):
    """In order, none empty, none beginning or ending in space, and only space between them."""
    spans = split_sentences(text)
    assert "".join("".join(text[s:e] for s, e in spans).split()) == "".join(text.split())
    assert all(start < end for start, end in spans)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    assert all(text[s:e] == text[s:e].strip() for s, e in spans)
    assert spans == split_sentences(text)
