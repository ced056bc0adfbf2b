"""Word files and other zip archives with bombs, lies and ways out of the folder in them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from tests.documents import make_docx, replace_part
from tests.hostile.case import ADDED, REFUSED, SENTENCE, Case, cut_short, flipped, made

MAIN = "word/document.xml"
WORDS = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
OPENED = f'<w:document xmlns:w="{WORDS}"><w:body>'
CLOSED = "</w:body></w:document>"
SAID = f"<w:p><w:r><w:t>{SENTENCE}</w:t></w:r></w:p>"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
KINDS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
MEGABYTE = 1_000_000


def plain() -> bytes:
    """Return a harmless Word file of one sentence and a heading."""

    def fill(document):
        document.add_heading("Keeper", 1)
        for _ in range(40):
            document.add_paragraph(SENTENCE)

    return make_docx(fill)


def with_main(body: str | bytes, *, head: str = "") -> bytes:
    """Return a Word file with this body, and this before its root element."""
    content = body if isinstance(body, bytes) else (head + OPENED + body + CLOSED).encode()
    return replace_part(plain(), MAIN, content)


def with_parts(add: Callable[[zipfile.ZipFile], object]) -> bytes:
    """Return a harmless Word file with more parts in it."""
    out = io.BytesIO(plain())
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as package:
        add(package)
    return out.getvalue()


def without(name: str) -> bytes:
    """Return a Word file that lacks a part."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(plain())) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            if info.filename != name:
                new.writestr(info, old.read(info))
    return out.getvalue()


def cases(room: Path) -> Iterator[Case]:
    """Yield the files. `room` is the folder they go to."""
    whole = plain()
    yield from cut_short("docx", ".docx", whole, (0.001, 0.1, 0.5, 0.9, 0.99))
    yield from flipped("docx", ".docx", whole, (1, 8, 32, 128, 1024))
    yield from _bombs()
    yield from _entities(room)
    yield from _names(room)
    yield from _parts()
    yield from _shapes()


def _bombs() -> Iterator[Case]:
    blanks = f"<w:p><w:r><w:t>{' ' * 1000}</w:t></w:r></w:p>"
    yield made("docx-bomb.docx", REFUSED, lambda: with_main(blanks * 400_000), slow=True)
    # The archive says that it unpacks to little, and it unpacks to 300 MB.
    yield made(
        "docx-bomb-lies.docx", REFUSED, lambda: _small_size(with_main(blanks * 280_000)), slow=True
    )
    filler = _filler()
    yield made("docx-just-allowed.docx", REFUSED, lambda: _below_the_limits(filler), slow=True)
    yield made("docx-entries.docx", REFUSED, lambda: with_parts(_many(20_000)))
    yield made("docx-nested-zips.docx", ADDED, lambda: with_parts(_nested(12)), says=SENTENCE)
    yield made("docx-same-bytes.docx", REFUSED, lambda: _overlapping(2_500))


def _filler() -> bytes:
    """Return a megabyte that packs to about a hundredth."""
    return b"".join(b"%07d%s" % (n * 7919 % 9_999_991, b" " * 493) for n in range(2_000))


def _below_the_limits(filler: bytes) -> bytes:
    """Return a Word file that unpacks to 190 MB of XML, as little as may be to say so."""
    text = b"<w:p><w:r><w:t>" + filler + b"</w:t></w:r></w:p>"
    return with_main(OPENED.encode() + SAID.encode() + text * 185 + CLOSED.encode())


def _small_size(package: bytes) -> bytes:
    """Let the main part claim to unpack to 500 bytes, in the directory and before the data."""
    with zipfile.ZipFile(io.BytesIO(package)) as read:
        true = read.getinfo(MAIN).file_size
    return package.replace(true.to_bytes(4, "little"), (500).to_bytes(4, "little"))


def _many(count: int) -> Callable[[zipfile.ZipFile], object]:
    return _parts_of({f"word/media/{n}.txt": b"x" for n in range(count)})


def _parts_of(contents: Mapping[str, bytes]) -> Callable[[zipfile.ZipFile], None]:
    def add(package: zipfile.ZipFile) -> None:
        for name, content in contents.items():
            package.writestr(name, content)

    return add


def _nested(depth: int) -> Callable[[zipfile.ZipFile], object]:
    inner = b"x" * 1000
    for level in range(depth):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
            for copy in range(10):
                package.writestr(f"{level}-{copy}.zip", inner)
        inner = out.getvalue()[:20_000]
    return _parts_of({"word/media/inner.zip": inner})


def _overlapping(count: int) -> bytes:
    """Return an archive whose directory names the same packed bytes again and again."""
    out = io.BytesIO(with_main(SAID * 2_000))
    with zipfile.ZipFile(out, "a") as package:
        first = package.getinfo(MAIN)
        for n in range(count):
            copy = zipfile.ZipInfo(f"word/copy{n}.xml")
            copy.compress_type, copy.CRC = first.compress_type, first.CRC
            copy.file_size, copy.compress_size = first.file_size, first.compress_size
            copy.header_offset = first.header_offset
            package.filelist.append(copy)
            package.NameToInfo[copy.filename] = copy
        package.comment = b"rewrite the directory"
    return out.getvalue()


