"""PDF files with damage, locks, bombs and loops in them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

from tests.documents import make_pdf, pdf_file
from tests.hostile.case import ADDED, EITHER, REFUSED, SENTENCE, Case, cut_short, flipped, made
from tests.hostile.locks import lock_aes

PAGE = [SENTENCE, "He owned a telescope, two lamps and a long list of birds."]
CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
ONE_PAGE = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
SHOWN = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources 5 0 R >>"
FONTS = b"<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
TEXT = f"BT /F1 11 Tf 72 700 Td ({SENTENCE}) Tj ET\n".encode()
ROOT = b"/Root 1 0 R"
MEGABYTE = 1_000_000


def stream(content: bytes, entries: bytes = b"") -> bytes:
    """Return a stream object with the true length."""
    return b"<< /Length %d %s >>\nstream\n" % (len(content), entries) + content + b"\nendstream"


def one_page(contents: bytes, *, trailer: bytes = ROOT, **others: bytes) -> bytes:
    """Return a PDF of one page; `others` are objects by number, such as o7, new or instead."""
    objects = {1: CATALOG, 2: ONE_PAGE, 3: SHOWN, 4: contents, 5: FONTS}
    return pdf_file(objects | {int(name[1:]): other for name, other in others.items()}, trailer)


def packed(megabytes: int) -> bytes:
    """Return the sentence after so many megabytes of blanks, packed without holding them all."""
    packer = zlib.compressobj(9)
    blanks = b" " * MEGABYTE
    return (
        b"".join([*(packer.compress(blanks) for _ in range(megabytes)), packer.compress(TEXT)])
        + packer.flush()
    )


def cases(room: Path) -> Iterator[Case]:
    """Yield the files. `room` is the folder they go to."""
    yield from _damaged()
    yield from _locked()
    yield from _bombs()
    yield from _lengths()
    yield from _loops()
    yield from _pages()
    yield from _texts(room)


def _damaged() -> Iterator[Case]:
    whole = make_pdf([PAGE] * 12, title="The keeper")
    shares = (0.002, 0.01, 0.05, 0.2, 0.4, 0.6, 0.8, 0.9, 0.97, 0.995)
    yield from cut_short("pdf", ".pdf", whole, shares)
    yield from flipped("pdf", ".pdf", whole, (1, 8, 8, 64, 64, 512, 512, 4096))
    yield made("pdf-zeros.pdf", REFUSED, lambda: b"%PDF-1.7\n" + bytes(20 * MEGABYTE))
    yield made("pdf-late-head.pdf", ADDED, lambda: b"X-Mail: line\n" * 60 + whole, says=SENTENCE)


def _locked() -> Iterator[Case]:
    plain = one_page(stream(TEXT))
    yield made("pdf-password.pdf", REFUSED, lambda: make_pdf([PAGE], password="secret"))
    yield made(
        "pdf-owner-password.pdf", ADDED, lambda: make_pdf([PAGE], password=""), says=SENTENCE
    )
    yield made("pdf-aes256.pdf", REFUSED, lambda: _aes(b"secret"))
    yield made("pdf-aes256-owner.pdf", ADDED, lambda: _aes(b""), says=SENTENCE)
    yield made("pdf-aes256-cut.pdf", REFUSED, lambda: _aes(b"secret")[:900])
    unknown = b"/Encrypt << /Filter /Nobody.Knows /V 99 >> " + ROOT
    yield made("pdf-unknown-lock.pdf", REFUSED, lambda: one_page(stream(TEXT), trailer=unknown))
    itself = b"/Encrypt 1 0 R /ID [<00> <00>] " + ROOT
    yield made("pdf-lock-is-root.pdf", REFUSED, lambda: plain.replace(ROOT, itself))


def _aes(password: bytes) -> bytes:
    key, entries = lock_aes(password)
    return pdf_file(
        {1: CATALOG, 2: ONE_PAGE, 3: SHOWN, 4: stream(key(TEXT)), 5: FONTS, 6: entries},
        ROOT + b" /Encrypt 6 0 R /ID [<30> <30>]",
    )


def _bombs() -> Iterator[Case]:
    flate = b"/Filter /FlateDecode"
    yield made("pdf-bomb.pdf", REFUSED, lambda: one_page(stream(packed(1200), flate)), slow=True)
    twice = b"/Filter [/FlateDecode /FlateDecode]"
    yield made(
        "pdf-bomb-twice.pdf",
        REFUSED,
        lambda: one_page(stream(zlib.compress(packed(1500)), twice)),
        slow=True,
    )
    runs = b"/Filter /RunLengthDecode"
    yield made("pdf-bomb-runs.pdf", REFUSED, lambda: one_page(stream(b"\x81 " * 8_000_000, runs)))
    many = b"/Filter [" + b"/ASCIIHexDecode " * 15 + b"]"
    yield made("pdf-filters.pdf", REFUSED, lambda: one_page(stream(_hex(b"BT ET", 15), many)))
    endless = b"/Filter [" + b"/FlateDecode " * 200_000 + b"]"
    yield made("pdf-filter-list.pdf", REFUSED, lambda: one_page(stream(packed(1), endless)))
    yield made("pdf-form-bomb.pdf", REFUSED, lambda: _forms(depth=9, width=10))
    yield made("pdf-form-itself.pdf", EITHER, lambda: _forms(depth=1, width=2, last=7))
    picture = b"/Type /XObject /Subtype /Image /Width 100000 /Height 100000 /BitsPerComponent 8"
    gray = picture + b" /ColorSpace /DeviceGray " + flate
    draw = TEXT + b"/I Do"
    names = FONTS[:-2] + b"/XObject << /I 6 0 R >> >>"
    yield made(
        "pdf-picture-bomb.pdf",
        ADDED,
        lambda: one_page(stream(draw), o5=names, o6=stream(packed(900), gray)),
        says=SENTENCE,
        slow=True,
    )


def _hex(content: bytes, times: int) -> bytes:
    for _ in range(times):
        content = content.hex().encode()
    return content


def _forms(*, depth: int, width: int, last: int = 0) -> bytes:
    """Return a page of forms that each draw the next one so many times."""
    objects = {1: CATALOG, 2: ONE_PAGE, 3: SHOWN, 4: stream(b"/X Do"), 5: _xobject(6)}
    for level in range(depth):
        form = b"/Type /XObject /Subtype /Form /BBox [0 0 600 700] /Resources "
        objects[6 + level] = stream(b"/X Do " * width, form + _xobject(last or 7 + level))
    objects[6 + depth] = stream(
        TEXT, b"/Type /XObject /Subtype /Form /BBox [0 0 600 700] /Resources " + FONTS
    )
    return pdf_file(objects, ROOT)


def _xobject(number: int) -> bytes:
    return b"<< /XObject << /X %d 0 R >> >>" % number


def _lengths() -> Iterator[Case]:
    def lie(length: bytes) -> bytes:
        return one_page(b"<< /Length " + length + b" >>\nstream\n" + TEXT + b"\nendstream")

    yield made("pdf-length-huge.pdf", ADDED, lambda: lie(b"4294967295"))
    yield made("pdf-length-negative.pdf", ADDED, lambda: lie(b"-5"))
    yield made("pdf-length-itself.pdf", EITHER, lambda: lie(b"4 0 R"))
    plain = one_page(stream(TEXT))
    yield made("pdf-size.pdf", ADDED, lambda: plain.replace(b"/Size 6", b"/Size 2147483647"))
    yield made("pdf-count.pdf", EITHER, lambda: plain.replace(b"/Count 1", b"/Count 999999999"))
    yield made("pdf-count-minus.pdf", EITHER, lambda: plain.replace(b"/Count 1", b"/Count -7"))
    yield made("pdf-offsets.pdf", EITHER, lambda: plain.replace(b"\n00000", b"\n99999"))
    yield made("pdf-box.pdf", EITHER, lambda: plain.replace(b"612 792", b"1e38 -1e38"))
    yield made(
        "pdf-objects.pdf", REFUSED, lambda: b"%PDF-1.4\n" + b"1 0 obj\n" * 4 * MEGABYTE, slow=True
    )
    yield made("pdf-brackets.pdf", EITHER, lambda: one_page(stream(TEXT), o6=b"[" * 5 * MEGABYTE))
    yield made(
        "pdf-dictionaries.pdf", EITHER, lambda: one_page(stream(TEXT), o5=b"<< /A " * MEGABYTE)
    )
    yield made("pdf-operators.pdf", REFUSED, lambda: one_page(stream(b"q " * 10 * MEGABYTE)))


def _loops() -> Iterator[Case]:
    plain = one_page(stream(TEXT))
    start = plain.index(b"xref\n")
    loop = b"%s /Prev %d " % (ROOT, start)
    yield made("pdf-xref-loop.pdf", ADDED, lambda: one_page(stream(TEXT), trailer=loop))
    hybrid = b"%s /XRefStm %d " % (ROOT, start)
    yield made("pdf-xref-stream-loop.pdf", EITHER, lambda: one_page(stream(TEXT), trailer=hybrid))
    tree = {"o2": b"<< /Type /Pages /Kids [2 0 R 3 0 R] /Count 2 >>"}
    yield made("pdf-tree-loop.pdf", REFUSED, lambda: one_page(stream(TEXT), **tree))
    yield made("pdf-tree-doubles.pdf", REFUSED, lambda: _doubling_tree(28))
    yield made("pdf-tree-deep.pdf", REFUSED, lambda: _deep_tree(20_000))
    outline = CATALOG[:-2] + b"/Outlines 6 0 R >>"
    item = b"<< /Title (round and round) /Parent 6 0 R /First 6 0 R /Next 6 0 R /Count 99 >>"
    yield made(
        "pdf-outline-loop.pdf",
        ADDED,
        lambda: one_page(stream(TEXT), o1=outline, o6=item),
        says=SENTENCE,
    )


def _doubling_tree(depth: int) -> bytes:
    objects = {1: CATALOG}
    for level in range(depth):
        kids = b"[%d 0 R %d 0 R]" % (3 + level, 3 + level)
        objects[2 + level] = b"<< /Type /Pages /Kids %s /Count %d >>" % (kids, 2 ** (depth - level))
    objects[2 + depth] = b"<< /Type /Page /MediaBox [0 0 612 792] >>"
    return pdf_file(objects, ROOT)


def _deep_tree(depth: int) -> bytes:
    objects = {1: CATALOG}
    for level in range(depth):
        objects[2 + level] = b"<< /Type /Pages /Kids [%d 0 R] /Count 1 >>" % (3 + level)
    objects[2 + depth] = b"<< /Type /Page /MediaBox [0 0 612 792] >>"
    return pdf_file(objects, ROOT)


def _pages() -> Iterator[Case]:
    yield made("pdf-no-pages.pdf", REFUSED, lambda: make_pdf([]))
    yield made("pdf-10000-pages.pdf", REFUSED, lambda: make_pdf([PAGE] * 10_000))
    yield made("pdf-4999-pages.pdf", ADDED, lambda: make_pdf([PAGE] * 4_999), says=SENTENCE)
    yield made("pdf-no-tree.pdf", REFUSED, lambda: pdf_file({1: b"<< /Type /Catalog >>"}, ROOT))
    yield made("pdf-no-text.pdf", REFUSED, lambda: one_page(stream(b"0 0 m 99 99 l S")))


def _texts(room: Path) -> Iterator[Case]:
    hidden = TEXT + b"BT 3 Tr /F1 11 Tf 72 600 Td (Nobody sees this line.) Tj ET"
    yield made("pdf-hidden-text.pdf", ADDED, lambda: one_page(stream(hidden)), says=SENTENCE)
    yield made("pdf-page-of-24m.pdf", REFUSED, lambda: one_page(_flate(_lines(1000))), slow=True)
    unmapped = FONTS.replace(b"/Helvetica", b"/Helvetica /ToUnicode 6 0 R")
    broken = b"".join(b"<%02x> <FFFD> " % code for code in range(256))
    nothing = b"1 begincodespacerange <00> <FF> endcodespacerange 256 beginbfchar " + broken
    yield made(
        "pdf-no-letters.pdf",
        REFUSED,
        lambda: one_page(stream(_lines(9)), o5=unmapped, o6=stream(nothing + b"endbfchar")),
    )
    file = f"/OpenAction << /S /Launch /F (file://{room.parent}/secret.txt) >> >>".encode()
    action = CATALOG[:-2] + file
    yield made("pdf-launch.pdf", ADDED, lambda: one_page(stream(TEXT), o1=action), says=SENTENCE)


def _lines(count: int) -> bytes:
    """Return lines one below the other, each of the sentence four hundred times."""
    said = SENTENCE.encode() * 400
    return b"".join(
        b"BT /F1 1 Tf 1 0 0 1 0 %.2f Tm (%s) Tj ET\n" % (790 - n * 2, said) for n in range(count)
    )


def _flate(content: bytes) -> bytes:
    return stream(zlib.compress(content), b"/Filter /FlateDecode")
