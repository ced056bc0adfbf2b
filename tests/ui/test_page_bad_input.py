"""The page in a real browser, given what it should not be given."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.conftest import ROOT
from tests.documents import make_pdf
from tests.ui.served import Served, serve
from tests.ui.test_page_kept import GENEVA
from tests.ui.visits import Visit, visiting

pytestmark = pytest.mark.browser

ARABIC = "اجتمع الوفدان في جنيف في 4 مايو."
HOSTILE = (
    "# <b>Ford</b>\n\nThe ford of Harwick is at <img src=x onerror=alert(1)> the mill. "
    "![x](http://192.0.2.1/x.png) [here](javascript:alert(2)) <script>alert(3)</script>\n"
)


@pytest.fixture
def served() -> Iterator[Served]:
    """Serve an empty library, answering by quotes."""
    with serve() as page:
        yield page


@pytest.fixture
def visit(browser: Browser, served: Served) -> Iterator[Visit]:
    """Open the page in a tab; afterwards, it has spoken to its own host only, and not moaned."""
    with visiting(browser, served.url) as tab:
        yield tab


def upload(visit: Visit, *files: Path) -> None:
    visit.page.click(".views a[data-view=library]")
    visit.page.set_input_files("#upload input[type=file]", [str(file) for file in files])


def test_files_that_cannot_be_read_say_why(visit: Visit, tmp_path: Path) -> None:
    """Each by itself: the others of the same upload are added."""
    empty, locked, wrong, huge, fine = (
        tmp_path / n for n in ("empty.txt", "locked.pdf", "wrong.docx", "huge.txt", "fine.txt")
    )
    empty.write_bytes(b"")
    locked.write_bytes(make_pdf([["Secret words of the harbour."]], password="x"))
    wrong.write_text("no Word file", encoding="utf-8")
    with huge.open("wb") as file:
        file.truncate(300_000_000)
    fine.write_text("A fine file about the ford of Harwick.", encoding="utf-8")
    upload(visit, empty, locked, wrong, huge, fine)
    shelf = visit.page.locator("#shelf")
    expect(shelf.locator(".arrival.added", has_text="fine.txt")).to_have_count(1, timeout=60_000)
    for name, reason in (
        ("empty.txt", "is empty"),
        ("locked.pdf", "needs a password"),
        ("wrong.docx", "is no Word"),
        ("huge.txt", "more than 50 MB"),
    ):
        row = shelf.locator(".arrival.rejected", has_text=name)
        expect(row.locator(".reason")).to_contain_text(reason)
    expect(shelf.locator("tbody tr")).to_have_count(1)


def test_one_file_that_is_too_large_is_told(visit: Visit, tmp_path: Path) -> None:
    """Though nothing at all is uploaded then."""
    with (tmp_path / "huge.txt").open("wb") as file:
        file.truncate(51_000_000)
    upload(visit, tmp_path / "huge.txt")
    expect(visit.page.locator("#shelf .arrival.rejected")).to_contain_text("more than 50 MB")


def test_the_first_document_changes_the_invitation(visit: Visit, tmp_path: Path) -> None:
    """Without a reload."""
    expect(visit.page.locator("#invite")).to_contain_text("Your library is empty")
    (tmp_path / "fine.txt").write_text("A ford.", encoding="utf-8")
    upload(visit, tmp_path / "fine.txt")
    expect(visit.page.locator("#shelf tbody tr")).to_have_count(1)
    visit.page.click(".views a[data-view=chat]")
    expect(visit.page.get_by_text("Your library is empty")).to_be_hidden()
    expect(visit.page.get_by_text("Ask a question about your documents.")).to_be_visible()


def test_markup_is_text_wherever_it_is_shown(visit: Visit, tmp_path: Path) -> None:
    """In the answer, its source, the opened document, the inspector, lists and titles."""
    page = visit.page
    (tmp_path / "<i>ford.md").write_text(HOSTILE, encoding="utf-8")
    upload(visit, tmp_path / "<i>ford.md")
    expect(page.locator("#shelf tbody tr")).to_have_count(1)
    page.click(".views a[data-view=chat]")
    visit.ask("Where is the <b>ford</b> of Harwick?")
    expect(page.locator("#talks .title")).to_contain_text("<b>ford</b>")
    page.click("#now a.chip >> nth=0")
    expect(page.locator("#sources mark.quote").first).to_contain_text("the mill")
    page.click("#card-1-1 [data-dialog=viewer]")
    expect(page.locator("#viewer mark.quote")).to_contain_text("the mill")
    page.keyboard.press("Escape")
    page.click("#now [data-dialog=inspector]")
    expect(page.locator("#inspector")).to_contain_text("the mill")
    for place in ("#chat", "#sources", "#viewer", "#inspector", "#talks", "#shelf"):
        assert (
            page.locator(f"{place} :is(b, i, img, script)").filter(has_text="ford").count() == 0
            or place == "#inspector"
        )
    assert page.locator("img[src='x'], a[href^='javascript'], img[src*='192.0.2.1']").count() == 0


def test_text_runs_the_way_of_its_letters(visit: Visit, tmp_path: Path) -> None:
    """Arabic from the right, with its emoji, in a file of such a name."""
    page = visit.page
    (tmp_path / "وفد 😀.txt").write_text(f"{ARABIC} 😀\n", encoding="utf-8")
    upload(visit, tmp_path / "وفد 😀.txt")
    expect(page.locator("#shelf tbody tr")).to_contain_text("وفد 😀.txt")
    page.click(".views a[data-view=chat]")
    visit.ask("أين اجتمع الوفدان؟ 😀")
    expect(page.locator("#now .prose")).to_contain_text(ARABIC)
    right = page.locator("#now .prose").evaluate(
        "p => { const r = document.createRange(); r.selectNodeContents(p.firstChild);"
        " return p.getBoundingClientRect().right - r.getBoundingClientRect().right }"
    )
    assert abs(right) < 3
    page.click("#now a.chip")
    expect(page.locator("#card-1-1 mark.quote")).to_have_text(ARABIC)


def test_a_lost_connection_is_told(browser: Browser, served: Served) -> None:
    """And when it is back, with what to do."""
    tab = Visit(browser, served.url)
    lost = tab.page.locator("#lost")
    tab.context.set_offline(True)
    expect(lost).to_contain_text("Footnote cannot be reached", timeout=20_000)
    tab.context.set_offline(False)
    expect(lost).to_contain_text("Your conversations are kept", timeout=20_000)
    lost.get_by_text("Reload this page").click()
    expect(lost).to_have_count(0)
    tab.page.wait_for_selector("#state .ready")
    tab.context.close()


def test_a_server_that_was_killed_is_gone_on_with(browser: Browser, tmp_path: Path) -> None:
    """What was asked in vain stays in its box, and what was said before is kept."""
    home = tmp_path / "home"
    with serve("--add", str(ROOT / "seeds"), home=home) as served:
        tab = Visit(browser, served.url)
        tab.ask(GENEVA)
        served.process.kill()
        served.process.wait()
        tab.page.fill("#question textarea", "And then?")
        tab.page.keyboard.press("Enter")
        expect(tab.page.locator("#lost")).to_be_visible(timeout=20_000)
        expect(tab.page.locator("#question textarea")).to_have_value("And then?")
    with serve("--port", served.url.rsplit(":", 1)[1], home=home):
        # The page reloads itself then.
        tab.page.wait_for_selector("#state .ready", timeout=20_000)
        expect(tab.page.locator("#lost")).to_have_count(0, timeout=20_000)
        expect(tab.page.locator("#question textarea")).to_have_value("And then?")
        tab.page.click("#talks .open")
        expect(tab.page.locator("#now")).to_contain_text("met in Istanbul")
        tab.context.close()


def test_two_tabs_of_one_conversation(visit: Visit, browser: Browser, served: Served) -> None:
    """What one deletes, the other goes on with as a new one; both see both in the list."""
    (served.home.parent / "note.txt").write_text("The ford is at the mill.", encoding="utf-8")
    upload(visit, served.home.parent / "note.txt")
    expect(visit.page.locator("#shelf tbody tr")).to_have_count(1)
    visit.page.click(".views a[data-view=chat]")
    visit.ask("Where is the ford?")
    other = Visit(browser, served.url)
    other.page.click("#talks .open")
    expect(other.page.locator("#now")).to_contain_text("at the mill")
    other.page.locator("#talks .talk").hover()
    other.page.get_by_label("More for this conversation").click()
    other.page.get_by_text("Delete", exact=True).click()
    other.page.get_by_text("Really delete?").click()
    expect(other.page.locator("#talks .talk")).to_have_count(0)
    visit.ask("Where is the ford again?")
    expect(visit.page.locator("#talks .talk")).to_have_count(1)
    assert other.complaints == []
    other.context.close()
