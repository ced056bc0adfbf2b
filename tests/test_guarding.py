"""The gate before words reach a reader: what never passes, and what always does."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rag.cleaning import clean_characters
from rag.guarding import OMITTED, addresses, harmless

from .harmlessness import dangers_of

# Pieces of which dangerous texts are made, so that chance puts them together.
SIGNS = r"""![ [ ]( ) ]: [1] < > </ <! <? <img <a script href= src= http:// https:// // www. ( ] 1
    evil.test javascript: data: mailto: a@b.example 1@evil @ \href \url \includegraphics { } ``` ~~~
    ` ~ \ ! : . / ? # & &lt; x é 😀 文 ب"""
UNSEEN = ("\x1b[31m", "\x1b]8;;", "\x07", "\x9b", "\0", "\u200b", "\u200d", "\u202e", "\u2066")
# Of six scripts, and some that go on any letter.
MARKS = ("\u0301", "\u0316", "\u0489", "\u064e", "\u0651", "\u05bc", "\u0e47", "\u093c", "\u0fb5")
HEAPS = [mark * 5 for mark in MARKS]
PIECES = st.sampled_from(
    [*SIGNS.split(), *UNSEEN, "\ufeff", "\U000e0041", *MARKS, *HEAPS, " ", "\n", "\t"]
)
MADE = st.lists(PIECES | st.text(max_size=3), max_size=30).map("".join)
KNOWN = st.sampled_from([None, frozenset(), frozenset({"http://evil.test", "a@b.example"})])


@given(text=MADE, known=KNOWN)
@example(text="[a[b](http://x)](http://y)", known=frozenset())
@example(text="\x1b\x1b[31m[31m<\u200bimg src=x>", known=None)
@example(text="htthttp://evil.testp://evil.test", known=frozenset())
@example(text="See <1@evil.test> and <_x@evil.test>.", known=None)
@example(text="See <1@evil> and <{@evil.test>.", known=frozenset())
def test_nothing_dangerous_passes(text: str, known: frozenset[str] | None) -> None:
    """Whatever a text is made of, nothing is left that loads, runs, links, hides or steers."""
    shown = harmless(text, known=known)
    assert dangers_of(shown, known=known) == []


@given(text=MADE, known=KNOWN)
def test_it_does_its_work_at_once(text: str, known: frozenset[str] | None) -> None:
    """A text that has passed passes as it is."""
    shown = harmless(text, known=known)
    assert harmless(shown, known=known) == shown


PROSE = (
    "On 4 May 2024, 41 ships — more than ever — were delayed; “why?”, asked nobody.",
    "If a < b and b > c, then x * y = 3 < 5, f(x) <= 2, i <3 you, and p -> q.",
    "snake_case, *emphasis*, **strong**, `code` and C:\\Users\\ann stay [sic].",
    "She wrote [to him] nothing (at all).",
    "Café, naïve, Ærø, İstanbul, Ångström, Việt Nam, ǰ, ñ",
    "اجتمع الوفدان في جنيف. می‌خواهم. המשלחות נפגשו בז׳נבה. שָׁלוֹם",
    "双方代表在日内瓦会面。数は3つです。ได้ยิน क्षत्रिय",
    "👩‍👩‍👧 ❤️ 🇨🇭 👍🏽",
    "It costs $5 (or 5 €); see e.g. Fig. 3/4, and/or 12:30, 50% off, AT&T, R&D, #1, @home.",
    "Sums: \\frac{a}{b} + \\alpha^2, $x_1$; ratio 3:4; node.js; U.S./Canada; 1,000.50",
    "Dear all,\n\n\tline two\nline three",
)

# As much as there is on a letter of each: accents and points of Hebrew, tones, vowels, stacks.
MARKED = (
    "בְּרֵאשִׁ֖ית בָּרָ֣א אֱלֹהִ֑ים אֵ֥ת הַשָּׁמַ֖יִם וְאֵ֥ת הָאָֽרֶץ׃ ש\u05bc\u05c1\u05b8\u05bd\u0591\u059c\u05af",
    "بِسْمِ ٱللَّهِ ٱلرَّحْمَٰنِ ٱلرَّحِيمِ، إِنَّآ أَنزَلۡنَٰهُ، ٱلضَّآلِّينَ",
    "Tiếng Việt có thanh điệu: Nguyễn, phở, ngữ, ế ề ể ễ ệ, a\u0323\u0302\u0301",
    "ที่นี่มีน้ำ ผู้ใหญ่ กั๊ก ปี๊ เก็บ ศิลป์ สตรีทึ้ง",
    "अग्निमी॑ळे पु॒रोहि॑तं य॒ज्ञस्य॑ दे॒वमृत्विज॑म् क़्ष्म्यँ श्रीर्‍क्ष",
    "བོད་ཡིག་ སངས་རྒྱས་ བསྒྲུབས་ ཨོཾ་མ་ཎི་པདྨེ་ཧཱུྃ ཧྐྵྨླྺྻྼྃ",
    "မြန်မာ ကျွန်ုပ်တို့ ခြုံလွှာ",
    "ភាសាខ្មែរ ស្ត្រី ក៏ដោយ",
    "ܫܠܳܡܳܐ ܥܠܰܝܟ݂ܽܘܢ",
    "ƛ̓ə́x̌ʷ ã̱́ n̥̩̂, Сло́во бж҃їе, ⷭ҇ а҆́, ᾧ, i̇̈",
    "1⃣ x⃗ y̅ é̂ ꙰ а҉ б҈",
)


