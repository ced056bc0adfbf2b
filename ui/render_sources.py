"""What answers rest on, as HTML: quotes in their places, and the other passages found.

Every word is escaped. Knows nothing of where documents are kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from rag import Citation, Document, Evidence, Hit
from ui.conversation import Exchange, Source
from ui.naming import document_name, file_name
from ui.render_reader import address, image
from ui.render_tools import thumbs

_BLANK_LINES = re.compile(r"\n[^\S\n]*\n\s*")


def card_id(turn: int, number: int) -> str:
    """Name the card of a citation of one answer."""
    return f"card-{turn}-{number}"


def sources(exchanges: Sequence[Exchange], *, latest: int) -> str:
    """Render what each exchange rests on; the one numbered `latest` is shown at first."""
    return "".join(_sources_of(item, shown=item.number == latest) for item in exchanges)


def no_sources() -> str:
    """Render the panel before anything was asked."""
    return (
        '<section class="of-turn latest empty" data-turn="0"><h2>Sources</h2><p>The passages an '
        "answer rests on appear here, with the quoted words marked.</p></section>"
    )


def _sources_of(item: Exchange, *, shown: bool) -> str:
    cards = "".join(_citation_card(item, source) for source in item.sources)
    cited = {source.citation.passage_id for source in item.sources}
    hits = item.answer.hits if item.answer is not None else item.hits
    others = [hit for hit in hits if hit.passage.id not in cited]
    best = _best_of(item)
    passages = "".join(_passage_card(hit, best.get(hit.passage.id)) for hit in others)
    if cards and others:
        label = "1 other passage" if len(others) == 1 else f"{len(others)} other passages"
        passages = f'<details class="others"><summary>{label} found</summary>{passages}</details>'
    return (
        f'<section class="of-turn{" latest" if shown else ""}" data-turn="{item.number}" '
        f'id="sources-{item.number}" aria-label="Sources of answer {item.number}">'
        f'<h2 tabindex="-1">{_sources_title(item, bool(hits))}</h2>'
        f'<p class="for">{escape(item.question)}</p>{cards}{passages}</section>'
    )


def _sources_title(item: Exchange, found: bool) -> str:
    if item.sources:
        return "Sources"
    if item.answer is not None and found:
        return "Nearest passages"
    if found:
        return "Passages found"
    return "No passages found" if item.finished else "Searching…"


def _citation_card(item: Exchange, source: Source) -> str:
    citation, turn = source.citation, item.number
    card = card_id(turn, citation.number)
    step = ""
    if len(item.sources) > 1:
        step = (
            '<button type="button" data-step="-1" aria-label="Previous source">‹</button>'
            '<button type="button" data-step="1" aria-label="Next source">›</button>'
        )
    return (
        f'<article class="card cited" id="{card}" tabindex="-1">'
        f'<header><span class="number" aria-label="Source {citation.number}">{citation.number}'
        f"</span>{_document_lines(citation.document, citation.page, source.heading)}</header>"
        f"<blockquote>{_quoted(source)}</blockquote>{_picture(citation)}"
        f'<p class="ways">{step}<button type="button" data-dialog="viewer" '
        f'data-source="{place(citation)}">Open document</button>'
        f'<span class="thumbs">{thumbs(item, citation.number)}</span>'
        f'<a class="back" href="#exchange-{turn}" '
        f'data-exchange="exchange-{turn}">Back to the answer</a></p></article>'
    )


def place(citation: Citation) -> str:
    """Return where the document of a citation is read, opened at the quote."""
    return f"{address(citation.document.id)}?start={citation.start}&amp;end={citation.end}"


def _picture(citation: Citation) -> str:
    """Render the part of the page that the quote stands on, where the document has pages."""
    if citation.page is None:
        return ""
    source = image(citation.document.id, citation.page, citation.start, citation.end)
    return (
        f'<img class="page-crop" loading="lazy" src="{source}&amp;crop=1" '
        f'alt="Page {citation.page} of the document">'
    )


def _quoted(source: Source) -> str:
    return (
        f"{_tidy(source.before)}"
        f'<mark class="quote">{escape(source.citation.quote)}</mark>'
        f"{_tidy(source.after)}"
    )


def _best_of(item: Exchange) -> dict[str, Evidence]:
    """Return the best sentence of each passage that has one, by the passage's id."""
    found = item.answer.evidence if item.answer is not None else ()
    return {sentence.passage.id: sentence for sentence in reversed(found)}


def _passage_card(hit: Hit, best: Evidence | None) -> str:
    passage = hit.passage
    words = _tidy(passage.text.strip())
    if best is not None:
        start, end = best.start - passage.start, best.end - passage.start
        before, marked, after = passage.text[:start], passage.text[start:end], passage.text[end:]
        words = (
            f'{_tidy(before.lstrip())}<mark class="near">{escape(marked)}</mark>'
            f"{_tidy(after.rstrip())}"
        )
    return (
        '<article class="card"><header>'
        f"{_document_lines(passage.document, passage.page, passage.heading)}</header>"
        f"<blockquote>{words}</blockquote></article>"
    )


def _document_lines(document: Document, page: int | None, heading: str | None) -> str:
    name, title = file_name(document), document_name(document)
    details = [] if title == name else [f'<span class="file">{escape(name)}</span>']
    if page is not None:
        details.append(f'<span class="page">page {page}</span>')
    if heading and heading.strip() not in ("", title):
        details.append(f'<span class="heading">{escape(heading)}</span>')
    line = f'<p class="where">{"".join(details)}</p>' if details else ""
    return f'<div class="document"><h3>{escape(title)}</h3>{line}</div>'


def _tidy(text: str) -> str:
    """Escape text and keep at most one blank line in a row."""
    return escape(_BLANK_LINES.sub("\n\n", text))
