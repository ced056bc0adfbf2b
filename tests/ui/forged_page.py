"""Serves the page on a library full of dangerous texts, for the tests of the browser.

Prints the address and the ids of the conversations, one for each batch of texts. A question
that ends in the number of a batch is answered with all its texts, or, if it begins with "Fail",
fails with them; the answer ends when a line is written to standard input.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

from rag import Answer, Event, ModelUnavailable
from tests.forced_outputs import Forced, forced_outputs
from tests.ui.fake_assistant import FakeAssistant
from tests.ui.forged import document_text, forged
from ui.access import Access
from ui.app import build
from ui.conversation import Readiness
from ui.server import open_socket, serving

PATIENCE = 60  # seconds
BATCH = 94
BATCHES = [
    forced_outputs()[start : start + BATCH] for start in range(0, len(forced_outputs()), BATCH)
]
# The list of conversations is sent with every answer: those in disguise would make it long.
TITLES = [forced.text for forced in forced_outputs() if "," not in forced.name]


def whole(batch: Sequence[Forced], question: str) -> Answer:
    """Return one answer with all texts of a batch."""
    parts = [forged(forced.text, identity=f"d{number}") for number, forced in enumerate(batch)]
    citations = tuple(replace(part.citations[0], number=n) for n, part in enumerate(parts, 1))
    return replace(
        parts[0],
        question=question,
        text=" ".join(part.text for part in parts),
        sentences=tuple(
            replace(part.sentences[0], citations=(citation,))
            for part, citation in zip(parts, citations, strict=True)
        ),
        citations=citations,
        hits=tuple(hit for part in parts for hit in part.hits),
    )


def stocked(go_on: threading.Semaphore) -> tuple[FakeAssistant, list[str]]:
    """Return an assistant with the texts in documents, names, conversations and titles."""

    def play(question: str) -> Iterator[Event]:
        batch = BATCHES[int(question.rsplit(maxsplit=1)[-1])]
        said = "\n\n".join(forced.text for forced in batch)
        final = whole(batch, question)
        yield Event("searching", hits=final.hits)
        yield Event("writing", text=said, draft=said)
        go_on.acquire(timeout=PATIENCE)
        if question.startswith("Fail"):
            raise ModelUnavailable(said)
        yield Event("done", answer=final)

    assistant = FakeAssistant(play)
    talks = []
    for number, batch in enumerate(BATCHES):
        talks.append(assistant.conversations.start(f"Talk {number}").id)
        for place, forced in enumerate(batch):
            identity = f"d{number}-{place}"
            said = forged(forced.text, identity=identity)
            assistant.texts[identity] = document_text(forced.text)
            assistant.held[identity] = said.citations[0].document
            assistant.conversations.append(talks[-1], said)
    for title in TITLES:
        assistant.conversations.start(title)
    return assistant, talks


def main() -> None:
    go_on = threading.Semaphore(0)
    assistant, talks = stocked(go_on)
    page = build(assistant, lambda: Readiness("ready"), Access(assistant.settings))
    with serving(page.app, open_socket("127.0.0.1", 0)) as url:
        print(json.dumps([url, talks]), flush=True)
        for _ in sys.stdin:
            go_on.release()
        page.close()


if __name__ == "__main__":
    main()
