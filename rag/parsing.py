"""Turns the bytes of a file into text or a picture, as a child that may be killed at any time.

Knows nothing of the library: it reads a request from its input, answers on its output,
and ends when its input is closed. A request is a line of JSON, then as many bytes of the
file as that line says; an answer is a line with a length, then so many bytes of JSON.
"""

from __future__ import annotations

import base64
import json
import os
import resource
import sys
import time
from typing import Any, BinaryIO

from rag.bounds import check_text
from rag.cleaning import Layout, clean_line
from rag.errors import RejectedFile

# Of address space, so that what it holds in memory stays below that, too.
MEMORY_BYTES = 1_000_000_000
# Ready to be sent, for there may be no room left to write it when it is needed.
TOO_MUCH_MEMORY = b'{"rejected": "takes too much memory to be read. Split it into parts."}'

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# Only marks that no text begins with by chance.
_MAGIC = (
    (b"%PDF-", "a PDF"),
    (b"PK\x03\x04", "a zip archive or an Office file"),
    (b"PK\x05\x06", "an empty zip archive"),
    (_OLE, "an old or encrypted Office file"),
    (b"{\\rtf", "a rich text (RTF) file"),
    (b"%!PS-", "a PostScript file"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF87a", "a GIF picture"),
    (b"GIF89a", "a GIF picture"),
    (b"II*\0", "a TIFF picture"),
    (b"MM\0*", "a TIFF picture"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90\0", "a program"),
    (b"\xcf\xfa\xed\xfe", "a program"),
    (b"\xca\xfe\xba\xbe", "a program"),
    (b"\0asm", "a program"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh91AY", "a bzip2 archive"),
    (b"\xfd7zXZ\0", "an xz archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"SQLite format 3\0", "an SQLite database"),
)
_EXPECTED = {
    "application/pdf": (b"%PDF-", "PDF"),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": (
        b"PK\x03\x04",
        "Word (.docx)",
    ),
}


def parse(data: bytes, *, mime: str, stem: str) -> tuple[str, Layout]:
    """Return the title and layout of a file's bytes.

    Raises:
        RejectedFile: the file cannot be turned into text; the message goes on from its name.
    """
    _check_kind(data, mime)
    title, layout = _parser(mime)(data, stem)
    check_text(layout.text)
    return title, layout


def _check_kind(data: bytes, mime: str) -> None:
    mark, name = _EXPECTED.get(mime, (b"", "text"))
    # Mail and web servers put lines before the head of a PDF; readers look a little further.
    if mark and mark in data[: 1024 if mark == b"%PDF-" else len(mark)]:
        return
    seems = next((kind for magic, kind in _MAGIC if data.startswith(magic)), None)
    if seems is None and not mark:
        return
    if data.startswith(_OLE) and mark:
        raise RejectedFile(
            "is an old Word file (.doc) or needs a password. Save a copy as .docx without one."
        )
    raise RejectedFile(
        f"is no {name} file: it seems to be {seems or 'something else'}. Give it the ending of "
        f"its real type, or save it as {name}."
    )


def _parser(mime: str) -> Any:
    """Return the parser; each is imported with the first file of its kind.

    Most libraries hold one or two kinds, and every import delays the first file.
    """
    if mime == "application/pdf":
        from rag.parsing_pdf import parse_pdf

        return parse_pdf
    if mime == "text/html":
        from rag.parsing_html import parse_html

        return parse_html
    if mime in _EXPECTED:
        from rag.parsing_docx import parse_docx

        return parse_docx
    from rag.parsing_text import parse_markdown, parse_plain

    return parse_markdown if mime == "text/markdown" else parse_plain


def answer(request: dict[str, Any], data: bytes) -> dict[str, Any]:
    """Return what came of one file, as plain values."""
    stem = clean_line(request["stem"]) or "Untitled"
    try:
        if "page" in request:
            return {"image": draw(data, request)}
        title, layout = parse(data, mime=request["mime"], stem=stem)
    except RejectedFile as error:
        return {"rejected": str(error)}
    except RecursionError:
        return {"rejected": "is nested too deeply to be read. Save its text and add that."}
    return {
        "text": layout.text,
        "title": title[:300],
        "pages": layout.pages,
        "headings": layout.headings,
        "dropped": layout.dropped,
    }


def draw(data: bytes, request: dict[str, Any]) -> str:
    """Return a page of a PDF as PNG in base64; raises RejectedFile."""
    # Imported with the first page, as parsers are.
    from rag.parsing_pdf import draw_page

    picture = draw_page(data, request["page"], request["marks"], crop=request["crop"])
    return base64.b64encode(picture).decode("ascii")


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more."""
    while line := requests.readline():
        request = json.loads(line)
        _limit_time(request["seconds"])
        data = requests.read(request["size"])
        try:
            reply = json.dumps(answer(request, data), ensure_ascii=False).encode()
        except MemoryError:
            reply = TOO_MUCH_MEMORY
        answers.write(b"%d\n" % len(reply) + reply)
        answers.flush()


def limit_process() -> None:
    """Bound what a hostile file can take; ends with this process."""
    for kind, limit in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        try:
            resource.setrlimit(kind, (limit, limit))
        except (OSError, ValueError):
            # macOS does not limit memory: there the time limit alone must do.
            continue


def _limit_time(seconds: float) -> None:
    # The parent measures time too; this one still holds when the parent was killed.
    spent = int(time.process_time())
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    limit = spent + 2 * int(seconds) + 10
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, hard))


def main() -> None:
    """Serve on standard input and output."""
    answers = os.fdopen(os.dup(1), "wb")
    # What a parser's C code prints must not get between the answers.
    os.dup2(2, 1)
    limit_process()
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
