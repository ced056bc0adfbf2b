"""Puts results into words: places, amounts, summaries; all text cleaned for a terminal.

Knows nothing of terminals, and prints nothing.
"""

from __future__ import annotations

import json
import re
import textwrap
import unicodedata
from collections import Counter
from typing import Any

from rag import AddReport, Answer, Citation, Document, Progress

_LINES_OF_A_PASSAGE = 3
_FIRST_PLURAL = re.compile(r"(?<=\w)s\b")
# Characters of the category of those that turn the reading order or hide words (Cf), which
# belong to the words of some languages, to their numbers, and to emoji.
_WELCOME = frozenset(
    "\u200c\u200d\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)


def clean(text: str) -> str:
    """Return the text without what steers a terminal, turns the reading order or hides words."""
    return "".join(c for c in text if c in "\n\t" or not _steers(c))


def one_line(text: str) -> str:
    """Return the text cleaned, and on one line."""
    return clean(" ".join(text.split()))


def file_name(document: Document) -> str:
    """Return the name of the file a document came from."""
    return one_line(document.uri.rstrip("/").rsplit("/", 1)[-1]) or one_line(document.title)


def _steers(character: str) -> bool:
    category = unicodedata.category(character)
    return category in ("Cc", "Cs") or (category == "Cf" and character not in _WELCOME)


def as_json(value: Any) -> str:
    """Return a value as one JSON document that no terminal obeys."""
    # JSON leaves these as they are.
    steering = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}
    return json.dumps(value, ensure_ascii=False, indent=2).translate(steering) + "\n"


def progress_line(progress: Progress, seconds: float) -> str:
    """Return how far a task is after so many seconds: amount, rate, time left."""
    done = amount_of(progress.done, progress.unit)
    speed = progress.done / seconds if seconds > 0 else 0.0
    rate = f", {amount_of(speed, progress.unit)}/s" if speed else ""
    if not progress.total:
        return done + rate
    left = f", {(progress.total - progress.done) / speed:.0f} s left" if speed else ""
    share = f" of {amount_of(progress.total, progress.unit)} ({progress.done / progress.total:.0%})"
    return done + share + rate + left


def amount_of(number: float, unit: str) -> str:
    """Return a number with its unit; bytes are shown in megabytes."""
    if unit == "B":
        return f"{number / 1e6:,.0f} MB"
    # A rate below ten needs its fraction, a count of files has none worth showing.
    digits = f"{number:.1f}" if number < 10 and number != int(number) else f"{number:,.0f}"
    return f"{digits} {unit.removesuffix('s') if number == 1 else unit}"


def count_of(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless there is one."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def place_of(citation: Citation, heading: str | None) -> str:
    """Return where a quote stands: file, page, heading."""
    parts = [file_name(citation.document)]
    if citation.page is not None:
        parts.append(f"page {citation.page}")
    if heading:
        parts.append(one_line(heading))
    return ", ".join(parts)


def dropped_from(document: Document) -> str:
    """Return what the document's text leaves out of its file, "" if it leaves out nothing."""
    parts = [
        f"{number:,} {_FIRST_PLURAL.sub('', noun, count=1) if number == 1 else noun}"
        for noun, number in document.dropped.items()
    ]
    return one_line(", ".join(parts))


def fields_of(document: Document) -> tuple[str, ...]:
    """Return id, file, title, characters, passages and time of adding."""
    return (
        document.id,
        file_name(document),
        one_line(document.title),
        str(document.n_characters),
        str(document.n_passages),
        document.added_at[:16].replace("T", " "),
    )


def first_lines(text: str, width: int) -> list[str]:
    """Return the first lines of a text, broken at `width` characters."""
    return textwrap.wrap(
        one_line(text), width=max(width, 20), max_lines=_LINES_OF_A_PASSAGE, placeholder=" …"
    )


def answer_summary(answer: Answer) -> str:
    """Return how sure the answer is, who wrote it and how long that took."""
    parts = [f"confidence {answer.confidence:.2f}", one_line(answer.model)]
    if "total" in answer.timings:
        parts.append(f"{answer.timings['total']:.1f} s")
    return " · ".join(parts)


def report_summary(report: AddReport) -> str:
    """Return how many files ended how, and how fast."""
    if not report.documents and not report.removed:
        return "No files were found there."
    counts: Counter[str] = Counter(result.status for result in report.documents)
    counts["removed"] = len(report.removed)
    order = ("added", "updated", "unchanged", "rejected", "failed", "removed")
    parts = [f"{counts[status]} {status}" for status in order if counts[status]]
    passages = sum(
        result.document.n_passages
        for result in report.documents
        if result.document and result.status in ("added", "updated")
    )
    rate = f", {passages / report.seconds:.0f} passages/s" if passages and report.seconds else ""
    work = f"{count_of(passages, 'passage')} in {report.seconds:.1f} s{rate}"
    return f"{', '.join(parts)}; {work}"
