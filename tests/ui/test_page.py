"""The page in a real browser: asking, citations, stopping, strangers' markup, and strangers."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.conftest import ROOT
from tests.ui.served import Served, serve
from tests.ui.visits import Visit, visiting

pytestmark = pytest.mark.browser

GENEVA = "Where did the U.S. and Russian delegations meet?"
FINLAND = "Where did Tom Shannon meet his Russian counterpart?"
UNANSWERABLE = "Who won the football World Cup in 2018?"
HOSTILE = """Zebra handbook <script>window.hurt = 1</script>

The zebra keeper said <img src=http://evil.test/x onerror="window.hurt=2"> to every visitor [7].

The zebra fence is ![x](http://evil.test/y) and [1](javascript:alert(1)) metres <b>high</b>.
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve the seeds and a hostile document, answering by quotes."""
    folder = tmp_path_factory.mktemp("documents")
    name = "zebra <img src=x onerror=alert(1)> & co.txt"
    (folder / name).write_text(HOSTILE, encoding="utf-8")
    with serve("--add", str(ROOT / "seeds"), str(folder)) as page:
        yield page


@pytest.fixture
def visit(browser: Browser, served: Served) -> Iterator[Visit]:
    """Open the page in a tab; afterwards, it has spoken to its own host only, and not moaned."""
    with visiting(browser, served.url) as tab:
        yield tab


def test_page_has_its_parts(visit: Visit) -> None:
    """Each part has its name, its label, and is shown when it is of use."""
    for part in ("#chat", "#question", "#send", "#sources", "#examples", "#state"):
        expect(visit.page.locator(part)).to_be_visible()
    expect(visit.page.locator("#stop")).to_be_hidden()
    expect(visit.page.get_by_label("Your question")).to_be_focused()
    expect(visit.page.locator("#state")).to_have_text("Ready")
    expect(visit.page.locator("#badge")).to_contain_text("Stays on this machine")
    assert visit.page.title() == "Footnote"


def test_example_is_answered_with_its_quote(visit: Visit) -> None:
    """A click on an example asks it; the answer's chip marks the exact words."""
    visit.page.get_by_role("button", name=GENEVA).click()
    visit.wait_for_answer(GENEVA)
    expect(visit.page.locator("#examples")).to_be_hidden()
    visit.page.click("#now a.chip")
    card = visit.page.locator("#card-1-1")
    expect(card.locator("mark.quote")).to_contain_text("met in Istanbul")
    expect(card.locator("blockquote")).to_contain_text("embassy staffing")
    expect(card).to_contain_text("001_384cb031686cce25.txt")
    expect(card).to_be_focused()


def test_click_highlights_at_once(visit: Visit) -> None:
    """No round trip lies between a click and the highlighted card."""
    visit.ask(GENEVA)
    # Within one turn of the page's own thread: no reply can come in between.
    shadows = """() => {
      const card = document.querySelector("#card-1-1");
      card.style.transition = "none";
      const before = getComputedStyle(card).boxShadow;
      document.querySelector("#now a.chip").click();
      return [before, getComputedStyle(card).boxShadow];
    }"""
    before, after = visit.page.evaluate(shadows)
    assert before == "none"
    assert after != "none"


def test_chip_of_an_earlier_answer_shows_its_own_sources(visit: Visit) -> None:
    """The panel follows the chip that was clicked, and a new answer takes it back."""
    visit.ask(GENEVA)
    visit.ask(FINLAND)
    expect(visit.page.locator("#sources mark.quote:visible")).to_contain_text(["Finland"])
    visit.page.click("#past a.chip")
    expect(visit.page.locator("#sources mark.quote:visible")).to_contain_text(["Istanbul"])
    visit.page.click("#now a.chip")
    expect(visit.page.locator("#sources mark.quote:visible")).to_contain_text(["Finland"])
    visit.page.click("#past a.chip")
    visit.ask(UNANSWERABLE)
    expect(visit.page.locator("#sources .of-turn:visible")).to_have_attribute("data-turn", "3")


def test_refusal_offers_the_nearest_passages(visit: Visit) -> None:
    """What the documents do not say is refused, in a card of its own."""
    visit.ask(UNANSWERABLE)
    expect(visit.page.locator("#now .refused")).to_contain_text("Not in your documents")
    expect(visit.page.locator("#now a.chip")).to_have_count(0)
    expect(visit.page.locator("#sources h2:visible")).to_have_text("Nearest passages")
    expect(visit.page.locator("#sources .card:visible").first).to_be_visible()


def test_markup_of_a_document_is_shown_as_text(visit: Visit) -> None:
    """No script runs, no picture is fetched, no link is made; the words are there to read."""
    visit.ask("What did the zebra keeper say to every visitor?")
    expect(visit.page.locator("#now .reply")).to_contain_text("< img src=http://evil.test/x")
    visit.page.click("#now a.chip")
    expect(visit.page.locator("#card-1-1 mark.quote")).to_contain_text("to every visitor [7].")
    visit.ask("How high is the zebra fence in metres?")
    expect(visit.page.locator("#now .reply")).to_contain_text("! [x] (http://evil.test/y)")
    visit.page.click("#now a.chip")
    quote = visit.page.locator("#card-2-1 mark.quote")
    expect(quote).to_contain_text("[1](javascript:alert(1)) metres <b>high</b>")
    expect(visit.page.locator("#sources")).to_contain_text("zebra <img src=x onerror=alert(1)>")
    held = "#chat :is(img, script, iframe, b), #sources :is(img, script, iframe, b)"
    expect(visit.page.locator(held)).to_have_count(0)
    assert visit.page.evaluate("window.hurt") is None
    links = visit.page.locator("#chat a, #sources a").evaluate_all(
        "links => links.map(link => link.getAttribute('href'))"
    )
    assert all(re.fullmatch(r"#[\w-]+", link) for link in links)


def test_markup_of_a_question_is_shown_as_text(visit: Visit) -> None:
    """What was typed is what is shown."""
    question = "<img src=x onerror='window.hurt=3'> **what** [1](javascript:alert(1)) zebra?"
    visit.ask(question)
    expect(visit.page.locator("#now .question p")).to_have_text(question)
    assert visit.page.evaluate("window.hurt") is None


def test_policy_stops_scripts_of_others(visit: Visit) -> None:
    """Even a script that got into the page would not run."""
    ran = """() => new Promise(resolve => {
      const script = document.createElement("script");
      script.textContent = "window.hurt = 4";
      document.body.append(script);
      setTimeout(() => resolve(window.hurt), 50);
    })"""
    assert visit.page.evaluate(ran) is None
    assert any("Content Security Policy" in words for words in visit.complaints)
    visit.complaints.clear()


def test_enter_sends_and_shift_enter_does_not(visit: Visit) -> None:
    """A question of two lines can be typed."""
    visit.page.fill("#question textarea", "Where did they")
    visit.page.keyboard.press("Shift+Enter")
    visit.page.keyboard.type("meet?")
    expect(visit.page.locator("#question textarea")).to_have_value("Where did they\nmeet?")
    visit.page.keyboard.press("Enter")
    visit.wait_for_answer("Where did they\nmeet?")
    expect(visit.page.locator("#question textarea")).to_have_value("")


def test_too_long_question_is_answered_with_a_sentence(visit: Visit) -> None:
    """The limit and what to do, not a broken page."""
    question = "why " * 5_000
    visit.page.fill("#question textarea", question)
    visit.page.click("#send")
    expect(visit.page.locator("#now .failed")).to_contain_text("Shorten it")
    visit.ask(GENEVA)


def test_new_conversation_forgets(visit: Visit) -> None:
    """The page is as it was at first, and the next answer is the first again."""
    visit.ask(GENEVA)
    visit.ask(FINLAND)
    visit.page.click("#new")
    expect(visit.page.locator("#chat .exchange")).to_have_count(0)
    expect(visit.page.locator("#examples")).to_be_visible()
    expect(visit.page.locator("#sources")).to_contain_text("appear here")
    visit.ask(GENEVA)
    expect(visit.page.locator("#chat .exchange")).to_have_count(1)
    expect(visit.page.locator("#exchange-1")).to_be_visible()


def test_two_tabs_do_not_mix(browser: Browser, visit: Visit, served: Served) -> None:
    """Each tab has a conversation of its own."""
    other = Visit(browser, served.url)
    visit.page.fill("#question textarea", GENEVA)
    other.page.fill("#question textarea", FINLAND)
    visit.page.keyboard.press("Enter")
    other.page.keyboard.press("Enter")
    visit.wait_for_answer(GENEVA)
    other.wait_for_answer(FINLAND)
    expect(visit.page.locator("#sources mark.quote")).to_contain_text(["Istanbul"])
    expect(other.page.locator("#sources mark.quote")).to_contain_text(["Finland"])
    other.context.close()


def test_reload_in_the_middle_leaves_a_working_page(visit: Visit) -> None:
    """The page begins anew, and answers."""
    visit.page.fill("#question textarea", GENEVA)
    visit.page.keyboard.press("Enter")
    visit.reload()
    visit.ask(FINLAND)


def test_phone_needs_no_sideways_scrolling(browser: Browser, served: Served) -> None:
    """On 390 pixels everything is in reach, and a citation leads back to its answer."""
    phone = Visit(browser, served.url, viewport={"width": 390, "height": 844}, has_touch=True)
    phone.ask(GENEVA)
    assert phone.page.evaluate("document.documentElement.scrollWidth") <= 390
    phone.page.click("#now a.chip")
    expect(phone.page.locator("#card-1-1 mark.quote")).to_be_in_viewport()
    phone.page.click("#card-1-1 .back")
    expect(phone.page.locator("#now a.chip").first).to_be_in_viewport()
    expect(phone.page.locator("#send")).to_be_in_viewport()
    assert phone.complaints == []
    phone.context.close()


_CONTRASTS = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const paint = (colours) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => rgb.map((c) => c / 255)
    .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const worst = [];
  for (const element of document.querySelectorAll(
    "#top *, #columns *, #library *, #rest *")) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!own || !element.checkVisibility() || element.closest(".hidden-label, .sr-only")) continue;
    const behind = [];
    for (let e = element; e; e = e.parentElement) {
      behind.unshift(getComputedStyle(e).backgroundColor);
    }
    const back = paint(behind), front = paint([...behind, getComputedStyle(element).color]);
    const [a, b] = [light(back), light(front)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) worst.push(`${element.className || element.tagName}: ${ratio.toFixed(2)}`);
  }
  return worst;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_easy_to_tell_from_its_background(
    browser: Browser, served: Served, scheme: str
) -> None:
    """Every text reaches the contrast of WCAG AA, 4.5 to 1."""
    tab = Visit(browser, served.url, color_scheme=scheme)
    tab.page.add_style_tag(content="* { transition: none !important }")
    assert tab.page.evaluate(_CONTRASTS) == []
    tab.ask(GENEVA)
    tab.page.click("#now a.chip")
    assert tab.page.evaluate(_CONTRASTS) == []
    tab.page.click("#card-1-1 [data-dialog=viewer]")
    tab.page.wait_for_selector("#viewer mark.quote")
    assert tab.page.evaluate(_CONTRASTS) == []
    tab.page.keyboard.press("Escape")
    tab.page.click("#now [data-dialog=inspector]")
    tab.page.wait_for_selector("#inspector .stages")
    assert tab.page.evaluate(_CONTRASTS) == []
    tab.page.keyboard.press("Escape")
    tab.ask(UNANSWERABLE)
    assert tab.page.evaluate(_CONTRASTS) == []
    for view in ("library", "evaluation", "settings"):
        tab.page.click(f".views a[data-view={view}]")
        tab.page.wait_for_selector(f"#{view} h2:visible")
        assert tab.page.evaluate(_CONTRASTS) == [], view
    tab.context.close()


