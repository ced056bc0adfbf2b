"""From evidence to a streamed answer or a refusal.

Knows nothing of where evidence comes from or which model writes. What a model writes is
held back until it is a whole sentence, verified against the evidence and given its
quotes; a sentence nothing supports is never shown as an answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import PurePath

from rag.antecedents import with_antecedent
from rag.calibration import Calibration, named
from rag.citing import (
    Support,
    echoes,
    fit_to_show,
    is_short,
    joined_initials,
    verify,
    weighed,
    with_markers,
    without_cited,
)
from rag.errors import ModelError
from rag.expecting import asks_for_views
from rag.guarding import addresses
from rag.prompts import NONE, REFUSAL, answer_messages, reading_messages, refuses
from rag.retrieval import Found
from rag.schema import Answer, ChatModel, Citation, Event, Evidence, Sentence, Usage
from rag.sentences import Span, split_sentences

QUOTING = "quotes only"
# Quoted sentences, when no model answers: the best, and others nearly as good.
_MOST_QUOTES, _NEARLY = 3, 2.0
# A best sentence with these log-odds is quoted even where the model wrote from others, unless
# their score is about as high.
_SURELY_RELEVANT, _AS_GOOD = 4.5, 1.0
# Where documents may disagree, one more is quoted if its best sentence is about as good.
_OTHER_SIDE = 3.0
# The model is shown this many sentences at most, none further from the best than this: on
# XQuAD 2.0 on average, the one with the answer among them for 0.95 of the questions (with a
# distance of 5: 1.4 and 0.91; with all five: 4.0 and 0.98).
_MOST_FACTS, _RELATED = 3, 10.0
# In doubt the language model is asked, of this many of the best sentences one by one, whether
# they hold the answer, until one is this sure (in log-odds) to do so. A second each.
_READ, _HOLDS = 3, 1.0
# How far a sentence moves by the log-odds that it holds the answer.
_READING_WEIGHT = 2.0
# Doubt: outside of these the confidence is so low or high that reading would change nothing.
_HOPELESS, _CERTAIN = 0.05, 0.975
# Below this confidence a model that finds no answer in the evidence is believed.
_BELIEVED = 0.8


@dataclass(frozen=True)
class Task:
    """A question on its way: as asked, as searched for, and what was found for it."""

    question: str
    searched_for: str
    found: Found
    context: tuple[Evidence, ...]
    """Every sentence of the hits: what an answer's sentences are verified against."""
    page_of: Callable[[str, int], int | None]
    alike: Callable[[str, str], float]
    """The log-odds that a sentence and a text are about the same."""
    timings: dict[str, float]

    @property
    def subject(self) -> str:
        """Return what a follow-up leans on, which was added behind the question."""
        return self.searched_for.removeprefix(self.question.strip()).strip(" ()")


@dataclass(frozen=True)
class Manner:
    """How questions are answered: by which model, how strictly, at what length in tokens."""

    model: ChatModel | None
    calibration: Calibration
    strictness: float
    max_tokens: int


@dataclass
class _Draft:
    """The answer as far as it is written."""

    task: Task
    evidence: list[Evidence]
    """The sentences found, best first."""
    first_number: int = 1
    sentences: list[Sentence] = field(default_factory=list)
    citations: dict[tuple[str, int, int], Citation] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)
    notice: str | None = None
    said: str = ""
    said_nothing: bool = False
    """Whether the model found no answer, or wrote nothing that the evidence supports."""
    signals: dict[str, float] = field(default_factory=dict)
    prompts: list[str] = field(default_factory=list)
    is_written: bool = False
    """Whether the model wrote any of it."""
    broke_off: bool = False
    """Whether the model failed while it wrote."""

    def nearest(self, distance: float, most: int) -> list[Evidence]:
        """Return the best sentences, as far as they are to be understood by themselves."""
        near = [e for e in self.evidence if e.score >= self.evidence[0].score - distance]
        # The same words in two places are told once.
        unlike: dict[str, Evidence] = {}
        for evidence in near:
            unlike.setdefault(" ".join(evidence.text.split()), evidence)
        best = list(unlike.values())[:most]
        whole = [with_antecedent(e, self.task.context) for e in best]
        return [e for e in whole if not any(_is_within(e, other) for other in whole)]

    def quote(self, evidence: Evidence, *, lead: str = "") -> str:
        """Add a sentence of the documents as it stands; return the text to show for it."""
        text = " ".join(evidence.text.split())
        return self.accept(text, Support("supported", (evidence,), 1.0), lead=lead)

    def accept(self, text: str, support: Support, *, lead: str = "") -> str:
        """Add a verified sentence, led by words of ours; return the text to show for it."""
        cited = tuple(self._cite(evidence) for evidence in support.evidence)
        sentence = Sentence(fit_to_show(text), cited, support.verdict)
        glue = " " if self.sentences else ""
        self.sentences.append(sentence)
        shown = glue + lead + with_markers(sentence.text, [c.number for c in cited])
        self.said += shown
        return shown

    def _cite(self, evidence: Evidence) -> Citation:
        passage = evidence.passage
        key = (passage.document.id, evidence.start, evidence.end)
        if key not in self.citations:
            self.citations[key] = Citation(
                number=self.first_number + len(self.citations),
                document=passage.document,
                passage_id=passage.id,
                start=evidence.start,
                end=evidence.end,
                page=self.task.page_of(passage.document.id, evidence.start),
                quote=evidence.text,
            )
        return self.citations[key]


