"""Takes the pictures of the chat page: `python -m ui.screenshots OUT_DIR`.

Knows nothing of the page's code: it serves the page on some documents and drives it in a
headless Chromium, as a person would.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from rag import Assistant, FootnoteError, Settings
from ui.access import Access
from ui.app import build
from ui.occasion import EXAMPLES
from ui.server import open_socket, serving
from ui.warming import Warming

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ASKED = EXAMPLES[3:5]
UNANSWERABLE = "Who won the football World Cup in 2018?"
_PATIENCE = 180_000  # milliseconds
_SETTLED = 700  # milliseconds, for scrolling and fading to end


@dataclass(frozen=True)
class Device:
    """What a picture is taken with; sizes in CSS pixels."""

    name: str
    width: int
    height: int
    scale: float = 1
    dark: bool = False


DEVICES = (
    Device("page", 1280, 800),
    Device("dark", 1280, 800, dark=True),
    Device("phone", 390, 844, scale=2),
)


def main(argv: list[str] | None = None) -> int:
    """Take all pictures; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m ui.screenshots", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="OUT_DIR", help="where the pictures go")
    parser.add_argument("--add", type=Path, default=Path("seeds"), help="documents to ask about")
    arguments = parser.parse_args(argv)
    try:
        for picture in take(arguments.folder, arguments.add):
            sys.stdout.write(f"{picture}\n")
    except FootnoteError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def take(folder: Path, documents: Path) -> Iterator[Path]:
    """Serve a page on these documents and yield the path of each picture taken of it."""
    folder.mkdir(parents=True, exist_ok=True)
    with served(documents) as address, chromium() as browser:
        for device in DEVICES:
            with opened(browser, device, address) as page:
                yield _answered(page, folder / f"{device.name}.png")
        with opened(browser, DEVICES[0], address) as page:
            _ask(page, UNANSWERABLE)
            yield _shoot(page, folder / "refusal.png")
            yield from _panels(page, folder)
        with opened(browser, DEVICES[-1], address) as page:
            page.click(".views a[data-view=library]")
            yield _shoot(page, folder / "phone-library.png")


@contextlib.contextmanager
def served(documents: Path) -> Iterator[str]:
    """Serve a page on a library of its own; yield the address when the models are ready."""
    with tempfile.TemporaryDirectory() as home:
        settings = Settings()
        models = settings.models_folder
        settings = settings.model_copy(update={"home": Path(home), "models": models})
        with Assistant(settings) as assistant:
            assistant.add(documents)
            warming = Warming(assistant)
            warming.start()
            page = build(assistant, warming.readiness, Access(settings))
            warming.join()
            with (
                serving(page.app, open_socket("127.0.0.1", 0)) as address,
                contextlib.closing(page),
            ):
                yield address


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Start the Chromium of this machine; raises FootnoteError where there is none."""
    program = find_chromium()
    if program is None:
        raise FootnoteError("There is no Chromium here. Install one: apt-get install chromium.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        yield browser
        browser.close()


def find_chromium() -> str | None:
    """Return the path of an installed Chromium, None where there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@contextlib.contextmanager
def opened(browser: Browser, device: Device, address: str) -> Iterator[Page]:
    """Open the page on a device."""
    context = browser.new_context(
        viewport={"width": device.width, "height": device.height},
        device_scale_factor=device.scale,
        color_scheme="dark" if device.dark else "light",
        is_mobile=device.width < 500,
    )
    page = context.new_page()
    page.set_default_timeout(_PATIENCE)
    page.goto(address)
    page.wait_for_selector("#state .ready")
    yield page
    context.close()


def _answered(page: Page, path: Path) -> Path:
    """Ask two example questions, click the first citation of the last, take the picture."""
    for question in ASKED:
        _ask(page, question)
    page.click("#now a.chip >> nth=0")
    return _shoot(page, path)


def _panels(page: Page, folder: Path) -> Iterator[Path]:
    """Take the pictures of what opens over the conversation, and of the other parts."""
    _ask(page, ASKED[0])
    page.click("#now a.chip >> nth=0")
    page.click("#sources .card.cited [data-dialog] >> visible=true >> nth=0")
    yield _shoot(page, folder / "document.png")
    page.keyboard.press("Escape")
    page.click("#now [data-dialog=inspector]")
    yield _shoot(page, folder / "inspector.png")
    page.keyboard.press("Escape")
    for view in ("library", "evaluation", "settings"):
        page.click(f".views a[data-view={view}]")
        yield _shoot(page, folder / f"{view}.png")


def _ask(page: Page, question: str) -> None:
    page.wait_for_selector("#send")
    page.fill("#question textarea", question)
    page.keyboard.press("Enter")
    page.wait_for_function(
        "q => document.querySelector('#now .exchange:not([aria-busy])')?.innerText.includes(q)",
        arg=question,
    )


def _shoot(page: Page, path: Path) -> Path:
    page.wait_for_timeout(_SETTLED)
    page.screenshot(path=path)
    return path


if __name__ == "__main__":
    sys.exit(main())
