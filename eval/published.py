"""Rows of the chunking report, measured again with its own chunker: a check of the metrics.

Knows nothing of how Footnote itself cuts or ranks. The report is "Evaluating Chunking
Strategies for Retrieval" (Smith and Troynikov, Chroma, 2024), table for all-MiniLM-L6-v2
and five retrieved chunks; where our figures agree with its, the metric code is right.
"""

from __future__ import annotations

import importlib.util
import math
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import pstdev

import numpy as np
import tiktoken
from numpy.typing import NDArray

from eval.adapters import load_dataset
from eval.cases import Case, Evidence
from eval.metrics.intervals import mean
from eval.metrics.spans import Span, character_scores, precision_omega
from rag import Embedder, Progress, ProgressCallback, Settings, build_embedder

_SEPARATORS = ("\n\n", "\n", ".", "?", "!", " ", "")
_RETRIEVED = 5
_BATCH = 64

Measure = Callable[[str], int]


@dataclass(frozen=True)
class Figures:
    """Means over the questions, in per cent, as the report prints them."""

    recall: float
    precision: float
    precision_omega: float
    iou: float


PUBLISHED = {
    200: Figures(75.7, 6.5, 31.2, 6.5),
    250: Figures(78.5, 5.4, 26.7, 5.4),
}
"""Recursive chunker without overlap, by chunk size in tokens."""


@dataclass(frozen=True)
class Reproduced:
    """A row of the report, our figures for it, and the standard errors of ours."""

    size: int
    n_chunks: int
    published: Figures
    ours: Figures
    error: Figures


def reproduce(path: Path, settings: Settings, progress: ProgressCallback) -> list[Reproduced]:
    """Measure the rows of PUBLISHED on the report's own data; raises BadCases."""
    dataset = load_dataset("chunking", path, path)
    texts = {file.name: file.read_text(encoding="utf-8") for file in dataset.documents}
    embedder = build_embedder(settings)
    try:
        questions = _embed(embedder, [c.question for c in dataset.cases], "Questions", progress)
        data = _Data(texts, dataset.cases, questions)
        return [_row(size, data, embedder, progress) for size in PUBLISHED]
    finally:
        embedder.close()


@dataclass(frozen=True)
class _Data:
    texts: dict[str, str]
    cases: tuple[Case, ...]
    questions: NDArray[np.float32]


def _row(size: int, data: _Data, embedder: Embedder, progress: ProgressCallback) -> Reproduced:
    measure = token_counter()
    chunks = [
        (Span(name, start, start + len(chunk)), chunk)
        for name, text in data.texts.items()
        for chunk in recursive_chunks(text, size, measure)
        # As in the report's code: a chunk that stands twice gets its first place.
        if (start := text.find(chunk)) >= 0
    ]
    spans = [span for span, _ in chunks]
    vectors = _embed(embedder, [chunk for _, chunk in chunks], f"Recursive {size}", progress)
    nearest = np.argsort(-(data.questions @ vectors.T), axis=1, kind="stable")[:, :_RETRIEVED]
    values: list[tuple[float, ...]] = []
    for case, found in zip(data.cases, nearest, strict=True):
        references = [_span(data.texts, place) for place in case.evidence]
        scores = character_scores([spans[n] for n in found], references)
        omega = precision_omega(spans, references)
        values.append((scores.recall or 0, scores.precision or 0, omega or 0, scores.iou or 0))
    columns = [[100 * value for value in column] for column in zip(*values, strict=True)]
    ours = Figures(*(mean(column) or 0.0 for column in columns))
    error = Figures(*(pstdev(column) / math.sqrt(len(column)) for column in columns))
    return Reproduced(size, len(chunks), PUBLISHED[size], ours, error)


def _span(texts: dict[str, str], place: Evidence) -> Span:
    text, quote, start = texts[place.document], place.quote or "", place.start or 0
    first = start if text.startswith(quote, start) else text.index(quote)
    return Span(place.document, first, first + len(quote))


def _embed(
    embedder: Embedder, texts: Sequence[str], task: str, progress: ProgressCallback
) -> NDArray[np.float32]:
    rows = []
    for start in range(0, len(texts), _BATCH):
        progress(Progress(task, start, len(texts), "texts"))
        rows.append(embedder.embed(texts[start : start + _BATCH]))
    progress(Progress(task, len(texts), len(texts), "texts"))
    return np.concatenate(rows)


# The report's chunker ---------------------------------------------------------------------


def recursive_chunks(text: str, size: int, measure: Measure) -> list[str]:
    """Cut a text at its largest separators into chunks of at most `size`, as the report does.

    Pieces between separators are packed while they fit; one that alone is too long is cut
    at the next smaller separator. A separator stays at the start of the piece after it.
    """
    return list(_recursive(text, size, measure, _SEPARATORS))


def _recursive(text: str, size: int, measure: Measure, separators: Sequence[str]) -> Iterator[str]:
    place = next(n for n, separator in enumerate(separators) if separator in text)
    smaller = separators[place + 1 :]
    waiting: list[tuple[str, int]] = []
    for piece in _pieces(text, separators[place]):
        length = measure(piece)
        if length < size:
            waiting.append((piece, length))
            continue
        yield from _packed(waiting, size)
        waiting = []
        if smaller:
            yield from _recursive(piece, size, measure, smaller)
        else:
            yield piece
    yield from _packed(waiting, size)


def _pieces(text: str, separator: str) -> list[str]:
    if not separator:
        return list(text)
    return [piece for piece in re.split(f"(?={re.escape(separator)})", text) if piece]


def _packed(pieces: Sequence[tuple[str, int]], size: int) -> Iterator[str]:
    chunk, total = "", 0
    for piece, length in pieces:
        if chunk and total + length > size:
            if chunk.strip():
                yield chunk.strip()
            chunk, total = "", 0
        chunk, total = chunk + piece, total + length
    if chunk.strip():
        yield chunk.strip()


def token_counter() -> Measure:
    """Return the report's measure of length: tokens of cl100k_base."""
    found = importlib.util.find_spec("llama_index.core")
    if found is not None and found.origin is not None:
        # tiktoken downloads its vocabularies; LlamaIndex brings this one along.
        folder = Path(found.origin).parent / "_static" / "tiktoken_cache"
        os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(folder))
    encoding = tiktoken.get_encoding("cl100k_base")
    return lambda text: len(encoding.encode(text, disallowed_special=()))


def reproduction_table(rows: Sequence[Reproduced]) -> str:
    """Return the rows as Markdown: ours with standard error, the published in brackets."""
    names = [field.name for field in fields(Figures)]
    lines = [
        "| Recursive, overlap 0 | chunks | " + " | ".join(names) + " |",
        "| --- " * (len(names) + 2) + "|",
    ]
    for row in rows:
        cells = [
            f"{getattr(row.ours, name):.1f} ± {getattr(row.error, name):.1f} "
            f"({getattr(row.published, name):.1f})"
            for name in names
        ]
        lines.append(f"| {row.size} | {row.n_chunks} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