def _entities(room: Path) -> Iterator[Case]:
    def declare(entities: str) -> str:
        return f'<?xml version="1.0"?><!DOCTYPE w:document [{entities}]>'

    def used(name: str) -> str:
        return f"{SAID}<w:p><w:r><w:t>&{name};</w:t></w:r></w:p>"

    laughs = '<!ENTITY l0 "ha">' + "".join(
        f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 11)
    )
    yield made("docx-laughs.docx", REFUSED, lambda: with_main(used("l10"), head=declare(laughs)))
    long = f'<!ENTITY q "{"x" * 200_000}">'
    quadratic = "<w:p><w:r><w:t>" + "&q;" * 50_000 + "</w:t></w:r></w:p>"
    yield made("docx-quadratic.docx", REFUSED, lambda: with_main(quadratic, head=declare(long)))
    secret = room.parent / "secret.txt"
    outside = f'<!ENTITY x SYSTEM "file://{secret}">'
    yield made("docx-outside.docx", ADDED, lambda: with_main(used("x"), head=declare(outside)))
    remote = '<!ENTITY x SYSTEM "http://127.0.0.1:9/x">'
    yield made("docx-remote.docx", ADDED, lambda: with_main(used("x"), head=declare(remote)))
    parameter = f'<!ENTITY % p SYSTEM "file://{secret}"> %p;'
    yield made("docx-parameter.docx", ADDED, lambda: with_main(SAID, head=declare(parameter)))
    scheme = f'<?xml version="1.0"?><!DOCTYPE w:document SYSTEM "file://{secret}">'
    yield made("docx-scheme.docx", ADDED, lambda: with_main(SAID, head=scheme))


def _names(room: Path) -> Iterator[Case]:
    names = ["../escaped.txt", f"{room.parent}/escaped.txt", "..\\escaped.txt", "word/../../e.txt"]
    yield made(
        "docx-ways-out.docx",
        ADDED,
        lambda: with_parts(_parts_of(dict.fromkeys(names, b"x" * 99))),
        says=SENTENCE,
    )

    def link(package: zipfile.ZipFile) -> None:
        info = zipfile.ZipInfo("word/link.xml")
        info.external_attr = 0o120777 << 16
        package.writestr(info, f"{room.parent}/secret.txt")

    yield made("docx-link.docx", ADDED, lambda: with_parts(link), says=SENTENCE)

    def main_as_link() -> bytes:
        info = zipfile.ZipInfo(MAIN)
        info.external_attr = 0o120777 << 16
        out = io.BytesIO(without(MAIN))
        with zipfile.ZipFile(out, "a") as package:
            package.writestr(info, f"{room.parent}/secret.txt")
        return out.getvalue()

    yield made("docx-main-is-link.docx", REFUSED, main_as_link)
    notes = f'<Relationship Id="r1" Type="{KINDS}/footnotes" Target="../../../secret.txt"/>'
    away = f'<Relationship Id="r2" Type="{KINDS}/image" TargetMode="External" Target="file://{room.parent}/secret.txt"/>'
    relations = f'<Relationships xmlns="{RELATIONS}">{notes}{away}</Relationships>'
    yield made(
        "docx-relations-out.docx",
        REFUSED,
        lambda: replace_part(plain(), "word/_rels/document.xml.rels", relations.encode()),
    )


def _parts() -> Iterator[Case]:
    for name in ("[Content_Types].xml", "_rels/.rels", MAIN):
        stem = name.strip("[]").split("/")[-1].split(".")[0] or "rels"
        yield made(f"docx-without-{stem}.docx", REFUSED, partial(without, name))
    yield made("docx-without-styles.docx", REFUSED, lambda: without("word/styles.xml"))
    yield made("docx-no-parts.docx", REFUSED, lambda: b"PK\x05\x06" + bytes(18))
    yield made("docx-zip.docx", REFUSED, lambda: _zip("notes.txt"))
    yield made("docx-table.docx", REFUSED, lambda: _zip("xl/workbook.xml"))
    yield made("docx-old-word.docx", REFUSED, lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 99)
    yield made("docx-locked.docx", REFUSED, _locked)
    yield made("docx-packed-oddly.docx", REFUSED, _unknown_packing)


def _zip(name: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        package.writestr(name, SENTENCE)
    return out.getvalue()


def _locked() -> bytes:
    """Set the mark of a password in every entry of the directory."""
    data = bytearray(plain())
    place = data.find(b"PK\x01\x02")
    while place >= 0:
        data[place + 8] |= 1
        place = data.find(b"PK\x01\x02", place + 4)
    return bytes(data)


def _unknown_packing() -> bytes:
    data = bytearray(plain())
    for mark, offset in ((b"PK\x01\x02", 10), (b"PK\x03\x04", 8)):
        place = data.find(mark)
        while place >= 0:
            data[place + offset] = 97
            place = data.find(mark, place + 4)
    return bytes(data)


def _shapes() -> Iterator[Case]:
    deep = "<w:ins>" * 100_000 + SAID + "</w:ins>" * 100_000
    yield made("docx-deep.docx", REFUSED, lambda: with_main(deep))
    table = "<w:tbl><w:tr><w:tc>"
    closed = "</w:tc></w:tr></w:tbl>"
    tables = table * 80 + SAID + closed * 80
    yield made("docx-tables-in-tables.docx", ADDED, lambda: with_main(tables * 300))
    yield made("docx-paragraphs.docx", REFUSED, lambda: with_main("<w:p/>" * 2_000_000 + SAID))
    wide = "<w:tbl><w:tr>" + f"<w:tc>{SAID}</w:tc>" * 100_000 + "</w:tr></w:tbl>"
    yield made("docx-wide-table.docx", ADDED, lambda: with_main(wide), says=SENTENCE, slow=True)
    latin = f'<?xml version="1.0" encoding="utf-16"?>{OPENED}{SAID}{CLOSED}'
    yield made("docx-charset-lies.docx", REFUSED, lambda: with_main(latin.encode()))
