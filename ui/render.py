"""Turns records into HTML: every word of a document, a question or an answer is escaped.

Knows nothing of Gradio, of sessions, or of where the records come from. Nothing is parsed
as Markdown: a text that holds markup shows that markup as it was written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape

from rag import Answer, Citation, Document, Hit, Progress, Sentence
from ui.conversation import Exchange, Readiness, Source
from ui.exporting import answer_markdown
from ui.naming import document_name, file_name

SENTENCE = "Every sentence with the words it rests on."

_MARKER = re.compile(r"\s*\[(\d{1,3})\]")
_HERE = " (on this machine)"
_BLANK_LINES = re.compile(r"\n[^\S\n]*\n\s*")
_VERDICTS = {
    "partial": ("partly supported", "The cited words support only part of this sentence."),
    "unsupported": ("not supported", "Nothing in your documents supports this sentence."),
}


def header() -> str:
    """Render the name of the product and one sentence."""
    return f'<header class="brand"><h1>Footnote</h1><p class="tagline">{SENTENCE}</p></header>'


def views() -> str:
    """Render the ways to the parts of the page."""
    links = "".join(
        f'<a href="#{name}" data-view="{name}">{label}</a>'
        for name, label in (("chat", "Chat"), ("library", "Library"))
    )
    return f'<nav class="views" aria-label="Parts of the page">{links}</nav>'


def invite(documents: int, *, with_examples: bool) -> str:
    """Render what the page begins with, before anything was asked."""
    if not documents:
        words = (
            'Your library is empty. <a href="#library" data-view="library">Add documents</a> '
            "to ask about them."
        )
    elif with_examples:
        words = "Ask a question, or begin with one of these:"
    else:
        count = "document" if documents == 1 else f"{documents:,} documents"
        words = f"Ask a question about your {count}."
    return f'<p class="invite">{words}</p>'


def badge(model_name: str, model_host: str | None) -> str:
    """Render where text goes and which model answers."""
    if model_host is None:
        kind, place = "local", "Stays on this machine"
        hint = "Your documents and questions are not sent anywhere."
    else:
        kind, place = "remote", f"Sent to {model_host}"
        hint = f"Questions and the passages found for them are sent to {model_host}."
    return (
        f'<p class="badge {kind}" title="{escape(hint)}"><span class="place">{escape(place)}</span>'
        f'<span class="model">{escape(_short(model_name))}</span></p>'
    )


def _short(model_name: str) -> str:
    """Return the name without the place, which the badge tells anyway."""
    return model_name.removesuffix(_HERE)


def state(readiness: Readiness) -> str:
    """Render how ready the models are, as one line."""
    bar = ""
    share = _share(readiness.progress)
    if readiness.phase == "preparing" and share is not None:
        bar = f'<progress max="100" value="{share}" aria-hidden="true"></progress>'
    return (
        f'<p class="state {readiness.phase}" role="status"><span class="dot" aria-hidden="true">'
        f"</span><span>{escape(state_text(readiness))}</span>{bar}</p>"
    )


def state_text(readiness: Readiness) -> str:
    """Say in words how ready the models are."""
    if readiness.phase == "ready":
        return "Ready"
    if readiness.phase == "failed":
        return readiness.message or "The language model could not be started."
    share = _share(readiness.progress)
    return "Preparing the language model…" + ("" if share is None else f" {share} %")


def _share(progress: Progress | None) -> int | None:
    if progress is None or not progress.total:
        return None
    return max(0, min(100, int(100 * progress.done / progress.total)))


def conversation(exchanges: Sequence[Exchange]) -> str:
    """Render exchanges, oldest first."""
    return "".join(map(exchange, exchanges))


def exchange(item: Exchange, *, is_last: bool = False) -> str:
    """Render a question and what has come back for it so far.

    The last one of a conversation can be asked again or edited.
    """
    busy = "" if item.finished else ' aria-busy="true"'
    return (
        f'<article class="exchange" id="exchange-{item.number}" data-turn="{item.number}"{busy}>'
        f'<div class="question"><h2 class="hidden-label">You asked</h2>'
        f"<p>{escape(item.question)}</p></div>{_reply(item)}"
        f"{_tools(item, is_last=is_last) if item.finished else ''}</article>"
    )


def _reply(item: Exchange) -> str:
    if item.error is not None:
        card = _card("failed", "That did not work", f"<p>{escape(item.error)}</p>")
        return f'<div class="reply">{_so_far(item)}</div>{card}'
    if item.answer is None:
        return f'<div class="reply">{_so_far(item)}{_waiting(item)}</div>'
    if not item.answer.answered:
        return _refusal(item, item.answer)
    return (
        f'<div class="reply">{_searched_for(item.answer)}{_notice(item)}'
        f"{_prose(item.number, item.answer)}{_meta(item.number, item.answer)}</div>"
    )


def trouble(words: str) -> str:
    """Render what went wrong outside of an answer."""
    return f'<article class="exchange">{_card("failed", "That did not work", _p(words))}</article>'


def _p(words: str) -> str:
    return f"<p>{escape(words)}</p>"


def _tools(item: Exchange, *, is_last: bool) -> str:
    """Render what can be done with an exchange that has ended."""
    tools = []
    if item.answer is not None:
        copy = escape(answer_markdown(item.answer))
        tools.append(f'<button type="button" data-local="copy" data-copy="{copy}">Copy</button>')
    if is_last:
        tools.append('<button type="button" data-action="again">Ask again</button>')
        tools.append('<button type="button" data-action="edit">Edit question</button>')
    if item.kept is not None:
        kept = escape(item.kept)
        tools += [
            f'<button type="button" class="thumb" data-action="rate" data-helpful="{value}" '
            f'data-exchange="{kept}" aria-pressed="false">{label}</button>'
            for value, label in (("1", "Helpful"), ("", "Not helpful"))
        ]
    return f'<p class="tools">{"".join(tools)}</p>' if tools else ""


def _so_far(item: Exchange) -> str:
    draft = f'<span class="draft">{escape(item.draft)}</span>' if item.draft else ""
    words = f"{_streamed(item.text)} {draft}" if item.text or draft else ""
    return f'<p class="prose">{words.strip()}</p>' if words else ""


def _waiting(item: Exchange) -> str:
    if item.stopped:
        return '<p class="waiting stopped">Stopped.</p>'
    words = escape(item.waiting or "Writing…")
    return f'<p class="waiting"><span class="pulse"></span>{words}</p>'


def _streamed(text: str) -> str:
    """Render text that is still coming: its markers have no cards yet, so they are no links."""
    parts: list[str] = []
    start, highest = 0, 0
    for marker in _MARKER.finditer(text):
        number = int(marker[1])
        # Markers are numbered in order; another number in brackets is a word of a document.
        if 0 < number <= highest + 1:
            parts += [escape(text[start : marker.start()]), _inert_chip(number)]
            start, highest = marker.end(), max(highest, number)
    return "".join([*parts, escape(text[start:])])


def _inert_chip(number: int) -> str:
    return f'<span class="chip">{number}</span>'


def _refusal(item: Exchange, answer: Answer) -> str:
    nearest = ""
    if answer.hits:
        nearest = (
            f'<p class="meta"><a class="show" href="#sources-{item.number}" '
            f'data-turn="{item.number}">See the nearest passages</a></p>'
        )
    body = f"{_searched_for(answer)}{_notice(item)}<p>{escape(answer.text)}</p>{nearest}"
    return _card("refused", "Not in your documents", body)


def _card(kind: str, title: str, body: str) -> str:
    return f'<div class="reply notice-card {kind}"><h3>{escape(title)}</h3>{body}</div>'


def _searched_for(answer: Answer) -> str:
    if answer.searched_for.strip() in ("", answer.question.strip()):
        return ""
    return f'<p class="searched">searched for: {escape(answer.searched_for)}</p>'


def _notice(item: Exchange) -> str:
    unkept = f"This answer could not be kept. {item.unkept}" if item.unkept else None
    notices = [item.answer.notice if item.answer else None, unkept]
    return "".join(f'<p class="notice">{escape(words)}</p>' for words in notices if words)


def _prose(number: int, answer: Answer) -> str:
    paragraphs: list[list[str]] = [[]]
    for words, sentence in _told(answer):
        if "\n" in words and paragraphs[-1]:
            paragraphs.append([])
        if words.strip():
            paragraphs[-1].append(f'<span class="aside">{escape(words.strip())}</span>')
        if sentence is not None:
            paragraphs[-1].append(_sentence(number, sentence))
    return "".join(f'<p class="prose">{" ".join(p)}</p>' for p in paragraphs if p)


def _told(answer: Answer) -> Iterator[tuple[str, Sentence | None]]:
    """Yield what stands between the sentences, each before its sentence; at last, after all.

    Such words say what was not found, or which document comes next.
    """
    position = 0
    for sentence in answer.sentences:
        found = answer.text.find(sentence.text, position)
        if found < 0:
            yield "", sentence
            continue
        yield _MARKER.sub("", answer.text[position:found]), sentence
        position = found + len(sentence.text)
    yield _MARKER.sub("", answer.text[position:]), None


def _sentence(number: int, sentence: Sentence) -> str:
    chips = "".join(_chip(number, citation) for citation in sentence.citations)
    mark = ""
    if sentence.verdict in _VERDICTS:
        label, hint = _VERDICTS[sentence.verdict]
        mark = (
            f'<span class="verdict {sentence.verdict}" title="{hint}" tabindex="0" role="note" '
            f'aria-label="{label}: {hint}">{label}</span>'
        )
    return f'<span class="sentence {sentence.verdict}">{escape(sentence.text)}{chips}{mark}</span>'


def _chip(number: int, citation: Citation) -> str:
    name = escape(document_name(citation.document))
    card = card_id(number, citation.number)
    return (
        f'<a class="chip" href="#{card}" data-turn="{number}" data-card="{card}" '
        f'title="{name}" aria-label="Source {citation.number}: {name}">{citation.number}</a>'
    )


def card_id(turn: int, number: int) -> str:
    """Name the card of a citation of one answer."""
    return f"card-{turn}-{number}"


def _meta(number: int, answer: Answer) -> str:
    count = len(answer.citations)
    label = "1 source" if count == 1 else f"{count} sources"
    parts = [
        f'<a class="show" href="#sources-{number}" data-turn="{number}">{label}</a>',
        # Nothing is certain: what would round to 100 is shown as 99.
        f"<span>{min(99, round(100 * answer.confidence))} % confidence</span>",
    ]
    if "total" in answer.timings:
        parts.append(f"<span>{answer.timings['total']:.1f} s</span>")
    parts.append(f'<span class="model">{escape(_short(answer.model))}</span>')
    return f'<p class="meta">{"".join(parts)}</p>'


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
    cards = "".join(_citation_card(item.number, source) for source in item.sources)
    cited = {source.citation.passage_id for source in item.sources}
    hits = item.answer.hits if item.answer is not None else item.hits
    others = [hit for hit in hits if hit.passage.id not in cited]
    passages = "".join(map(_passage_card, others))
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


def _citation_card(turn: int, source: Source) -> str:
    citation = source.citation
    return (
        f'<article class="card cited" id="{card_id(turn, citation.number)}" tabindex="-1">'
        f'<header><span class="number" aria-label="Source {citation.number}">{citation.number}'
        f"</span>{_document_lines(citation.document, citation.page, source.heading)}</header>"
        f'<blockquote>{_quoted(source)}</blockquote><a class="back" href="#exchange-{turn}" '
        f'data-exchange="exchange-{turn}">Back to the answer</a></article>'
    )


def _quoted(source: Source) -> str:
    return (
        f"{_tidy(source.before)}"
        f'<mark class="quote">{escape(source.citation.quote)}</mark>'
        f"{_tidy(source.after)}"
    )


def _passage_card(hit: Hit) -> str:
    passage = hit.passage
    return (
        '<article class="card"><header>'
        f"{_document_lines(passage.document, passage.page, passage.heading)}</header>"
        f"<blockquote>{_tidy(passage.text.strip())}</blockquote></article>"
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
