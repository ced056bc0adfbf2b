"""What a page is built for: an assistant, and questions to begin with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from rag import Document
from ui.choosing import Changeable
from ui.handlers import Answerer
from ui.reader import Documents
from ui.shelf import Stock

EXAMPLES = (
    "Which collaborative efforts do Russia's proposals include?",
    "Where did the U.S. and Russian delegations meet?",
    "How many diplomatic meetings took place between March and July 2025?",
    "What did the Treasury Department announce in June 2025, and why?",
    "Where did Tom Shannon meet his Russian counterpart?",
    "What would a decline in North American cooperation weaken?",
)


class PageAssistant(Answerer, Stock, Documents, Changeable, Protocol):
    """An assistant that a whole page works on."""


def examples_for(documents: Sequence[Document]) -> tuple[str, ...]:
    """Return questions to begin with, where these are the documents they are about."""
    are_seeds = sum(Path(document.uri).parent.name == "seeds" for document in documents) >= 5
    return EXAMPLES if are_seeds else ()
