"""The page in a real browser: conversations that stay, and documents that come and go."""

from __future__ import annotations

import json
import re
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
BEES = "Karl von Frisch decoded the waggle dance of honey bees in 1927."


@pytest.fixture
def served() -> Iterator[Served]:
    """Serve the seeds in a library of their own, answering by quotes."""
    with serve("--add", str(ROOT / "seeds")) as page:
        yield page


@pytest.fixture
def visit(browser: Browser, served: Served) -> Iterator[Visit]:
    """Open the page in a tab; afterwards, it has spoken to its own host only, and not moaned."""
    with visiting(browser, served.url, permissions=["clipboard-read", "clipboard-write"]) as tab:
        yield tab


def test_a_conversation_outlives_the_page(visit: Visit) -> None:
    """It is listed after a reload, opens as it was, goes on, and has its sources."""
    page = visit.page
    visit.ask(GENEVA)
    visit.reload()
    expect(page.locator("#examples")).to_be_visible()
    page.click("#talks .open")
    expect(page.locator("#now")).to_contain_text("met in Istanbul")
    expect(page.locator("#examples")).to_be_hidden()
    page.click("#now a.chip")
    expect(page.locator("#card-1-1 mark.quote")).to_contain_text("met in Istanbul")
    visit.ask(FINLAND)
    expect(page.locator("#talks .talk")).to_have_count(1)
    expect(page.locator("#talks")).to_contain_text("2 questions")
    expect(page.locator("#past")).to_contain_text("met in Istanbul")


def test_conversations_are_found_renamed_saved_and_deleted(visit: Visit, tmp_path: Path) -> None:
    """Each from its own menu."""
    page = visit.page
    visit.ask(GENEVA)
    page.click("#new")
    expect(page.locator("#now .exchange")).to_have_count(0)
    visit.ask(FINLAND)
    expect(page.locator("#talks .talk")).to_have_count(2)
    page.fill("#find textarea, #find input", "istanbul")
    expect(page.locator("#talks .talk")).to_have_count(1)
    page.fill("#find textarea, #find input", "")
    expect(page.locator("#talks .talk")).to_have_count(2)
    second = page.locator("#talks .talk").nth(1)
    second.hover()
    second.get_by_label("More for this conversation").click()
    for kind, words in (("md", "Save as Markdown"), ("json", "Save as JSON")):
        with page.expect_download() as download:
            second.get_by_text(words).click()
        assert download.value.suggested_filename.endswith(f".{kind}")
        download.value.save_as(tmp_path / f"kept.{kind}")
    assert "met in Istanbul" in (tmp_path / "kept.md").read_text(encoding="utf-8")
    data = json.loads((tmp_path / "kept.json").read_text(encoding="utf-8"))
    assert data["exchanges"][0]["question"] == GENEVA
    second.get_by_text("Rename").click()
    second.get_by_label("New title").fill("Meetings")
    page.keyboard.press("Enter")
    renamed = page.locator("#talks .talk", has_text="Meetings")
    expect(renamed).to_have_count(1)
    renamed.hover()
    renamed.get_by_label("More for this conversation").click()
    renamed.get_by_text("Delete").click()
    renamed.get_by_text("Really delete?").click()
    expect(page.locator("#talks .talk")).to_have_count(1)
    expect(page.locator("#now")).to_contain_text("Finland")


def test_a_question_is_edited_asked_again_and_its_answer_copied(visit: Visit) -> None:
    """The new answer takes the place of the old; quotes are copied as footnotes."""
    page = visit.page
    visit.ask(FINLAND)
    page.click("#now [data-action=edit]")
    expect(page.locator("#question textarea")).to_have_value(FINLAND)
    visit.ask(GENEVA)
    expect(page.locator("#chat .exchange")).to_have_count(1)
    visit.ask_again(GENEVA)
    expect(page.locator("#talks")).to_contain_text("1 question")
    copy = page.locator("#now [data-local=copy]")
    page.clock.install()
    for _ in range(2):
        copy.click()
        expect(copy).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    page.clock.run_for(10_000)
    expect(copy).to_have_text("Copy")
    assert re.search(r"\[\^1\].*^\[\^1\]: “[^”]*met in Istanbul", copied, re.DOTALL | re.MULTILINE)


def test_fifty_files_end_in_the_right_state(visit: Visit, tmp_path: Path) -> None:
    """Readable ones are there, the others say why not, and what was added can be asked."""
    page = visit.page
    for n in range(46):
        (tmp_path / f"note {n}.txt").write_text(f"Note {n} is about place {n}.", encoding="utf-8")
    (tmp_path / "bees.md").write_text(BEES, encoding="utf-8")
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "mislabelled.pdf").write_text("no PDF at all", encoding="utf-8")
    (tmp_path / "picture.png").write_bytes(bytes(range(256)))
    page.click(".views a[data-view=library]")
    page.set_input_files("#upload input[type=file]", sorted(map(str, tmp_path.iterdir())))
    expect(page.locator("#shelf .arrivals h3")).to_have_text("Just now", timeout=60_000)
    expect(page.locator("#shelf .arrival.added")).to_have_count(47)
    expect(page.locator("#shelf .arrival.rejected")).to_have_count(3)
    expect(page.locator("#shelf .arrival.rejected", has_text="empty.txt")).to_contain_text("empty")
    expect(page.locator("#shelf tbody tr")).to_have_count(52)
    page.click(".views a[data-view=chat]")
    visit.ask("Who decoded the waggle dance?")
    expect(page.locator("#now")).to_contain_text("Karl von Frisch")


def test_a_document_is_left_out_and_removed(visit: Visit) -> None:
    """Then the chat finds nothing in it."""
    page = visit.page
    visit.ask(GENEVA)
    page.click(".views a[data-view=library]")
    row = page.locator("#shelf tbody tr", has_text="001_384cb031686cce25")
    row.get_by_role("checkbox").click()
    expect(page.locator("#shelf h3")).to_contain_text("this chat uses 4")
    page.click(".views a[data-view=chat]")
    page.click("#now [data-action=again]")
    page.wait_for_function(
        "!document.querySelector('#now').innerText.includes('met in Istanbul to continue')"
    )
    page.click(".views a[data-view=library]")
    row.get_by_role("button", name="Remove").click()
    row.get_by_role("button", name="Really remove?").click()
    expect(page.locator("#shelf tbody tr")).to_have_count(4)


def test_a_folder_of_this_machine_is_added_by_its_path(visit: Visit, tmp_path: Path) -> None:
    """And a path that leads nowhere is a sentence."""
    page = visit.page
    (tmp_path / "bees.txt").write_text(BEES, encoding="utf-8")
    page.click(".views a[data-view=library]")
    page.fill("#path textarea, #path input", str(tmp_path / "nowhere"))
    page.click("#add")
    expect(page.locator("#shelf .arrival.rejected")).to_have_count(1)
    page.fill("#path textarea, #path input", str(tmp_path))
    page.keyboard.press("Enter")
    expect(page.locator("#shelf .arrival.added")).to_have_count(1)
    expect(page.locator("#shelf tbody tr", has_text="bees")).to_have_count(1)
