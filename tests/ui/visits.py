"""A tab of a real browser that remembers what the page did that it should not."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 30_000  # milliseconds; a page that hangs should fail a test, not stop all


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the Chromium of this machine; skip the test where there is none."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"there is no Chromium here (looked for {', '.join(BROWSERS)})")
    with sync_playwright() as playwright:
        # Without a sandbox of its own, since tests may run as root in a container.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


class Visit:
    """One open tab, and what it did that it should not."""

    def __init__(
        self,
        browser: Browser,
        url: str,
        *,
        state: str = "#state .ready",
        script: str | None = None,
        **options: object,
    ) -> None:
        self.context = browser.new_context(**options)  # type: ignore[arg-type]
        if script is not None:
            self.context.add_init_script(script)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.unguarded: list[str] = []
        """Replies without a policy of what the page may load."""
        self.page.on("request", self._on_request)
        self.page.on("response", self._on_response)
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(url)
        self.page.wait_for_selector("#question textarea")
        self.page.wait_for_selector(state)

    def _on_request(self, request: Request) -> None:
        self.requests.append(request.url)

    def _on_response(self, reply: Response) -> None:
        policy = reply.headers.get("content-security-policy", "")
        if not policy.startswith(("default-src 'self'", "default-src 'none'")):
            self.unguarded.append(reply.url)

    def _on_console(self, message: ConsoleMessage) -> None:
        # The framework says so of itself whenever an upload ends.
        if message.type in ("error", "warning") and message.text != "Method not implemented.":
            self.complaints.append(message.text)

    def reload(self) -> None:
        """Begin the page anew. What this cuts off of the page before is no complaint."""
        assert self.complaints == [], self.complaints
        self.page.reload()
        self.page.wait_for_selector("#state .ready")
        self.complaints.clear()

    def ask(self, question: str) -> None:
        """Send a question and wait for the end of its answer."""
        self.page.fill("#question textarea", question)
        self.page.keyboard.press("Enter")
        self.wait_for_answer(question)

    def ask_again(self, question: str) -> None:
        """Have the last question answered anew and wait for the end of the new answer."""
        # Until the page hears of it the old answer still stands there, as ended as the new one.
        self.page.evaluate("document.querySelector('#now .exchange').dataset.old = 'yes'")
        self.page.click("#now [data-action=again]")
        self.page.wait_for_selector("#now .exchange:not([data-old])")
        self.wait_for_answer(question)

    def wait_for_answer(self, question: str) -> None:
        self.page.wait_for_function(
            """question => {
              const item = document.querySelector("#now .exchange:not([aria-busy])");
              return item && item.querySelector(".question p").textContent === question;
            }""",
            arg=question,
        )


@contextmanager
def visiting(browser: Browser, url: str, **options: object) -> Iterator[Visit]:
    """Open a tab; afterwards, it has spoken to its own host only, and not moaned."""
    tab = Visit(browser, url, **options)  # type: ignore[arg-type]
    yield tab
    strangers = [
        wanted for wanted in tab.requests if not wanted.startswith((url, "data:", "blob:"))
    ]
    unguarded = [reply for reply in tab.unguarded if reply.startswith(url)]
    complaints = list(tab.complaints)
    tab.context.close()
    assert strangers == [], strangers
    assert unguarded == [], unguarded
    assert complaints == [], complaints
