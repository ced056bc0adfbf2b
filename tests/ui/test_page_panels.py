"""The page in a real browser: documents opened, answers seen from inside, ratings, settings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import ROOT
from tests.documents import make_pdf
from tests.ui.served import Served, serve
from tests.ui.test_page_kept import FINLAND, GENEVA
from tests.ui.visits import Visit, visiting

pytestmark = pytest.mark.browser

MODEL_WAY = "Which collaborative efforts do Russia's proposals include?"
HARBOUR = "Who was the engineer of the harbour of Lindau?"
PAGES = (
    ["The harbour of Lindau is old.", "Ships came there for salt and for wine."],
    ["The harbour was dredged in 1931.", "Clara Holt was the engineer of the harbour of Lindau."],
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve the seeds and a PDF, answering by quotes."""
    pdf = tmp_path_factory.mktemp("papers") / "lindau.pdf"
    pdf.write_bytes(make_pdf(PAGES))
    with serve("--add", str(ROOT / "seeds"), str(pdf)) as page:
        yield page


@pytest.fixture
def visit(browser: Browser, served: Served) -> Iterator[Visit]:
    """Open the page in a tab; afterwards, it has spoken to its own host only, and not moaned."""
    with visiting(browser, served.url) as tab:
        yield tab


def is_drawn(page: Page, selector: str) -> None:
    """Wait until a picture is there, and is no broken one."""
    page.wait_for_function(
        "s => [...document.querySelectorAll(s)].some("
        "i => i.checkVisibility() && i.complete && i.naturalWidth > 400)",
        arg=selector,
    )


def test_every_part_of_the_page_is_there(visit: Visit) -> None:
    """Under the names that the documentation gives them."""
    names = "chat question send stop sources library inspector conversations feedback evaluation"
    for name in [*names.split(), "settings"]:
        assert visit.page.locator(f"#{name}").count() == 1, name


def test_a_document_is_opened_at_its_quote(visit: Visit) -> None:
    """In a box over the page, which Escape closes; the whole text is one click away."""
    page = visit.page
    visit.ask(GENEVA)
    page.click("#now a.chip")
    page.click("#card-1-1 [data-dialog=viewer]")
    viewer = page.locator("#viewer")
    expect(viewer.locator("mark.quote")).to_be_in_viewport()
    expect(viewer.locator("mark.quote")).to_contain_text("met in Istanbul")
    with page.context.expect_page() as opened:
        viewer.get_by_text("Whole text").click()
    opened.value.wait_for_load_state()
    assert "met in Istanbul" in opened.value.inner_text("body")
    opened.value.close()
    page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()


def test_sources_are_walked_one_by_one(visit: Visit) -> None:
    """From card to card, and from document to document."""
    page = visit.page
    visit.ask(MODEL_WAY)
    assert page.locator("#now a.chip").count() > 1
    page.click("#now a.chip >> nth=0")
    page.click("#card-1-1 [data-step='1']")
    expect(page.locator("#card-1-2")).to_be_focused()
    page.click("#card-1-2 [data-dialog=viewer]")
    at = page.locator("#viewer .steps .at")
    expect(at).to_contain_text("2 of")
    second = page.locator("#viewer mark.quote").inner_text()
    page.click("#viewer [data-step='-1']")
    expect(at).to_contain_text("1 of")
    expect(page.locator("#viewer mark.quote")).not_to_have_text(second)
    expect(page.locator("#viewer [data-step='-1']")).to_be_disabled()


def test_a_page_of_a_pdf_is_seen_with_its_quote(visit: Visit) -> None:
    """Beside the quote in its card, and whole in the box, where pages are turned."""
    page = visit.page
    visit.ask(HARBOUR)
    page.click("#now a.chip")
    is_drawn(page, "#card-1-1 .page-crop")
    page.click("#card-1-1 [data-dialog=viewer]")
    is_drawn(page, "#viewer .page-image")
    expect(page.locator("#viewer .turn .at")).to_have_text("Page 2 of 2")
    page.click("#viewer [data-page='1']")
    expect(page.locator("#viewer .turn .at")).to_have_text("Page 2 of 2")
    page.click("#viewer [data-page='-1']")
    expect(page.locator("#viewer .turn .at")).to_have_text("Page 1 of 2")
    is_drawn(page, "#viewer .page-image")


def test_a_long_document_is_read_on(browser: Browser, tmp_path: Path) -> None:
    """What is not shown at first comes on demand, and the place stays where it is."""
    lines = [f"Line {n} tells of river {n}." for n in range(2000)]
    lines[1000] = "The secret ford of Harwick is at the old mill."
    (tmp_path / "long.txt").write_text("\n".join(lines), encoding="utf-8")
    with serve("--add", str(tmp_path / "long.txt")) as served:
        tab = Visit(browser, served.url)
        tab.ask("Where is the secret ford of Harwick?")
        tab.page.click("#now a.chip >> nth=0")
        tab.page.click("#card-1-1 [data-dialog=viewer]")
        quote = tab.page.locator("#viewer mark.quote")
        expect(quote).to_be_in_viewport()
        before = tab.page.locator("#viewer .words").all_inner_texts()
        tab.page.locator("#viewer .more").first.click()
        expect(tab.page.locator("#viewer .words")).to_have_count(2)
        tab.page.locator("#viewer .more").last.click()
        expect(tab.page.locator("#viewer .words")).to_have_count(3)
        after = "".join(tab.page.locator("#viewer .words").all_inner_texts())
        assert before[0] in after
        assert len(after) > 1.9 * len(before[0])
        assert tab.complaints == []
        tab.context.close()


