"""Conversations as files to keep: Markdown to read, JSON to work with. Pure.

Knows nothing of where conversations are kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from rag import Answer, Citation, Conversation, Exchange
from ui.naming import document_name, file_name
from ui.wording import as_json as json_text
from ui.wording import clean

# What Markdown would take for markup. A text keeps its words and loses its looks.
# Addresses, too: many viewers make links of those that stand alone.
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&$@]|:(?=/)|(?<=www)\.)", re.IGNORECASE)
_MARKER = re.compile(r"\s*\[(\d+)\]")
_LINE_START = re.compile(r"^(\s*\d*)([-+=.)])", re.MULTILINE)
# Not with a backslash: a browser, were it given the file, would still see a tag.
_TAG = re.compile(r"<(?=[A-Za-z/!?])")


def markdown(conversation: Conversation, exchanges: Sequence[Exchange]) -> str:
    """Return a conversation as Markdown, its citations as footnotes numbered through."""
    parts = [f"# {plain(conversation.title)}", f"{conversation.created_at[:10]}"]
    notes: list[str] = []
    for exchange in exchanges:
        parts.append(f"## {plain(exchange.answer.question)}")
        text, cited = with_notes(exchange.answer, first=len(notes) + 1)
        parts.append(text)
        notes += cited
    return "\n\n".join([*parts, *notes]) + "\n"


def answer_markdown(answer: Answer) -> str:
    """Return one answer as Markdown with its citations as footnotes."""
    text, notes = with_notes(answer, first=1)
    return "\n\n".join([text, *notes]) + "\n"


def with_notes(answer: Answer, *, first: int) -> tuple[str, list[str]]:
    """Return the text of an answer with Markdown's footnote marks, and the footnotes."""
    numbers = {c.number: first + n for n, c in enumerate(answer.citations)}
    parts: list[str] = []
    start = 0
    for marker in _MARKER.finditer(answer.text):
        if int(marker[1]) in numbers:
            parts += [plain(answer.text[start : marker.start()]), f"[^{numbers[int(marker[1])]}]"]
            start = marker.end()
    parts.append(plain(answer.text[start:]))
    # What follows a mark at once could make a link of it.
    text = "".join(re.sub(r"^(?=[(:])", r"\\", part) for part in parts)
    return text, [f"[^{numbers[c.number]}]: {note(c)}" for c in answer.citations]


def note(citation: Citation) -> str:
    """Return a citation as a line: the quote, its document, and where in it."""
    document = citation.document
    name, file = document_name(document), file_name(document)
    places = [name] if name == file else [name, file]
    if citation.page is not None:
        places.append(f"page {citation.page}")
    places.append(f"characters {citation.start:,} to {citation.end:,}")
    return f"“{plain(' '.join(citation.quote.split()))}” {plain(', '.join(places))}"


def as_json(conversation: Conversation, exchanges: Sequence[Exchange]) -> str:
    """Return a conversation as JSON: title, times, and every answer whole."""
    data: dict[str, Any] = {
        "title": conversation.title,
        "created_at": conversation.created_at,
        "changed_at": conversation.changed_at,
        "exchanges": [{"asked_at": e.asked_at, **e.answer.to_dict()} for e in exchanges],
    }
    return json_text(data)


def slug(title: str) -> str:
    """Return a title as the name of a file: letters, digits and hyphens."""
    return "-".join(re.findall(r"[^\W_]+", title.lower()))[:60].strip("-") or "conversation"


def plain(text: str) -> str:
    """Return a text that Markdown shows as it is, and a terminal, too."""
    escaped = "&lt;".join(_SPECIAL.sub(r"\\\1", part) for part in _TAG.split(clean(text)))
    return _LINE_START.sub(r"\1\\\2", escaped)
