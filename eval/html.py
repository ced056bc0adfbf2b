"""The report of a run as one HTML page that needs nothing from elsewhere.

Knows nothing of how cases are asked or scored, nor of how plots are drawn. What comes from
documents, questions and models is escaped by the template; characters that would not be
seen, or would turn text around, are shown by sign or by number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from eval import plots
from eval.metrics.intervals import Interval, quantile
from eval.metrics.spans import Span
from eval.outcomes import FoundPassage, Outcome
from eval.scoring import BY_NAME, METRICS, Metric, Scores, Summary
from eval.verdicts import TONES, Tone, Verdict, first_found, holding, verdict, worst_first
from rag import Answer, Citation

_ASSETS = Path(__file__).parent / "assets"
_OPEN = 3
"""Cases that are not collapsed."""
_AROUND = 280
"""Characters of a passage that are shown on either side of a quote."""
_MOST_TAGS = 40
_MOST_ITEMS = 200
_HEADLINES = (
    "gold_in_answer_or_quote",
    "citation_precision",
    "citation_recall",
    "refusal_recall",
    "false_refusal_rate",
)
_HEADLINES_OF_RETRIEVAL = (
    "recall@1", "recall@5", "recall@10", "mrr", "ndcg@10",
    "document_recall@5", "document_recall@10", "document_ndcg@10",
)  # fmt: skip
_BY_TAG = ("gold_in_answer_or_quote", "citation_recall", "refusal_recall")
_BY_TAG_OF_RETRIEVAL = ("recall@5", "document_recall@5")

_SIGNS: dict[int, str] = {
    **dict.fromkeys((*range(0x80, 0xA0), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF), "\ufffd"),
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\t\n"},
    0x7F: "\u2421",
    **{code: f"⟦U+{code:04X}⟧" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))},
}

Piece = tuple[str, bool]
"""Some text, and whether it is marked."""


def page(
    manifest: Mapping[str, Any],
    outcomes: Sequence[Outcome],
    scores: Mapping[str, Scores],
    summary: Summary,
) -> str:
    """Return the report of a run as an HTML page, its cases worst first.

    Args:
        manifest: What the run was. Any key may be missing.
        outcomes: The cases, in any order.
        scores: The metrics of every case, by id.
        summary: The figures of the run.
    """
    cases = _cases(outcomes, scores)
    asked = any(o.answer is not None for o in outcomes)
    return _template().render(
        style=(_ASSETS / "report.css").read_text(encoding="utf-8"),
        manifest=manifest,
        options=_options(manifest),
        started=_moment(manifest.get("started")),
        finished=_moment(manifest.get("finished")),
        summary=summary,
        n_failed=sum(o.error is not None for o in outcomes),
        n_clusters=len({o.cluster for o in outcomes}),
        n_open=_OPEN,
        most_items=_MOST_ITEMS,
        asked=asked,
        headlines=_headlines(summary, asked=asked),
        groups=_groups(summary),
        reliability=_reliability(summary),
        times=_times(outcomes),
        tags=_tags(summary, asked=asked),
        verdicts=_counted(cases),
        sections=[(word, list(part)) for word, part in groupby(cases, key=lambda c: c.verdict)],
    )


def visible(value: Any) -> Any:
    """Return text with every character that hides, or turns text around, made to be seen."""
    if value is None:
        return ""
    # Of its subclasses one is markup that the template made itself.
    return value.translate(_SIGNS) if type(value) is str else value


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2")


# Figures ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Group:
    """The metrics of one part of the work, with their plot."""

    name: str
    rows: Sequence[tuple[Metric, Interval]]
    plot: str | None


@dataclass(frozen=True)
class _Times:
    """How long cases took, as far as they tell."""

    plot: str
    what: str
    median: float
    p95: float
    n: int


@dataclass(frozen=True)
class _Tags:
    """Metrics by tag. `left_out` tags, the best ones, are not in the plot."""

    plot: str
    left_out: int


def _headlines(summary: Summary, *, asked: bool) -> list[tuple[Metric, Interval]]:
    names = _HEADLINES if asked else _HEADLINES_OF_RETRIEVAL
    return [(BY_NAME[n], summary.metrics[n]) for n in names if n in summary.metrics][:5]


def _groups(summary: Summary) -> list[_Group]:
    groups = []
    for name, metrics in groupby(METRICS, key=lambda metric: metric.group):
        rows = [(m, summary.metrics[m.name]) for m in metrics if m.name in summary.metrics]
        drawn = [
            plots.Row(m.label + (" ↓" if lower else ""), interval, warns=lower)
            for m, interval in rows
            for lower in (m.better == "lower",)
        ]
        plot = None
        if drawn and name != "Run":
            plot = plots.intervals(f"plot-{name.lower()}", f"{name}: means and intervals", drawn)
        if rows:
            groups.append(_Group(name, rows, plot))
    return groups


def _reliability(summary: Summary) -> str | None:
    if summary.calibration is None or not summary.calibration.bins:
        return None
    title = "Reliability: share of answerable questions by confidence"
    return plots.reliability("plot-reliability", title, summary.calibration.bins, "answerable")


def _times(outcomes: Sequence[Outcome]) -> _Times | None:
    whole = [s for o in outcomes if o.answer and (s := _seconds(o)) is not None]
    search = [s for o in outcomes if not o.answer and (s := o.seconds.get("search")) is not None]
    what, seconds = ("a whole answer", whole) if whole else ("a search", search)
    median, p95 = quantile(seconds, 0.5), quantile(seconds, 0.95)
    if median is None or p95 is None:
        return None
    plot = plots.histogram("plot-times", f"Seconds to {what}", seconds, (median, p95))
    return _Times(plot, what, median, p95, len(seconds))


def _tags(summary: Summary, *, asked: bool) -> _Tags | None:
    names = _BY_TAG if asked else _BY_TAG_OF_RETRIEVAL
    # Of a tag the first of the metrics that it has.
    chosen = {
        tag: next((n for n in names if n in means), None) for tag, means in summary.by_tag.items()
    }
    rows = [
        (names.index(name), interval.mean, tag, name, interval)
        for tag, name in chosen.items()
        if name is not None
        for interval in (summary.by_tag[tag][name],)
    ]
    drawn = [
        plots.Row(
            _shortened(visible(tag), 30), interval, BY_NAME[name].label, note=f"n {interval.n}"
        )
        for _, _, tag, name, interval in sorted(rows, key=lambda row: row[:3])
    ]
    if not drawn:
        return None
    title = "Metrics by tag, the worst first"
    return _Tags(plots.intervals("plot-tags", title, drawn[:_MOST_TAGS]), len(drawn[_MOST_TAGS:]))


def _options(manifest: Mapping[str, Any]) -> list[str]:
    """Return the options of a run that are not as usual, in words."""
    options = manifest.get("options")
    if not isinstance(options, Mapping):
        return []
    return [
        name.replace("_", " ") if value is True else f"{name.replace('_', ' ')} {value}"
        for name, value in options.items()
        if value not in (None, False, "", 0) and name != "format"
    ]


def _moment(text: Any) -> str:
    """Return a time of ISO 8601 in words, anything else as it is."""
    with suppress(TypeError, ValueError):
        moment = datetime.fromisoformat(text)
        zone = moment if moment.tzinfo is None else moment.astimezone(UTC)
        return f"{zone.day} {zone:%B %Y, %H:%M}" + ("" if moment.tzinfo is None else " UTC")
    return "" if text is None else str(text)


# Cases --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Quote:
    """A citation in its context; `right` is None where nothing says what is."""

    citation: Citation
    document: str
    pieces: Sequence[Piece]
    exact: bool | None
    right: bool | None


@dataclass(frozen=True)
class _Found:
    """A passage of a ranking, `rank` from 1; without pieces only its place is shown."""

    rank: int
    passage: FoundPassage
    holds: bool
    pieces: Sequence[Piece]


@dataclass(frozen=True)
class _Case:
    """All that is shown of a case; `number` is its place in the run, from 1."""

    number: int
    outcome: Outcome
    verdict: Verdict
    tone: Tone
    seconds: float | None
    found_at: int | None
    quotes: Sequence[_Quote]
    passages: Sequence[_Found]
    metrics: Sequence[tuple[str, float]]

    @property
    def searched_for(self) -> str | None:
        """Return what was searched for, None if it was the question itself."""
        answer = self.outcome.answer
        if answer is None or answer.searched_for.strip() in (
            "",
            self.outcome.case.question.strip(),
        ):
            return None
        return answer.searched_for


def _cases(outcomes: Sequence[Outcome], scores: Mapping[str, Scores]) -> list[_Case]:
    values = [scores.get(o.case.id, {}) for o in outcomes]
    words = [verdict(o, s) for o, s in zip(outcomes, values, strict=True)]
    return [
        _case(place + 1, outcomes[place], words[place], values[place])
        for place in worst_first(outcomes, words)
    ]


def _case(number: int, outcome: Outcome, word: Verdict, scores: Scores) -> _Case:
    answer = outcome.answer
    return _Case(
        number,
        outcome,
        word,
        TONES[word],
        _seconds(outcome),
        first_found(outcome),
        () if answer is None else tuple(_quotes(outcome, answer)),
        # What a right answer was not taken from would make the page several times as long.
        tuple(_found(outcome, with_text=answer is None or TONES[word] != "good")),
        [
            (BY_NAME[name].label if name in BY_NAME else name, value)
            for name, value in scores.items()
            if value is not None and name != "failed"
        ],
    )


def _counted(cases: Iterable[_Case]) -> list[tuple[Verdict, Tone, int]]:
    found = [case.verdict for case in cases]
    return [(word, tone, found.count(word)) for word, tone in TONES.items() if word in found]


def _seconds(outcome: Outcome) -> float | None:
    """Return how long a case took: the whole answer, else the calls that were made."""
    timings = {} if outcome.answer is None else outcome.answer.timings
    return timings.get("total", sum(outcome.seconds.values()) if outcome.seconds else None)


def _quotes(outcome: Outcome, answer: Answer) -> Iterator[_Quote]:
    places = [place.span for place in outcome.located.places]
    texts = {hit.passage.id: hit.passage for hit in answer.hits}
    for number, citation in enumerate(answer.citations):
        cited = outcome.citations[number] if number < len(outcome.citations) else None
        passage = texts.get(citation.passage_id)
        pieces: list[Piece] = [(citation.quote, True)]
        if passage is not None:
            start, end = citation.start - passage.start, citation.end - passage.start
            if start >= 0 and passage.text[start:end] == citation.quote:
                pieces = _excerpt(passage.text, start, end)
        yield _Quote(
            citation,
            citation.document.uri.rsplit("/", 1)[-1] if cited is None else cited.span.document,
            pieces,
            None if cited is None else cited.exact,
            any(cited.span.overlaps(p) for p in places) if cited and places else None,
        )


def _found(outcome: Outcome, *, with_text: bool) -> Iterator[_Found]:
    # A whole document as evidence would mark every word of a passage.
    places = [place.span for place in outcome.located.places if place.kind == "quote"]
    flags = holding(outcome)
    for rank, (passage, holds) in enumerate(zip(outcome.passages, flags, strict=True), start=1):
        if passage.text or holds:
            pieces = _marked(passage, places) if with_text and passage.text else []
            yield _Found(rank, passage, holds, pieces)


def _excerpt(text: str, start: int, end: int) -> list[Piece]:
    """Return a quote, marked, with what stands around it, cut between words."""
    before, after = text[:start], text[end:]
    if start > _AROUND:
        before = "… " + before[-_AROUND:].partition(" ")[2]
    if len(after) > _AROUND:
        after = after[:_AROUND].rpartition(" ")[0] + " …"
    return [
        piece for piece in ((before, False), (text[start:end], True), (after, False)) if piece[0]
    ]


def _marked(passage: FoundPassage, places: Iterable[Span]) -> list[Piece]:
    """Return the text of a passage with the characters marked that are in a place."""
    shared = (passage.span.intersection(place) for place in places)
    inside = sorted((s.start, s.end) for s in shared if s is not None)
    pieces: list[Piece] = []
    done = passage.span.start
    for start, end in inside:
        if end > done:
            first = max(start, done)
            pieces += [(_part(passage, done, first), False), (_part(passage, first, end), True)]
            done = end
    pieces.append((passage.text[done - passage.span.start :], False))
    return [piece for piece in pieces if piece[0]]


def _part(passage: FoundPassage, start: int, end: int) -> str:
    return passage.text[start - passage.span.start : end - passage.span.start]


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