def test_focus_can_be_seen(visit: Visit) -> None:
    """Whoever walks the page by keyboard sees where they are."""
    visit.ask(GENEVA)
    for selector in ("#new", "#send", "#now a.chip", "#now a.show"):
        visit.page.focus(selector)
        visit.page.keyboard.press("Shift")
        style = visit.page.locator(selector).first.evaluate("e => getComputedStyle(e).outlineStyle")
        assert style == "solid", selector
    visit.page.focus("#question textarea")
    shadow = "e => getComputedStyle(e).boxShadow"
    assert visit.page.locator("#question textarea").evaluate(shadow) != "none"


@pytest.mark.model
def test_whole_way_with_the_language_model(browser: Browser, tmp_path: Path) -> None:
    """Loading is told, passages come before words, Stop stops, and an answer is cited."""
    with serve("--add", str(ROOT / "seeds"), llm="embedded") as served:
        context = browser.new_context()
        page = context.new_page()
        page.set_default_timeout(300_000)
        page.goto(served.url)
        page.wait_for_selector("#state .ready")
        page.fill("#question textarea", "What did the Treasury Department announce in June 2025?")
        page.keyboard.press("Enter")
        page.wait_for_selector("#sources .card:visible")
        page.click("#stop")
        expect(page.locator("#now .stopped")).to_have_text("Stopped.")
        expect(page.locator("#send")).to_be_visible()
        shown = page.inner_text("#now")
        time.sleep(1)
        assert page.inner_text("#now") == shown
        page.fill("#question textarea", FINLAND)
        page.keyboard.press("Enter")
        page.wait_for_selector("#now a.chip")
        expect(page.locator("#now .reply")).to_contain_text("Finland")
        page.click("#now a.chip")
        expect(page.locator("#card-2-1 mark.quote")).to_contain_text("in Finland")
        context.close()