def answer(
    task: Task, how: Manner, *, first_number: int = 1, refusal: str = REFUSAL
) -> Generator[Event]:
    """Yield the steps of an answer; the last event carries it.

    Refuses when the documents seem not to hold the answer. Quotes the best sentences when
    there is no model, when it fails, or when it writes nothing that the evidence supports.
    Citations are numbered from `first_number`.
    """
    draft, model = _Draft(task, list(task.found.evidence), first_number), how.model
    draft.signals = named(task.found.signals)
    sure = how.calibration.confidence(draft.signals)
    yield Event("reading", hits=task.found.hits)
    if model is not None and draft.evidence and _HOPELESS < sure < _CERTAIN:
        if not model.ready:
            yield Event("loading")
        draft.signals = named(task.found.signals, _read(draft, model))
        sure = how.calibration.confidence(draft.signals)
    refused = sure < how.strictness or not draft.evidence
    if not refused and model is not None:
        yield from _written(draft, model, how.max_tokens)
        # A small model refuses far too often to be believed against strong evidence.
        refused = draft.said_nothing and sure < _BELIEVED
    if not refused and not draft.sentences:
        for evidence in draft.nearest(_NEARLY, _MOST_QUOTES):
            yield Event("writing", text=draft.quote(evidence))
    if not refused and draft.is_written and (missed := _missed(draft)):
        yield Event("writing", text=draft.quote(missed, lead="Closest in the documents: "))
    if draft.sentences and asks_for_views(task.question):
        for evidence in _elsewhere(draft):
            document = evidence.passage.document
            name = fit_to_show(document.title or PurePath(document.uri).name)
            lead = f"Elsewhere (“{name}”): "
            yield Event("writing", text=draft.quote(evidence, lead=lead))
    if refused:
        draft.said = refusal
        yield Event("writing", text=refusal)
    yield Event("done", answer=_finished(draft, sure, model))


def _missed(draft: _Draft) -> Evidence | None:
    """Return the best sentence if search is sure of it, and the model did not tell it."""
    found = draft.task.found.evidence
    near = [e for e in found if e.score > found[0].score - _AS_GOOD]
    told = draft.citations.values()
    # One that broke off may have meant to tell it.
    is_wanted = draft.broke_off or draft.signals["relevance"] >= _SURELY_RELEVANT
    if not is_wanted or any(_cites(c, e) for e in near for c in told):
        return None
    return with_antecedent(found[0], draft.task.context)


def _cites(citation: Citation, evidence: Evidence) -> bool:
    """Tell whether a citation has part of a sentence."""
    return (
        citation.document.id == evidence.passage.document.id
        and citation.start < evidence.end
        and evidence.start < citation.end
    )


def _elsewhere(draft: _Draft) -> list[Evidence]:
    """Return the best sentence of another document, if it is about as good as the best."""
    found = draft.task.found.evidence
    told = {key[0] for key in draft.citations}
    return [
        with_antecedent(e, draft.task.context)
        for e in found
        if e.passage.document.id not in told and e.score >= found[0].score - _OTHER_SIDE
    ][:1]


def _read(draft: _Draft, model: ChatModel) -> float | None:
    """Return the best sentence's log-odds that it holds the answer, None if they are not told.

    What is read moves up or down by its odds.
    """
    started = time.monotonic()
    found: list[float] = []
    try:
        for evidence in draft.evidence[:_READ]:
            text = with_antecedent(evidence, draft.task.context).text
            prompt = reading_messages(text, draft.task.searched_for)
            draft.prompts.append(prompt[-1].content)
            none = model.odds(prompt, word=NONE)
            if none is None:
                return None
            found.append(-none)
            if -none > _HOLDS:
                break
    except ModelError as error:
        draft.notice = f"The language model did not help to judge what was found. {error}"
        return None
    draft.task.timings["reading"] = time.monotonic() - started
    read = [
        replace(evidence, score=evidence.score + _READING_WEIGHT * odds)
        for evidence, odds in zip(draft.evidence, found, strict=False)
    ]
    draft.evidence = sorted(read + draft.evidence[len(read) :], key=lambda e: -e.score)
    return max(found)


