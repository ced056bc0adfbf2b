"""Two journeys with the real language model, in a real browser; pictures of them on request.

With FOOTNOTE_TEST_PICTURES naming a folder, each step is taken a picture of.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import PICTURES, ROOT
from tests.documents import make_pdf
from tests.ui.served import Served, serve
from tests.ui.visits import Visit, visiting

pytestmark = [pytest.mark.browser, pytest.mark.model]

PATIENCE = 240_000  # milliseconds: two cores may be busy
REPORT = (
    [
        "Harbour report of Lindau",
        "The harbour of Lindau was dredged in the spring of 1931.",
        "Clara Holt was the engineer in charge of the dredging.",
    ],
    [
        "Costs",
        "The dredging of the harbour cost 48,000 marks, which the town paid.",
        "Clara Holt moved to Bregenz in 1935 and taught at the school of navigation.",
    ],
)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """Serve the seeds with the model that comes along."""
    with serve("--add", str(ROOT / "seeds"), llm="embedded") as page:
        yield page


@pytest.fixture
def visit(browser: Browser, served: Served) -> Iterator[Visit]:
    """Open the page in a tab; afterwards, it has spoken to its own host only, and not moaned."""
    with visiting(
        browser, served.url, state="#state", viewport={"width": 1360, "height": 850}
    ) as tab:
        tab.page.set_default_timeout(PATIENCE)
        tab.page.wait_for_selector("#state .ready")
        yield tab


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.wait_for_timeout(600)  # until what fades and scrolls has come to rest
        page.screenshot(path=Path(PICTURES) / f"{name}.png")


def test_ask_click_a_citation_see_the_quote(visit: Visit) -> None:
    """Passages come before the first word; the quote is marked in its document."""
    page = visit.page
    page.fill("#question textarea", "Where did Tom Shannon meet his Russian counterpart?")
    page.keyboard.press("Enter")
    page.wait_for_selector("#sources .card:visible")
    expect(page.locator("#now .prose .sentence")).to_have_count(0)
    picture(page, "1-passages-first")
    visit.wait_for_answer("Where did Tom Shannon meet his Russian counterpart?")
    expect(page.locator("#now .reply")).to_contain_text("Finland")
    page.click("#now a.chip >> nth=0")
    expect(page.locator("#card-1-1 mark.quote")).to_be_in_viewport()
    expect(page.locator("#card-1-1 mark.quote")).to_contain_text("in Finland")
    picture(page, "1-quote")
    page.click("#card-1-1 [data-dialog=viewer]")
    expect(page.locator("#viewer mark.quote")).to_be_in_viewport()
    picture(page, "1-document")
    page.keyboard.press("Escape")
    page.click("#now [data-dialog=inspector]")
    expect(page.locator("#inspector")).to_contain_text("Sent to the model")
    expect(page.locator("#inspector pre").last).to_contain_text("Question: Where did Tom Shannon")
    picture(page, "1-inspector")


def test_upload_ask_follow_up_stop_and_come_back(visit: Visit, tmp_path: Path) -> None:
    """A PDF of one's own; after a reload the conversation is there."""
    page = visit.page
    (tmp_path / "lindau.pdf").write_bytes(make_pdf(REPORT, title="Harbour report"))
    page.click(".views a[data-view=library]")
    page.set_input_files("#upload input[type=file]", str(tmp_path / "lindau.pdf"))
    expect(page.locator("#shelf .arrival.added")).to_contain_text("lindau.pdf", timeout=PATIENCE)
    picture(page, "2-library")
    page.click(".views a[data-view=chat]")
    visit.ask("Who was the engineer of the dredging at Lindau?")
    expect(page.locator("#now .reply")).to_contain_text("Clara Holt")
    page.click("#now a.chip >> nth=0")
    page.wait_for_function("document.querySelector('#card-1-1 .page-crop').naturalWidth > 400")
    picture(page, "2-page")
    visit.ask("Where did she move in 1935?")
    expect(page.locator("#now .reply")).to_contain_text("Bregenz")
    expect(page.locator("#now .searched")).to_contain_text("searched for:")
    picture(page, "2-follow-up")
    page.fill("#question textarea", "What did the Treasury Department announce in June 2025?")
    page.keyboard.press("Enter")
    page.wait_for_selector("#stop:visible")
    page.click("#stop")
    expect(page.locator("#now .stopped")).to_have_text("Stopped.")
    expect(page.locator("#send")).to_be_visible()
    visit.reload()
    page.locator("#talks .open", has_text="engineer of the dredging").click()
    expect(page.locator("#past")).to_contain_text("Clara Holt")
    expect(page.locator("#now")).to_contain_text("Bregenz")
    picture(page, "2-back")


def test_a_model_that_is_killed_loses_no_answer(visit: Visit, served: Served) -> None:
    """It is started again, or quotes come instead; the next question has a model."""
    page = visit.page
    page.fill("#question textarea", "Where did the U.S. and Russian delegations meet?")
    page.keyboard.press("Enter")
    page.wait_for_selector("#sources .card:visible")
    children = psutil.Process(served.process.pid).children(recursive=True)
    servers = [c for c in children if any("server_process" in part for part in c.cmdline())]
    assert servers
    for child in servers:
        child.send_signal(signal.SIGKILL)
    visit.wait_for_answer("Where did the U.S. and Russian delegations meet?")
    expect(page.locator("#now .reply")).to_contain_text("Istanbul")
    picture(page, "3-killed")
    visit.ask("Where did Tom Shannon meet his Russian counterpart?")
    expect(page.locator("#now .reply")).to_contain_text("Finland")
    expect(page.locator("#now .meta .model")).to_contain_text("Qwen")