@pytest.mark.parametrize("text", MARKED)
def test_marks_of_every_script_are_left_alone(text: str) -> None:
    """Nothing of a word is lost, nor put elsewhere than cleaning a document puts it."""
    text = clean_characters(text)
    assert harmless(text) == text
    assert harmless(text, known=()) == text


@pytest.mark.parametrize("mark", [*MARKS, "\u20dd", "\ua670", "\u1abe", "\u135d", "\U0001e8d0"])
@pytest.mark.parametrize("between", ["", "\u200d", "\u200b"])
def test_heaped_marks_are_cut(mark: str, between: str) -> None:
    """Of whatever script, and whatever stands unseen between them; the letters stay."""
    shown = harmless(f"ب{(mark + between) * 60}ب and more")
    assert dangers_of(shown) == []
    assert len(shown) < 25
    assert (shown[0], shown[-10:]) == ("ب", "ب and more")


@pytest.mark.parametrize("text", PROSE)
@pytest.mark.parametrize("known", [None, frozenset()])
def test_ordinary_prose_is_left_alone(text: str, known: frozenset[str] | None) -> None:
    """Digits, dashes, quotes, accents, emoji, other scripts, mathematics and names of code."""
    assert harmless(text, known=known) == text


@given(st.text(st.characters(categories=["L", "N", "Zs", "Po"], exclude_characters="`~!@/\\:#?&.")))
def test_letters_and_digits_pass_as_documents_have_them(text: str) -> None:
    """What cleaning a document leaves, is left."""
    assert harmless(text) == clean_characters(text)


def test_of_a_link_the_label_stays_unless_its_address_is_known() -> None:
    """An address that a model made up could carry what it was told."""
    text = "See [the guide](https://a.example/guide) and ![a map](https://b.example/?q=secret)."
    known = addresses(["Read https://a.example/guide, then ask."])
    assert harmless(text, known=known) == ("See [the guide] (https://a.example/guide) and a map.")
    assert harmless(text, known=()) == "See the guide and a map."


@pytest.mark.parametrize(
    "address",
    [
        "http://evil.test/?q=secret",
        "HTTPS://EVIL.TEST/x",
        "ftp://evil.test",
        "//evil.test/x",
        "www.evil.test",
        "javascript:alert",
        "data:text/html,x",
        "mailto:a@evil.test",
        "ann@evil.test",
        "evil.test/?q=secret",
        "192.0.2.1/x",
        "http://192.0.2.1:8080",
        "\\\\evil.test\\share",
        "http://a.example/guide/more",
    ],
)
def test_an_address_that_is_not_known_is_left_out(address: str) -> None:
    """With a sign that something was; the sentence around it stays."""
    known = addresses(["Read http://a.example/guide."])
    assert harmless(f"Look at {address}.", known=known) == f"Look at {OMITTED}."


def test_addresses_are_found_in_markup() -> None:
    """As a document's author meant them."""
    text = (
        '[x](http://a.example/1) <http://b.example> <a href="http://c.example/2">c</a> d@e.example'
    )
    assert {
        "http://a.example/1",
        "http://b.example",
        "http://c.example/2",
        "d@e.example",
    } <= addresses([text])


@pytest.mark.parametrize(
    "unit",
    [
        *("[", "![", "](", "<", "<1", "`", "~", "\x1b]", "\x9d", "www.", "a.", "a@", "1.", "\\\\a"),
        *("[1", "\u064e", "\u0489", "…"),
    ],
)
def test_it_takes_time_in_proportion_to_the_text(unit: str) -> None:
    """However often a sign is repeated."""
    started = time.monotonic()
    harmless(unit * (200_000 // len(unit)), known=())
    # Some tenths of a second; hours, were it the square of the length.
    assert time.monotonic() - started < 20
