"""Small files of every format, made from nothing. Knows nothing of how they are read."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Sequence

import docx

# The padding string of the PDF standard security handler (ISO 32000-1, 7.6.3.3).
PADDING = bytes.fromhex("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a")
ID = b"0123456789abcdef"
LineAt = tuple[float, float, str]


def make_pdf(
    pages: Sequence[Sequence[str | LineAt]],
    *,
    title: str | None = None,
    size: int = 11,
    password: str | None = None,
) -> bytes:
    """Return a PDF of these pages; a line is text, or (x, y, text) to place it."""
    key = None if password is None else _key(password)
    objects: dict[int, bytes] = {1: b"<< /Type /Catalog /Pages 2 0 R >>"}
    kids = " ".join(f"{4 + 2 * i} 0 R" for i in range(len(pages)))
    objects[2] = f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode()
    objects[3] = (
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
    )
    for i, lines in enumerate(pages):
        number = 4 + 2 * i
        objects[number] = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {number + 1} 0 R"
            " /Resources << /Font << /F1 3 0 R >> >> >>"
        ).encode()
        stream = _content(lines, size)
        if key is not None:
            stream = _rc4(_object_key(key, number + 1), stream)
        objects[number + 1] = b"<< /Length %d >>\nstream\n" % len(stream) + stream + b"\nendstream"
    trailer = b"/Root 1 0 R"
    if title is not None:
        number = max(objects) + 1
        objects[number] = b"<< /Title <" + (b"\xfe\xff" + title.encode("utf-16-be")).hex().encode()
        objects[number] += b"> >>"
        trailer += b" /Info %d 0 R" % number
    if password is not None:
        number = max(objects) + 1
        objects[number] = (
            f"<< /Filter /Standard /V 1 /R 2 /P -4 /O <{_owner(password).hex()}>"
            f" /U <{_rc4(_key(password), PADDING).hex()}> >>"
        ).encode()
        trailer += b" /Encrypt %d 0 R /ID [<%s> <%s>]" % (
            number,
            ID.hex().encode(),
            ID.hex().encode(),
        )
    return pdf_file(objects, trailer)


def make_docx(build: object = None, *, title: str | None = None) -> bytes:
    """Return a Word file; `build` receives the python-docx document to fill."""
    document = docx.Document()
    if title is not None:
        document.core_properties.title = title
    if callable(build):
        build(document)
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def replace_part(package: bytes, name: str, content: bytes) -> bytes:
    """Return the zip with one part written anew."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package)) as old, zipfile.ZipFile(stream, "w") as new:
        for info in old.infolist():
            if info.filename != name:
                new.writestr(info, old.read(info))
        new.writestr(name, content, compress_type=zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def _content(lines: Sequence[str | LineAt], size: int) -> bytes:
    parts = [b"BT /F1 %d Tf" % size]
    y = 740.0
    for line in lines:
        if isinstance(line, str):
            x, text = 72.0, line
            y -= 1.2 * size
            at = y
        else:
            x, at, text = line
            y = at
        raw = text.encode("cp1252")
        for special in (b"\\", b"(", b")"):
            raw = raw.replace(special, b"\\" + special)
        parts.append(b"1 0 0 1 %.1f %.1f Tm (%s) Tj" % (x, at, raw))
    return b"\n".join([*parts, b"ET"])


def pdf_file(objects: dict[int, bytes], trailer: bytes) -> bytes:
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number in sorted(objects):
        offsets.append(len(out))
        out += b"%d 0 obj\n" % number + objects[number] + b"\nendobj\n"
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d " % (len(objects) + 1) + trailer
    return bytes(out + b" >>\nstartxref\n%d\n%%%%EOF\n" % start)


def _padded(password: str) -> bytes:
    return (password.encode("latin-1") + PADDING)[:32]


def _owner(password: str) -> bytes:
    return _rc4(hashlib.md5(_padded(password)).digest()[:5], _padded(password))


def _key(password: str) -> bytes:
    permissions = (-4).to_bytes(4, "little", signed=True)
    return hashlib.md5(_padded(password) + _owner(password) + permissions + ID).digest()[:5]


def _object_key(key: bytes, number: int) -> bytes:
    return hashlib.md5(key + number.to_bytes(3, "little") + b"\0\0").digest()[:10]


def _rc4(key: bytes, data: bytes) -> bytes:
    box = list(range(256))
    j = 0
    for i in range(256):
        j = (j + box[i] + key[i % len(key)]) % 256
        box[i], box[j] = box[j], box[i]
    out = bytearray()
    i = j = 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + box[i]) % 256
        box[i], box[j] = box[j], box[i]
        out.append(byte ^ box[(box[i] + box[j]) % 256])
    return bytes(out)