def test_an_answer_is_seen_from_the_inside(visit: Visit) -> None:
    """Passages with their scores, sentences, seconds, and that no model was asked."""
    page = visit.page
    visit.ask(GENEVA)
    page.click("#now [data-dialog=inspector]")
    inside = page.locator("#inspector")
    expect(inside).to_contain_text("How this answer came about")
    expect(inside).to_contain_text(GENEVA)
    expect(inside).to_contain_text("Nothing: no model was asked.")
    expect(inside.locator(".stages .seconds").first).to_contain_text(" s")
    expect(inside.locator("tr.cited").first).to_contain_text("met in Istanbul")
    inside.locator(".close").click()
    expect(inside).to_be_hidden()


def test_a_rating_stays_with_its_answer(visit: Visit) -> None:
    """With a reason, through the next question, and when the conversation is opened again."""
    page = visit.page
    visit.ask(FINLAND)
    page.click("#now .tools .thumb >> text='Not helpful'")
    page.locator("#feedback").get_by_text("The answer is wrong").click()
    expect(page.locator("#feedback")).to_be_hidden()
    page.click("#now a.chip")
    page.locator("#card-1-1").hover()
    page.click("#card-1-1 .thumb >> text='Helpful'")
    page.fill("#feedback input", "It says so")
    page.keyboard.press("Enter")
    visit.ask(GENEVA)
    pressed = '.thumb[aria-pressed="true"]'
    expect(page.locator(f"#past .tools {pressed}")).to_have_text("Not helpful")
    visit.reload()
    page.locator("#talks .open").first.click()
    expect(page.locator(f"#past .tools {pressed}")).to_have_text("Not helpful")
    expect(page.locator(f"#past-sources {pressed}")).to_have_text("Helpful")


def test_settings_are_used_from_the_next_question_on(visit: Visit) -> None:
    """The strictest refuses; what cannot be is told."""
    page = visit.page
    page.click(".views a[data-view=settings]")
    page.fill("#settings [name=strictness]", "1")
    page.click("#settings .primary")
    expect(page.locator("#settings .saved")).to_be_visible()
    expect(page.locator("#badge")).to_contain_text("Stays on this machine")
    page.click(".views a[data-view=chat]")
    visit.ask(GENEVA)
    expect(page.locator("#now .refused")).to_be_visible()
    page.click(".views a[data-view=settings]")
    page.fill("#settings [name=strictness]", "0.35")
    page.click("#settings .primary")
    expect(page.locator("#settings .saved")).to_be_visible()


def test_an_evaluation_is_run_and_read(visit: Visit, tmp_path: Path) -> None:
    """With its progress, its report, and a sentence for a file that is not there."""
    page = visit.page
    page.click(".views a[data-view=evaluation]")
    page.fill("#evaluation [name=cases]", str(tmp_path / "none.jsonl"))
    page.click("#evaluation .primary")
    expect(page.locator("#evaluation .trouble")).to_contain_text("There is nothing at")
    cases = ROOT / "eval" / "data" / "seeds.jsonl"
    page.fill("#evaluation [name=cases]", str(cases))
    page.fill("#evaluation [name=documents]", str(ROOT / "seeds"))
    page.fill("#evaluation [name=limit]", "8")
    page.check("#evaluation [name=only_search]")
    page.click("#evaluation .primary")
    expect(page.locator("#evaluation .underway")).to_be_visible()
    expect(page.locator("#evaluation tbody tr")).to_have_count(1, timeout=120_000)
    page.click("#evaluation td button")
    report = page.frame_locator("#evaluation iframe")
    expect(report.locator("h1")).to_be_visible()
    expect(report.locator("body")).to_contain_text("Recall@5")


def test_a_document_that_went_leaves_its_quotes(browser: Browser, tmp_path: Path) -> None:
    """The answer stays readable; what cannot be opened any more is a sentence."""
    (tmp_path / "lindau.pdf").write_bytes(make_pdf(PAGES))
    with serve("--add", str(tmp_path / "lindau.pdf")) as served:
        tab = Visit(browser, served.url)
        tab.ask(HARBOUR)
        tab.page.click(".views a[data-view=library]")
        tab.page.click("#shelf [data-action=remove]")
        tab.page.click("#shelf [data-action=remove]")
        expect(tab.page.locator("#shelf tbody tr")).to_have_count(0)
        tab.page.click(".views a[data-view=chat]")
        tab.page.click("#now a.chip")
        expect(tab.page.locator("#card-1-1 mark.quote")).to_contain_text("Clara Holt")
        tab.page.click("#card-1-1 [data-dialog=viewer]")
        expect(tab.page.locator("#viewer .trouble")).to_contain_text("no longer in your library")
        assert tab.complaints == []
        tab.context.close()


def test_a_phone_has_every_part(browser: Browser, served: Served) -> None:
    """Earlier conversations fill the screen until one is chosen; nothing is wider than it."""
    phone = Visit(browser, served.url, viewport={"width": 390, "height": 844}, has_touch=True)
    phone.ask(GENEVA)
    for view in ("conversations", "library", "evaluation", "settings"):
        phone.page.click(f".views a[data-view={view}]")
        expect(phone.page.locator(f"#{view}")).to_be_visible()
        expect(phone.page.locator("#composer")).to_be_hidden()
        assert phone.page.evaluate("document.documentElement.scrollWidth") <= 390
    phone.page.click(".views a[data-view=conversations]")
    phone.page.locator("#talks .open").first.click()
    expect(phone.page.locator("#now")).to_contain_text("met in Istanbul")
    phone.page.click("#now a.chip")
    phone.page.click("#card-1-1 [data-dialog=viewer]")
    expect(phone.page.locator("#viewer mark.quote")).to_be_in_viewport()
    assert phone.complaints == []
    phone.context.close()
