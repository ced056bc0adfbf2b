"""What a person sees on a terminal and what a program reads from a pipe."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from rag import (
    AddReport,
    Answer,
    Check,
    Citation,
    Document,
    DocumentResult,
    Event,
    Hit,
    Passage,
    Progress,
    Sentence,
)
from ui.terminal import AnswerDisplay, ProgressDisplay, Terminal

ESCAPE = "\x1b[31mred\x1b]0;title\x07\x9b1m"
TEXT = "The delegations met in Geneva on 4 May. They agreed on three points."


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def known_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fix what the display would otherwise take from the surroundings."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "12")


def document(uri: str = "notes/treaty.txt", title: str = "The treaty") -> Document:
    return Document("d1", uri, title, "text/plain", "0" * 64, 69, 1, "2026-01-01T10:20:30+00:00")


def hit(text: str = TEXT, *, page: int | None = None, heading: str | None = None) -> Hit:
    passage = Passage("p1", document(), 0, 0, len(text), page, heading, text)
    return Hit(passage, 0.87, 0.5, 2.0)


def answer(
    *, quote: str = "met in Geneva", page: int | None = None, verdict: str = "supported"
) -> Answer:
    citation = Citation(1, document(), "p1", 16, 29, page, quote)
    return Answer(
        question="Where?",
        searched_for="Where?",
        text="They met in Geneva. [1]",
        answered=True,
        confidence=0.912,
        sentences=(Sentence("They met in Geneva.", (citation,), verdict),),  # type: ignore[arg-type]
        citations=(citation,),
        hits=(hit(heading="The talks"),),
        model="some-model",
        timings={"total": 2.34},
    )


def refusal() -> Answer:
    return Answer("Why?", "Why?", "No answer there.", False, 0.1, (), (), (hit(page=3),), "m")


def terminal() -> tuple[Terminal, io.StringIO, io.StringIO]:
    out, err = io.StringIO(), io.StringIO()
    return Terminal(out, err), out, err


def shown(method: str, value: object) -> str:
    piped, out, _ = terminal()
    getattr(piped, method)(value)
    return out.getvalue()


def test_answer_is_printed_with_its_numbered_quotes() -> None:
    """File, page, heading and quote stand behind the number that the text carries."""
    text = shown("show_answer", answer(page=3))
    assert text.splitlines()[0] == "They met in Geneva. [1]"
    assert '[1] treaty.txt, page 3, The talks: "met in Geneva"' in text.splitlines()
    assert text.splitlines()[-1] == "confidence 0.91 · some-model · 2.3 s"


def test_answer_without_pages_names_no_page() -> None:
    """A plain text file has no pages to name."""
    assert "page" not in shown("show_answer", answer())


@pytest.mark.parametrize(
    ("verdict", "words"), [("partial", "only partly"), ("unsupported", "not sup")]
)
def test_doubtful_sentence_is_told_in_words(verdict: str, words: str) -> None:
    """A sentence that its quotes do not carry whole is named below the quotes."""
    assert f"Sentence 1 is {words}" in shown("show_answer", answer(verdict=verdict))


def test_refusal_says_that_the_passages_do_not_answer() -> None:
    """The nearest passages are offered, and are told apart from support."""
    text = shown("show_answer", refusal())
    assert text.startswith("No answer there.\n")
    assert "The nearest passages, which do not answer it:" in text
    assert "treaty.txt:0-68 (page 3)" in text
    assert "[1]" not in text


def test_quote_with_escapes_and_markup_is_not_obeyed() -> None:
    """What looks like a command to the terminal or to the display stays characters."""
    text = shown("show_answer", answer(quote=f"[bold]x[/bold] :smile: {ESCAPE}"))
    assert "[bold]x[/bold] :smile: [31mred" in text
    assert "\x1b" not in text
    assert "\x9b" not in text


def test_screen_gets_no_escape_of_a_document() -> None:
    """On a terminal too, the only escapes are those of the display itself."""
    screen = Screen()
    Terminal(screen, io.StringIO()).show_answer(answer(quote=ESCAPE))
    assert "\x1b]0;" not in screen.getvalue()
    assert "\x07" not in screen.getvalue()


def test_hits_name_place_and_first_lines() -> None:
    """Rank, score, file, characters and page, then at most three lines of the passage."""
    lines = shown("show_hits", [hit("word " * 200, page=2)]).splitlines()
    assert lines[0] == " 1  0.87  treaty.txt:0-1000 (page 2)"
    assert len(lines) == 4
    assert lines[-1].endswith("…")


def test_piped_lines_are_not_broken() -> None:
    """A path longer than a screen stays on its line, so that a program can read it."""
    uri = "/".join(["long-folder-name"] * 20) + "/x.txt"
    report = AddReport((DocumentResult(uri, "added", None, document(uri)),), (), 1.0)
    assert shown("show_report", report).splitlines()[0] == f"added     {uri} (1 passage)"


def test_report_has_a_line_for_each_file_and_a_summary() -> None:
    """Status, path and reason; then counts, seconds and passages a second."""
    report = AddReport(
        (
            DocumentResult("a.txt", "added", None, document("a.txt")),
            DocumentResult("b.bin", "rejected", "not a text. Leave it out."),
        ),
        (document("gone.txt"),),
        0.5,
    )
    assert shown("show_report", report).splitlines() == [
        "added     a.txt (1 passage)",
        "rejected  b.bin: not a text. Leave it out.",
        "removed   gone.txt: its file has gone",
        "1 added, 1 rejected, 1 removed; 1 passage in 0.5 s, 2 passages/s",
    ]


def test_report_of_nothing_says_so() -> None:
    """An empty folder is no success to be silent about."""
    assert shown("show_report", AddReport((), (), 0.0)) == "No files were found there.\n"


def test_piped_documents_are_separated_by_tabs() -> None:
    """Each document is one line of six fields, whatever its title holds."""
    lines = shown("show_documents", [document(title="a\tb\nc")]).splitlines()
    assert lines[0].split("\t")[0] == "id"
    fields = ["d1", "treaty.txt", "a b c", "69", "1", "2026-01-01 10:20"]
    assert lines[1].split("\t") == fields


def test_documents_on_a_screen_keep_their_ids_whole() -> None:
    """An id is needed to remove a document, so the table never cuts it."""
    screen = Screen()
    Terminal(screen, io.StringIO()).show_documents([document(title="long title " * 30)])
    assert "d1" in screen.getvalue()
    assert "treaty.txt" in screen.getvalue()


def test_checks_show_mark_and_fix() -> None:
    """A line for each check, and what to do below one that failed."""
    checks = [Check("disk", True, "9 GB free"), Check("library", False, "damaged", "Restore it.")]
    assert shown("show_checks", checks).splitlines() == [
        "✓ disk: 9 GB free",
        "✗ library: damaged",
        "    fix: Restore it.",
    ]


@given(st.text())
def test_json_is_one_document_without_control_characters(text: str) -> None:
    """Any text comes back as it was, and on the way no terminal obeys it."""
    printed = shown("show_json", {"text": text})
    assert json.loads(printed) == {"text": text}
    assert not any((ord(c) < 32 and c != "\n") or 0x7F <= ord(c) < 0xA0 for c in printed)


def test_complaints_go_to_the_other_stream() -> None:
    """What a program reads from stdout holds results only."""
    piped, out, err = terminal()
    piped.complain("No such thing. Do this.")
    assert out.getvalue() == ""
    assert err.getvalue() == "footnote: No such thing. Do this.\n"


def reports(display: ProgressDisplay, *done: float) -> None:
    with display as progress:
        for amount in done:
            progress(Progress("Adding documents", amount, 4, "files"))


def test_piped_progress_is_a_line_at_start_and_end() -> None:
    """A log gets two lines for a short task, however many steps it has."""
    out = io.StringIO()
    reports(ProgressDisplay(Console(file=out), clock=lambda: 0.0), 0, 1, 2, 3, 4)
    assert out.getvalue().splitlines() == [
        "Adding documents …",
        "Adding documents: 4 files in 0.0 s",
    ]


def test_piped_progress_tells_rate_and_time_left() -> None:
    """A long task says now and then how fast it is and how long it will take."""
    out = io.StringIO()
    times = iter([0.0, 4.0, 8.0, 9.0])
    display = ProgressDisplay(
        Console(file=out), clock=lambda: next(times), seconds_between_lines=5.0
    )
    reports(display, 0, 1, 2, 3)
    assert out.getvalue().splitlines() == [
        "Adding documents …",
        "Adding documents: 2 files of 4 files (50%), 0.2 files/s, 8 s left",
    ]


def test_progress_without_a_total_tells_the_amount() -> None:
    """A download of unknown size still shows that it moves."""
    out = io.StringIO()
    times = iter([0.0, 10.0])
    with ProgressDisplay(Console(file=out), clock=lambda: next(times)) as progress:
        progress(Progress("downloading", 0, None, "B"))
        progress(Progress("downloading", 50_000_000, None, "B"))
    assert out.getvalue().splitlines()[-1] == "downloading: 50 MB, 5 MB/s"


def test_work_that_was_over_at_once_is_not_told() -> None:
    """A first report that is the last is no progress anybody waited for."""
    out = io.StringIO()
    reports(ProgressDisplay(Console(file=out)), 4)
    assert out.getvalue() == ""


def test_progress_on_a_screen_is_a_bar_that_is_cleared() -> None:
    """The bar shows task, amount and rate, and leaves the screen to the results."""
    screen = Screen()
    reports(ProgressDisplay(Console(file=screen, force_terminal=True)), 0, 1, 2)
    assert "Adding documents" in screen.getvalue()
    assert "2 files of 4 files" in screen.getvalue()
    assert screen.getvalue().endswith("\x1b[2K")


def test_progress_of_two_tasks_shows_both() -> None:
    """A task that follows another has its own lines."""
    out = io.StringIO()
    with ProgressDisplay(Console(file=out), clock=lambda: 0.0) as progress:
        for task in ("first", "second"):
            progress(Progress(task, 0, 1, "files"))
            progress(Progress(task, 1, 1, "files"))
    assert [line.split()[0] for line in out.getvalue().splitlines()] == [
        "first",
        "first:",
        "second",
        "second:",
    ]


def test_streamed_answer_is_shown_as_it_comes() -> None:
    """Stages, drafts and sentences appear on a screen before the answer is whole."""
    screen = Screen()
    with AnswerDisplay(Console(file=screen, force_terminal=True)) as display:
        display.show(Event("reading"))
        assert "Reading" in screen.getvalue()
        display.show(Event("writing", draft="They m"))
        assert "They m" in screen.getvalue()
        display.show(Event("writing", text="They met in Geneva. [1]"))
        assert "They met in Geneva. [1]" in screen.getvalue()


def test_streamed_answer_longer_than_the_screen_shows_its_end() -> None:
    """Only as much is drawn as can be cleared again; the newest words are in it."""
    screen = Screen()
    words = " ".join(f"word{n}" for n in range(500))
    with AnswerDisplay(Console(file=screen, force_terminal=True, height=12)) as display:
        display.show(Event("writing", text=words))
    assert "word499" in screen.getvalue()
    assert "word0 " not in screen.getvalue()


def test_stream_into_a_pipe_prints_nothing_before_the_answer() -> None:
    """A program that reads the answer gets it once, whole."""
    out = io.StringIO()
    with AnswerDisplay(Console(file=out)) as display:
        display.show(Event("writing", text="They met."))
    assert out.getvalue() == ""