def _written(draft: _Draft, model: ChatModel, max_tokens: int) -> Iterator[Event]:
    """Yield what the model writes, sentence by verified sentence."""
    task = draft.task
    if not model.ready:
        yield Event("loading")
    # Best first: a small model leans on what it reads first. Little: it takes its time to
    # read, and is led astray by what is merely related.
    facts = [e.text for e in draft.nearest(_RELATED, _MOST_FACTS)]
    prompt = answer_messages(facts, task.question, subject=task.subject)
    draft.prompts.append(prompt[-1].content)
    reply, done = "", 0
    started = time.monotonic()
    try:
        with closing(model.stream(prompt, max_tokens=max_tokens)) as pieces:
            for piece in pieces:
                if isinstance(piece, Usage):
                    draft.usage += piece
                    continue
                task.timings.setdefault("prompt", time.monotonic() - started)
                reply += piece
                spans = split_sentences(reply)
                whole = _whole(reply, spans)
                for start, end in spans[done:whole]:
                    yield from _checked(draft, reply[start:end])
                done = max(done, whole)
                if spans and not refuses(reply):
                    # Nothing has verified it yet, so it may name no address at all.
                    words = without_cited(reply[spans[-1][0] :].strip(), known=())
                    yield Event("writing", draft=fit_to_show(words))
    except ModelError as error:
        draft.broke_off = True
        kept = "what it had written so far is kept" if draft.sentences else "this is quoted"
        # It may hold words of the server.
        draft.notice = fit_to_show(f"The language model did not finish, so {kept}. {error}")
    else:
        rest = split_sentences(reply)[done:]
        # At the limit the last sentence was cut off; alone, it is better than none.
        is_cut = draft.usage.completion_tokens >= max_tokens
        if is_cut:
            draft.notice = _at_limit(max_tokens)
        is_part = is_cut and (draft.sentences or rest[1:])
        for start, end in rest[:-1] if is_part else rest:
            yield from _checked(draft, reply[start:end])
        draft.said_nothing = not draft.sentences
    spent = task.timings.get("prompt", 0.0) + task.timings.get("verification", 0.0)
    task.timings["generation"] = time.monotonic() - started - spent


def _at_limit(max_tokens: int) -> str:
    return (
        f"The language model was cut off at its limit of {max_tokens} tokens, so something may "
        "be missing at the end. Raise FOOTNOTE_ANSWER_TOKENS, or ask for less at once."
    )


def _whole(reply: str, spans: Sequence[Span]) -> int:
    """Return how many sentences at the start of a growing reply are surely whole.

    The last one may go on, and whether the one before it is whole ("The U.S. Army") shows
    only when the word after it has been written.
    """
    if len(spans) < 2 or not any(c.isspace() for c in reply[spans[-1][0] :]):
        return max(0, len(spans) - 2)
    return len(spans) - 1


def _checked(draft: _Draft, text: str) -> Iterator[Event]:
    """Yield a sentence of the model if the evidence supports it, nothing otherwise."""
    # What a model cites by itself is not believed, nor taken for a number it states.
    known = addresses(e.text for e in draft.task.context)
    sentence = " ".join(without_cited(text, known=known).split())
    if refuses(sentence):
        return
    started = time.monotonic()
    sentence = joined_initials(sentence, (e.text for e in draft.task.context))
    support = _supported(draft, sentence)
    timings = draft.task.timings
    timings["verification"] = timings.get("verification", 0.0) + time.monotonic() - started
    already = {s.text for s in draft.sentences}
    if support.verdict != "unsupported" and fit_to_show(sentence) not in already:
        draft.is_written = True
        yield Event("writing", text=draft.accept(sentence, support))


def _supported(draft: _Draft, sentence: str) -> Support:
    """Judge a sentence by its words, and by a reading of it with its quotes."""
    task = draft.task
    # A quote of two sentences only where one of them is not enough.
    sources = [*task.context, *draft.nearest(_RELATED, _MOST_FACTS)]
    support = verify(sentence, sources, question=task.searched_for)
    if echoes(sentence, task.question):
        return Support("unsupported", (), support.coverage)
    if support.verdict == "unsupported" or is_short(sentence):
        return support
    return weighed(support, task.alike(sentence, " ".join(e.text for e in support.evidence)))


def _is_within(inner: Evidence, outer: Evidence) -> bool:
    """Tell whether a stretch is a part of another one."""
    same = inner.passage.id == outer.passage.id
    shorter = inner.end - inner.start < outer.end - outer.start
    return same and shorter and outer.start <= inner.start and inner.end <= outer.end


def _finished(draft: _Draft, sure: float, model: ChatModel | None) -> Answer:
    task = draft.task
    citations = tuple(draft.citations.values())
    return Answer(
        question=task.question,
        searched_for=task.searched_for,
        text=draft.said,
        answered=bool(draft.sentences),
        confidence=sure,
        sentences=tuple(draft.sentences),
        citations=citations,
        hits=task.found.hits,
        model=model.name if model is not None and draft.is_written else QUOTING,
        timings=dict(task.timings),
        usage=draft.usage,
        notice=draft.notice,
        signals=draft.signals,
        evidence=tuple(draft.evidence),
        prompts=tuple(draft.prompts),
    )
