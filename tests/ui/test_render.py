"""Documents, questions and answers are shown as text, and every chip leads to its card."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag import Evidence, Progress
from tests.ui.fake_assistant import TEXT, answer, cite, document, geneva, hit, refusal
from ui import render, render_sources
from ui.conversation import Exchange, Readiness, Source
from ui.naming import document_name, file_name

HOSTILE = (
    "<img src=http://evil.test/x> ![x](http://evil.test/y) <script>alert(1)</script> "
    '[1](javascript:alert(1)) [7] "onmouseover=x" \'</mark></article>&amp;'
)
TAGS = {
    *("a", "article", "blockquote", "button", "details", "div", "h2", "h3", "header", "mark", "p"),
    *("section", "span", "summary"),
}


class Page(HTMLParser):
    """Collects the tags, the text and the attributes of a piece of a page."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.open.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, name: str) -> list[str | None]:
        return [value for key, value in self.attributes if key == name]


def harmless(html: str) -> Page:
    """Read a piece of a page, and check that it holds our own elements only."""
    page = Page(html)
    assert set(page.tags) <= TAGS
    assert not page.open
    assert all(value and value.startswith("#") for value in page.values("href"))
    assert not [key for key, _ in page.attributes if key.startswith("on") or key == "src"]
    return page


def finished(question: str = "Where?") -> Exchange:
    built = geneva(question)
    sources = tuple(Source(citation, "before ", " after") for citation in built.citations)
    return Exchange(1, question, answer=built, sources=sources)


def hostile_exchange(text: str) -> Exchange:
    """Return an exchange in which every text that anybody else wrote is this one."""
    body = f"{text} quote {text}"
    citation = cite("quote", text=body, title=text, uri=f"folder/{text}")
    citation = replace(citation, quote=text)
    found = hit(body, title=text, uri=f"folder/{text}")
    found = replace(found, passage=replace(found.passage, heading=text, id="other"))
    built = answer(
        text, (text, [citation], "partial"), searched_for=text + "?", notice=text, hits=(found,)
    )
    source = Source(citation, text, text, text)
    return Exchange(1, text, answer=replace(built, model=text), sources=(source,))


@given(st.text() | st.sampled_from([HOSTILE]))
def test_any_text_is_shown_as_text(text: str) -> None:
    """Whatever a document, a question or a model holds, no element of the page comes of it."""
    item = hostile_exchange(text)
    harmless(render.exchange(item))
    harmless(render_sources.sources([item], latest=1))


@given(st.text() | st.sampled_from([HOSTILE]), st.text())
def test_text_under_way_is_shown_as_text(text: str, draft: str) -> None:
    """Streamed text, drafts and errors are escaped as well."""
    item = Exchange(1, text, text=text, draft=draft, waiting=text, hits=(hit(text or "x"),))
    harmless(render.exchange(item))
    harmless(render.exchange(replace(item, error=text)))
    harmless(render.exchange(replace(item, stopped=True)))
    harmless(render_sources.sources([item], latest=1))


def test_hostile_document_is_readable_as_it_was_written() -> None:
    """Markup of a document is not hidden, it is shown."""
    page = harmless(render_sources.sources([hostile_exchange(HOSTILE)], latest=1))
    assert HOSTILE in page.text


@given(st.text(), st.text())
def test_header_and_state_escape_what_they_are_given(name: str, host: str) -> None:
    """A model's name or an error's message is text too."""
    Page(render.badge(name, host))
    state = Page(render.state(Readiness("failed", message=name or "x")))
    assert set(state.tags) == {"p", "span"}


def test_every_chip_has_its_card() -> None:
    """Each citation is a link to a card that exists, and the other way round."""
    item = finished()
    chips = [v for v in harmless(render.exchange(item)).values("data-card") if v]
    ids = harmless(render_sources.sources([item], latest=1)).values("id")
    assert chips == ["card-1-1", "card-1-2"]
    assert set(chips) <= set(ids)


