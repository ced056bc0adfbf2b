"""What a document is called where people read it. Pure."""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import unquote

from rag import Document
from ui.wording import one_line


def document_name(document: Document) -> str:
    """Return the title of a document, or its file's name if the title says no more."""
    name, title = file_name(document), one_line(document.title)
    return name if title in ("", name, PurePosixPath(name).stem) else title


def file_name(document: Document) -> str:
    """Return the name of the document's file, as a person would write it."""
    name = document.uri.rstrip("/").replace("\\", "/").rsplit("/", 1)[-1]
    # A name of a file may hold anything, even what would turn its letters round.
    return one_line(unquote(name) if "://" in document.uri else name)
