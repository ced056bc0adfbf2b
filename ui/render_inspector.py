"""How an answer came about, as HTML: what was found, what was sent, where the seconds went.

Every word is escaped. Knows nothing of where answers are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from rag import Answer, Evidence, Hit, Message, fixed_messages
from ui.naming import document_name

_STAGES = {
    "retrieval": "Finding passages",
    "evidence": "Ranking sentences",
    "reading": "Reading them with the model",
    "prompt": "Until the first word",
    "generation": "Writing",
    "verification": "Checking",
    "elsewhere": "Searching the other documents",
}
_BEGINNING = 160


def inspector(answer: Answer) -> str:
    """Render one answer from the inside."""
    searched = ""
    if answer.searched_for.strip() != answer.question.strip():
        searched = f"<p>Searched for: <q>{escape(answer.searched_for)}</q></p>"
    return (
        f'<h2 tabindex="-1">How this answer came about</h2><p class="for">'
        f"{escape(answer.question)}</p>{searched}{_facts(answer)}{_seconds(answer.timings)}"
        f"{_hits(answer.hits)}{_evidence(answer)}{_prompts(answer.prompts)}"
        f"{_signals(answer.signals)}"
    )


def _facts(answer: Answer) -> str:
    facts = [
        ("Outcome", "answered" if answer.answered else "refused"),
        ("Confidence", f"{answer.confidence:.3f}"),
        ("Written by", answer.model),
    ]
    if answer.usage.prompt_tokens or answer.usage.completion_tokens:
        tokens = f"{answer.usage.prompt_tokens:,} read, {answer.usage.completion_tokens:,} written"
        facts.append(("Tokens", tokens))
    rows = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    return f'<dl class="facts">{rows}</dl>'


def _seconds(timings: Mapping[str, float]) -> str:
    total = timings.get("total", 0.0)
    spent = [(label, timings[name]) for name, label in _STAGES.items() if name in timings]
    if not spent or total <= 0:
        return ""
    rows = "".join(
        f'<li><span class="stage">{label}</span><span class="bar" aria-hidden="true">'
        f'<i style="width:{min(100.0, 100 * seconds / total):.1f}%"></i></span>'
        f'<span class="seconds">{seconds:.2f} s</span></li>'
        for label, seconds in spent
    )
    return f'<h3>Seconds, {total:.2f} in all</h3><ul class="stages">{rows}</ul>'


def _hits(hits: Sequence[Hit]) -> str:
    if not hits:
        return "<h3>Passages</h3><p>None was found.</p>"
    rows = "".join(
        f"<tr><td>{number}</td><td><b>{escape(document_name(hit.passage.document))}</b>"
        f"{_page(hit.passage.page)}<br>{escape(_short(hit.passage.text))}</td>"
        f"{_number(hit.dense)}{_number(hit.lexical)}{_number(hit.score)}</tr>"
        for number, hit in enumerate(hits, start=1)
    )
    return (
        "<h3>Passages</h3><table><thead><tr><th scope='col'>#</th><th scope='col'>Passage</th>"
        "<th scope='col' title='Cosine similarity of the meaning'>Meaning</th>"
        "<th scope='col' title='BM25 of the words'>Words</th>"
        "<th scope='col' title='Both, and a reading of the sentences, from 0 to 1'>Score</th>"
        f"</tr></thead><tbody>{rows}</tbody></table>"
    )


def _evidence(answer: Answer) -> str:
    if not answer.evidence:
        return ""
    cited = [(c.document.id, c.start, c.end) for c in answer.citations]
    rows = "".join(
        f"<tr{_used(sentence, cited)}><td>{number}</td><td>{escape(_line(sentence.text))}<br>"
        f'<span class="of">{escape(document_name(sentence.passage.document))}</span></td>'
        f"{_number(sentence.score)}</tr>"
        for number, sentence in enumerate(answer.evidence, start=1)
    )
    return (
        "<h3>Sentences, those cited marked</h3><table><thead><tr><th scope='col'>#</th>"
        "<th scope='col'>Sentence</th><th scope='col'>Rank score</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )


def _used(sentence: Evidence, cited: Sequence[tuple[str, int, int]]) -> str:
    document = sentence.passage.document.id
    is_cited = any(
        d == document and start < sentence.end and sentence.start < end for d, start, end in cited
    )
    return ' class="cited"' if is_cited else ""


def _prompts(prompts: Sequence[str]) -> str:
    if not prompts:
        return "<h3>Sent to the model</h3><p>Nothing: no model was asked.</p>"
    blocks = "".join(f"<pre>{escape(prompt)}</pre>" for prompt in prompts)
    return f"<h3>Sent to the model</h3>{_instructions()}<p>For this question:</p>{blocks}"


def _instructions() -> str:
    told = "".join(f"<pre>{escape(_told(beginning))}</pre>" for beginning in fixed_messages())
    return (
        "<details><summary>Instructions and examples before every question: for reading a "
        f"sentence, and for answering</summary>{told}</details>"
    )


def _told(messages: Sequence[Message]) -> str:
    return "\n".join(f"{message.role}: {message.content}" for message in messages)


def _signals(signals: Mapping[str, float]) -> str:
    if not signals:
        return ""
    rows = "".join(
        f"<tr><td>{escape(name.replace('_', ' '))}</td>{_number(value)}</tr>"
        for name, value in signals.items()
    )
    return (
        "<details><summary>What the confidence is computed from</summary><table><tbody>"
        f"{rows}</tbody></table></details>"
    )


def _number(value: float | None) -> str:
    return f'<td class="number">{"–" if value is None else f"{value:.3f}"}</td>'


def _page(page: int | None) -> str:
    return "" if page is None else f", page {page}"


def _short(text: str) -> str:
    line = _line(text)
    return line if len(line) <= _BEGINNING else f"{line[:_BEGINNING].rstrip()} …"


def _line(text: str) -> str:
    return " ".join(text.split())