def test_cards_of_two_answers_do_not_share_names() -> None:
    """A chip of an earlier answer leads to the sources of that answer."""
    both = [finished(), replace(finished(), number=2)]
    ids = Page(render_sources.sources(both, latest=2)).values("id")
    assert len(ids) == len(set(ids))
    assert 'href="#card-1-1"' in render.conversation(both)
    assert 'href="#card-2-1"' in render.conversation(both)


def test_only_the_latest_sources_are_shown_at_first() -> None:
    """The panel holds the sources of all answers and shows one."""
    html = render_sources.sources([finished(), replace(finished(), number=2)], latest=2)
    assert re.findall(r'class="of-turn( latest)?" data-turn="(\d)"', html) == [
        ("", "1"),
        (" latest", "2"),
    ]


def test_quote_is_marked_between_its_neighbours() -> None:
    """The quoted words are marked, what stands around them is not."""
    html = render_sources.sources([finished()], latest=1)
    assert 'before <mark class="quote">met in Geneva on 4 May</mark> after' in html


def test_sentence_supported_in_part_says_so() -> None:
    """The mark has words, and a hint that a mouse and a screen reader find."""
    html = render.exchange(finished())
    assert html.count('class="verdict') == 1
    assert 'title="The cited words support only part of this sentence."' in html
    assert "partly supported</span>" in html


def test_answer_tells_confidence_and_time() -> None:
    """What an answer is worth stands below it, in small."""
    text = Page(render.exchange(finished())).text
    assert "87 % confidence" in text
    assert "1.5 s" in text
    assert "2 sources" in text


def test_no_answer_is_certain() -> None:
    """A confidence just below 1 is not rounded up to certainty."""
    sure = replace(finished(), answer=replace(geneva("Where?"), confidence=0.999))
    assert "99 % confidence" in render.exchange(sure)


def test_rewritten_question_is_told() -> None:
    """What was searched for is shown only where it is not what was asked."""
    rewritten = replace(finished(), answer=replace(geneva("And when?"), searched_for="Met when?"))
    assert "searched for: Met when?" in render.exchange(rewritten)
    assert "searched for" not in render.exchange(finished())


def test_notice_is_shown() -> None:
    """An answer that came about in another way than usual says how."""
    item = replace(finished(), answer=replace(geneva("Where?"), notice="The model failed."))
    assert '<p class="notice">The model failed.</p>' in render.exchange(item)


def test_refusal_is_a_card_with_the_nearest_passages() -> None:
    """A refusal cannot be mistaken for an answer, and shows what came nearest."""
    item = Exchange(1, "Why?", answer=refusal("Why?"))
    html = render.exchange(item)
    assert "Not in your documents" in html
    assert "See the nearest passages" in html
    assert "chip" not in html
    panel = render_sources.sources([item], latest=1)
    assert "Nearest passages" in panel
    assert "<mark" not in panel


def test_refusal_without_passages_offers_none() -> None:
    """An empty library has no nearest passage."""
    item = Exchange(1, "Why?", answer=replace(refusal("Why?"), hits=()))
    assert "nearest" not in render.exchange(item)
    assert "No passages found" in render_sources.sources([item], latest=1)


def test_draft_is_told_apart_from_verified_text() -> None:
    """The sentence that is being written looks different, and its markers are no links."""
    html = render.exchange(Exchange(1, "Q", text="They met. [1] It [7] was.", draft="Trade"))
    assert '<span class="draft">Trade</span>' in html
    assert '<span class="chip">1</span>' in html
    assert "[7]" in html
    assert 'aria-busy="true"' in html


def test_stopped_answer_keeps_what_was_written() -> None:
    """The partial text stays, with one word on why it ends."""
    page = Page(render.exchange(Exchange(1, "Q", text="They met.", draft="Tra", stopped=True)))
    assert "They met. Tra" in page.text
    assert page.text.endswith("Stopped.")


def test_error_keeps_what_was_written() -> None:
    """A failure is a sentence of its own below the partial text."""
    page = Page(render.exchange(Exchange(1, "Q", text="They met.", error="It broke. Ask again.")))
    assert "They met." in page.text
    assert page.text.endswith("That did not workIt broke. Ask again.")


