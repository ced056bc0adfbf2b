"""Dangerous texts in a real browser: whatever a page is made to show, it stays words.

The answers, names and titles are forged, with the texts in every place as if nothing had been
checked before: what the page itself must keep from doing harm. Seen is every request, also one
that the page's policy stops, every script, every window, and every element that could load.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from playwright.sync_api import Browser, Dialog, expect

from tests.conftest import ROOT
from tests.forced_outputs import forced_outputs
from tests.ui.forged_page import BATCHES, TITLES
from tests.ui.visits import Visit, visiting

pytestmark = pytest.mark.browser

PATIENCE = 60  # seconds

# Runs before anything of a page: nothing escapes it.
WATCH = """window.stopped = [];
document.addEventListener("securitypolicyviolation", e => stopped.push(e.blockedURI), true);
for (const name of ["alert", "confirm", "prompt", "open"]) window[name] = () => stopped.push(name);
"""
# What could load, lead away or run, wherever it stands; our own parts have none of these.
LOOK = """root => {
  const found = [...stopped], own = url => {
    try { return new URL(url, location.href).origin === location.origin } catch { return false }
  };
  if ("hurt" in window) found.push("a script ran");
  const loads = ["src", "href", "xlink:href", "action", "formaction", "poster", "data", "ping",
    "background", "srcset", "srcdoc", "cite", "manifest"];
  for (const element of document.querySelectorAll(root + " *")) {
    const tag = element.localName;
    if (["script", "iframe", "object", "embed", "base", "link", "meta", "style", "video", "audio",
      "math", "marquee", "template", "noscript", "source", "table"].includes(tag)
      && !element.closest("#inspector, #shelf")) found.push(tag);
    for (const { name, value } of element.attributes) {
      if (name.startsWith("on")) found.push(`${tag} ${name}`);
      if (loads.includes(name) && !(own(value) && /^(#|[/]page[/])/.test(value)))
        found.push(`${tag} ${name}=${value}`);
      if (name === "style" && /url|import|image/.test(value)) found.push(`${tag} style=${value}`);
    }
  }
  return found;
}"""
# As assets/panels.js does it when a button is clicked.
OPEN_ALL = """async id => {
  const body = document.querySelector(`#${id} .body`);
  const buttons = [...document.querySelectorAll(`[data-dialog=${id}]`)];
  const sources = [...new Set(buttons.map(button => button.dataset.source))];
  const shown = await Promise.all(sources.map(async source => {
    const part = document.createElement("div");
    part.innerHTML = await (await fetch(source)).text();
    return part;
  }));
  body.replaceChildren(...shown);
  return shown.length;
}"""


@dataclass(frozen=True)
class Stage:
    """A page on a library full of dangerous texts, with a conversation for each batch."""

    url: str
    talks: Sequence[str]
    process: subprocess.Popen[str]

    def go_on(self) -> None:
        """Let an answer end."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Serve it."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.ui.forged_page"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        url, talks = json.loads(process.stdout.readline())
        yield Stage(url, talks, process)
        process.communicate(timeout=PATIENCE)


@contextmanager
def watched(browser: Browser, url: str) -> Iterator[Visit]:
    """Open a tab; afterwards, no window and no dialog was opened."""
    with visiting(browser, url, script=WATCH) as tab:
        opened: list[str] = []

        def dismiss(dialog: Dialog) -> None:
            opened.append(dialog.message)
            dialog.dismiss()

        tab.context.on("page", lambda page: opened.append(page.url))
        tab.page.on("dialog", dismiss)
        tab.page.wait_for_selector("#talks .talk")
        yield tab
        assert opened == []


def harm(tab: Visit, *places: str) -> list[str]:
    """Return what in these parts of the page is more than words."""
    return [found for place in places for found in tab.page.evaluate(LOOK, place)]


def test_kept_conversations_are_words(browser: Browser, stage: Stage) -> None:
    """Questions, answers, chips, cards, passages, notes, copies, titles and the library."""
    shown = 0
    with watched(browser, stage.url) as tab:
        expect(tab.page.locator("#talks .talk")).to_have_count(len(TITLES) + len(BATCHES))
        for number, talk in enumerate(stage.talks):
            tab.page.locator(f"#talks .open[data-id='{talk}']").click()
            last = f"#exchange-{len(BATCHES[number])}"
            tab.page.wait_for_selector(f"#now {last}")
            tab.page.wait_for_selector(f"#sources #sources-{len(BATCHES[number])}")
            assert harm(tab, "#chat", "#sources", "#talks") == []
            for box in ("viewer", "inspector"):
                assert tab.page.evaluate(OPEN_ALL, box) == len(BATCHES[number])
                assert harm(tab, f"#{box}") == []
            shown += tab.page.locator("#chat .exchange").count()
        tab.page.click(".views a[data-view=library]")
        tab.page.wait_for_selector("#shelf tbody tr")
        assert harm(tab, "#shelf", "#library-head") == []
    assert shown == len(forced_outputs())


def test_streamed_answers_are_words(browser: Browser, stage: Stage) -> None:
    """While they are written, when they are whole, and when they fail with such words."""
    with watched(browser, stage.url) as tab:
        for number, batch in enumerate(BATCHES):
            for verb in ("Say", "Fail") if number == 0 else ("Say",):
                question = f"{verb} batch {number}"
                tab.page.fill("#question textarea", question)
                tab.page.keyboard.press("Enter")
                tab.page.wait_for_selector("#now .draft")
                assert harm(tab, "#chat", "#sources") == []
                stage.go_on()
                tab.wait_for_answer(question)
                assert harm(tab, "#chat", "#sources") == []
                chips = 0 if verb == "Fail" else len(batch)
                expect(tab.page.locator("#now a.chip")).to_have_count(chips)


def test_saved_files_stay_words_in_a_viewer(browser: Browser, stage: Stage, tmp_path: Path) -> None:
    """Exported Markdown, rendered with all HTML allowed and no policy, asks for nothing."""
    viewer = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    context = browser.new_context()
    context.add_init_script(WATCH)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for number, talk in enumerate(stage.talks):
        reply = context.request.get(f"{stage.url}/page/conversations/{talk}.md")
        assert reply.headers["content-disposition"].startswith("attachment")
        file = tmp_path / f"{number}.html"
        file.write_text(f"<meta charset=utf-8>{viewer.render(reply.text())}", encoding="utf-8")
        page.goto(file.as_uri())
        assert page.evaluate(LOOK, "body") == []
        assert page.locator("h2").count() == len(BATCHES[number])
    context.close()
    assert [url for url in asked if not url.startswith("file:")] == []
    assert len(asked) == len(BATCHES)
