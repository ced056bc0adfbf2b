"""Documents and arrivals as HTML: every name, path and reason is escaped.

Knows nothing of Gradio or of where documents are kept.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape

from rag import Document
from ui.naming import document_name, file_name
from ui.shelf import Arrival, Holdings
from ui.wording import dropped_from

_KINDS = {
    "application/pdf": "PDF",
    "text/html": "HTML",
    "text/markdown": "Markdown",
    "text/plain": "Text",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "Word",
}
_WORDS = {
    "waiting": "Waiting",
    "adding": "Adding",
    "stopping": "Stopping…",
    "added": "Added",
    "updated": "Updated",
    "unchanged": "Already there",
    "rejected": "Not added",
    "stopped": "Stopped",
}


def heading(megabytes: int) -> str:
    """Render what can be added."""
    return (
        f'<h2>Library</h2><p data-most="{megabytes * 1_000_000}">Text, Markdown, HTML, PDF and '
        f"Word files, up to {megabytes} MB each. They stay on this machine.</p>"
    )


def holdings(held: Holdings, *, left_out: Collection[str] = ()) -> str:
    """Render arrivals, if any, and the documents."""
    # For scripts: what it sets off shows all this anew.
    anew = '<button type="button" data-action="show" hidden></button>'
    return f"{_arrivals(held.arrivals)}{_documents(held, left_out)}{anew}"


def _arrivals(arrivals: Sequence[Arrival]) -> str:
    if not arrivals:
        return ""
    busy = sum(not arrival.finished for arrival in arrivals)
    stop = '<button type="button" data-action="stop-all">Stop all</button>' if busy > 1 else ""
    title = f"{busy} on the way" if busy else "Just now"
    rows = "".join(map(_arrival, arrivals))
    return (
        f'<section class="arrivals" aria-live="polite"><h3>{title}{stop}</h3>'
        f"<ul>{rows}</ul></section>"
    )


def _arrival(arrival: Arrival) -> str:
    words = [_WORDS[arrival.state]]
    if arrival.state == "adding" and arrival.share:
        words[0] = f"Adding, {arrival.share:.0%}"
        if arrival.rate is not None:
            words.append(f"{arrival.rate / 1000:,.1f} kB/s")
        if arrival.left is not None:
            words.append(f"{arrival.left:.0f} s left")
    bar = ""
    if arrival.state == "adding":
        bar = (
            f'<progress max="100" value="{100 * arrival.share:.0f}" aria-hidden="true"></progress>'
        )
    may_stop = arrival.state in ("waiting", "adding")
    stop = "" if not may_stop else _button("stop", str(arrival.number), "Stop")
    reason = f'<p class="reason">{escape(arrival.reason)}</p>' if arrival.reason else ""
    return (
        f'<li class="arrival {arrival.state}">'
        f'<span class="name" title="{escape(str(arrival.path))}">'
        f'{escape(arrival.path.name)}</span><span class="how">{", ".join(words)}</span>{bar}{stop}'
        f"{reason}</li>"
    )


def _documents(held: Holdings, left_out: Collection[str]) -> str:
    documents = held.documents
    if not documents:
        return '<p class="none">Your library is empty. Add files above.</p>'
    used = sum(document.id not in left_out for document in documents)
    note = "" if used == len(documents) else f" · this chat uses {used}"
    count = "1 document" if len(documents) == 1 else f"{len(documents):,} documents"
    rows = "".join(
        _document(d, is_used=d.id not in left_out, is_gone=d.id in held.gone) for d in documents
    )
    return (
        f'<section class="documents"><h3>{count}{note}</h3><div class="scroll"><table><thead><tr>'
        '<th scope="col">Use</th><th scope="col">Title</th><th scope="col">Kind</th>'
        '<th scope="col" class="number">Characters</th><th scope="col" class="number">Passages</th>'
        '<th scope="col">Added</th><th scope="col">State</th>'
        '<th scope="col"><span class="hidden-label">Actions</span></th>'
        f"</tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def _document(document: Document, *, is_used: bool, is_gone: bool) -> str:
    identity, title, name = escape(document.id), document_name(document), file_name(document)
    file = "" if title == name else f'<span class="file">{escape(name)}</span>'
    checked = " checked" if is_used else ""
    return (
        f'<tr data-id="{identity}"><td>'
        f'<input type="checkbox" data-action="use" data-id="{identity}" '
        f'aria-label="Use {escape(title)} in this chat"{checked}></td>'
        f'<td class="title" title="{escape(document.uri)}">{escape(title)}{file}</td>'
        f"<td>{escape(kind_of(document))}</td>"
        f'<td class="number">{document.n_characters:,}</td>'
        f'<td class="number">{document.n_passages:,}</td>'
        f"<td>{escape(document.added_at[:10])}</td>{_state(document, is_gone=is_gone)}"
        f'<td class="tools">{_button("again", document.id, "Read again")}'
        f'<button type="button" class="danger" data-action="remove" data-id="{identity}" '
        f'data-sure="Really remove?">Remove</button></td></tr>'
    )


def _state(document: Document, *, is_gone: bool) -> str:
    dropped = dropped_from(document)
    hints = ["Its text is kept; the file is no longer where it was."] if is_gone else []
    hints += [f"Not in its text, for no reader would see it: {dropped}."] if dropped else []
    title = f' title="{escape(" ".join(hints))}"' if hints else ""
    note = f'<span class="file">left out: {escape(dropped)}</span>' if dropped else ""
    return f"<td{title}>{'File gone' if is_gone else 'Ready'}{note}</td>"


def kind_of(document: Document) -> str:
    """Return what a document is, as a person would say it."""
    return _KINDS.get(document.mime, document.mime.rpartition("/")[2])


def _button(action: str, identity: str, label: str) -> str:
    data = f'data-action="{action}" data-id="{escape(identity)}"'
    return f'<button type="button" {data}>{label}</button>'