def test_paragraphs_of_an_answer_stay_apart() -> None:
    """A line break between sentences starts a new paragraph."""
    built = geneva("Where?")
    broken = replace(built, text=built.text.replace(" Trade", "\n\nTrade"))
    assert render.exchange(replace(finished(), answer=broken)).count('class="prose"') == 2


def test_words_between_the_sentences_are_shown() -> None:
    """Which part was not found, and which document comes next."""
    built = geneva("Where?")
    text = built.text.replace(" Trade", "\n\nElsewhere (<b>): Trade") + "\n\nNot found: “Who?”"
    html = render.exchange(replace(finished(), answer=replace(built, text=text)))
    assert '<span class="aside">Elsewhere (&lt;b&gt;):</span> <span class="sentence' in html
    assert html.count('class="prose"') == 3
    assert '<p class="prose"><span class="aside">Not found: “Who?”</span></p>' in html


@pytest.mark.parametrize(
    ("title", "shown", "file"),
    [
        ("treaty", "treaty.txt", False),
        ("treaty.txt", "treaty.txt", False),
        (" ", "treaty.txt", False),
        ("The treaty", "The treaty", True),
    ],
)
def test_title_that_repeats_the_file_is_not_shown_twice(title: str, shown: str, file: bool) -> None:
    """A document is named once, by its title only if that says more than its file's name."""
    item = Exchange(1, "Q", hits=(hit(TEXT, title=title),))
    html = render_sources.sources([item], latest=1)
    assert f"<h3>{shown}</h3>" in html
    assert ('class="file">treaty.txt<' in html) is file
    assert document_name(document(title=title)) == shown


def test_page_and_heading_are_named() -> None:
    """Where a document has pages and headings, the card says which."""
    found = hit()
    found = replace(found, passage=replace(found.passage, page=3, heading="Trade"))
    text = Page(render_sources.sources([Exchange(1, "Q", hits=(found,))], latest=1)).text
    assert "page 3" in text
    assert "Trade" in text


def test_web_address_is_read_as_a_file_name() -> None:
    """A percent sign of an address is undone, one of a file's name is kept."""
    assert file_name(document(uri="http://a.test/b/the%20treaty.html")) == "the treaty.html"
    assert file_name(document(uri="notes/5%20.txt")) == "5%20.txt"


def test_badge_says_where_text_goes() -> None:
    """A model on this machine and one elsewhere cannot be mixed up."""
    here = Page(render.badge("qwen (on this machine)", None))
    assert here.text == "Stays on this machineqwen"
    assert "Sent to api.test" in Page(render.badge("gpt", "api.test")).text


@pytest.mark.parametrize(
    ("readiness", "words"),
    [
        (Readiness(), "Preparing the language model…"),
        (Readiness("preparing", Progress("joining", 43, 100, "MB")), "43 %"),
        (Readiness("preparing", Progress("joining", 43, None, "MB")), "language model…"),
        (Readiness("ready"), "Ready"),
        (Readiness("failed", message="No memory. Close a program."), "Close a program."),
    ],
)
def test_state_is_told_in_words(readiness: Readiness, words: str) -> None:
    """The line says how far the model is, or what to do where it cannot be had."""
    assert words in Page(render.state(readiness)).text


def test_panel_is_not_empty_before_the_first_question() -> None:
    """It says what it is for."""
    assert "appear here" in Page(render_sources.no_sources()).text


def test_the_nearest_sentence_of_a_passage_is_told() -> None:
    """Though nothing cites it, it is what the passage was found for."""
    found = hit(TEXT)
    start = TEXT.index("They agreed")
    near = Evidence(found.passage, start, start + 27, TEXT[start : start + 27], 1.0)
    refused = replace(refusal("Who?"), hits=(found,), evidence=(near,))
    html = render_sources.sources([Exchange(1, "Who?", answer=refused)], latest=1)
    assert f'<mark class="near">{TEXT[start : start + 27]}</mark>' in html
    assert "met in Geneva" in Page(html).text
