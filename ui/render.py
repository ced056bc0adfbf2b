"""Turns records into HTML: every word of a document, a question or an answer is escaped.

Knows nothing of Gradio, of sessions, or of where the records come from. Nothing is parsed
as Markdown: a text that holds markup shows that markup as it was written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape

from rag import Answer, Citation, Progress, Sentence
from ui.conversation import Exchange, Readiness
from ui.naming import document_name
from ui.render_sources import card_id
from ui.render_tools import tools

SENTENCE = "Every sentence with the words it rests on."

_MARKER = re.compile(r"\s*\[(\d{1,3})\]")
_HERE = " (on this machine)"
_VIEWS = (
    ("chat", "Chat"),
    # On a phone alone; elsewhere they stand beside the chat.
    ("conversations", "Earlier"),
    ("library", "Library"),
    ("evaluation", "Evaluation"),
    ("settings", "Settings"),
)
# The fourth makes a case of its own: eval.feedback knows it by these words.
_REASONS = (
    "The answer is wrong",
    "Something is missing",
    "The source does not say this",
    "It should have been refused",
    "My documents do answer this",
)
_VERDICTS = {
    "partial": ("partly supported", "The cited words support only part of this sentence."),
    "unsupported": ("not supported", "Nothing in your documents supports this sentence."),
}


def header() -> str:
    """Render the name of the product and one sentence."""
    return f'<header class="brand"><h1>Footnote</h1><p class="tagline">{SENTENCE}</p></header>'


def views() -> str:
    """Render the ways to the parts of the page."""
    links = "".join(f'<a href="#{name}" data-view="{name}">{label}</a>' for name, label in _VIEWS)
    return f'<nav class="views" aria-label="Parts of the page">{links}</nav>'


def rest() -> str:
    """Render the parts that fill themselves, and the boxes that open over the page."""
    close = '<button type="button" class="close" data-close aria-label="Close">×</button>'
    reasons = "".join(f'<button type="button" data-reason>{reason}</button>' for reason in _REASONS)
    return (
        '<section id="evaluation" data-fill="/page/evaluation" aria-label="Evaluation"></section>'
        '<section id="settings" data-fill="/page/settings" aria-label="Settings"></section>'
        f'<dialog id="viewer" aria-label="Document"><div class="bar"><span class="steps">'
        '<button type="button" data-step="-1">‹ Previous source</button><span class="at"></span>'
        '<button type="button" data-step="1">Next source ›</button></span>'
        f'{close}</div><div class="body"></div></dialog>'
        '<dialog id="inspector" aria-label="How this answer came about">'
        f'<div class="bar">{close}</div><div class="body"></div></dialog>'
        f'<dialog id="feedback" aria-label="Feedback"><form method="dialog">'
        f'<h2>Thank you</h2><p class="reasons">{reasons}</p><label for="reason">Or in your own '
        'words. It stays on this machine.</label><input id="reason" name="reason" '
        'maxlength="1000" autocomplete="off"><p class="ways">'
        '<button type="button" class="plain" data-close>Not now</button>'
        '<button type="submit" class="primary">Keep</button></p></form></dialog>'
    )


def invite(*, with_examples: bool) -> str:
    """Render what the page begins with; the style shows what fits the library of the moment."""
    words = (
        "Ask a question, or begin with one of these:"
        if with_examples
        else "Ask a question about your documents."
    )
    return (
        '<p class="invite when-empty">Your library is empty. <a href="#library">Add documents</a> '
        f'to ask about them.</p><p class="invite when-filled">{words}</p>'
    )


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
        f"{tools(item, is_last=is_last) if item.finished else ''}</article>"
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


def trouble_line(words: str) -> str:
    """Render what went wrong in the place of what was asked for."""
    return f'<p class="trouble" role="alert">{escape(words)}</p>'


def _p(words: str) -> str:
    return f"<p>{escape(words)}</p>"


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
