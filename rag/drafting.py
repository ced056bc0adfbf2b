"""An answer under way: what was asked and found, and what of it has been told.

Knows nothing of how sentences are written or checked. What it tells is numbered and cited.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

from rag.antecedents import with_antecedent
from rag.calibration import Calibration, named
from rag.citing import Support, fit_to_show, with_markers
from rag.errors import ModelError
from rag.prompts import NONE, reading_messages
from rag.retrieval import Found
from rag.schema import ChatModel, Citation, Evidence, Sentence, Usage

# Doubt: outside of these the confidence is so low or high that reading would change nothing.
_HOPELESS, _CERTAIN = 0.05, 0.975
# In doubt the language model is asked, of this many of the best sentences one by one, whether
# they hold the answer, until one is this sure (in log-odds) to do so. A second each.
_READ, _HOLDS = 3, 1.0
# How far a sentence moves by the log-odds that it holds the answer.
_READING_WEIGHT = 2.0


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
    elsewhere: Callable[[Collection[str]], Task] | None = None
    """The same question without the documents with these ids, if it can be asked so."""

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
class Draft:
    """An answer as far as it is written."""

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
    confidence: float = 0.0
    prompts: list[str] = field(default_factory=list)
    is_written: bool = False
    """Whether the model wrote any of it."""
    broke_off: bool = False
    """Whether the model failed while it wrote."""

    def judge(self, how: Manner, holds: float | None = None) -> None:
        """Set signals and confidence, by what search tells and what a model has read."""
        self.signals = named(self.task.found.signals, holds)
        self.confidence = how.calibration.confidence(self.signals)

    @property
    def in_doubt(self) -> bool:
        """Tell whether reading the best sentences could change the confidence enough."""
        return bool(self.evidence) and _HOPELESS < self.confidence < _CERTAIN

    def read(self, how: Manner) -> None:
        """Let the model, if there is one, read the best sentences, which settles their order."""
        if how.model is not None:
            self.judge(how, _read(self, how.model))

    def nearest(self, distance: float, most: int) -> list[Evidence]:
        """Return the best sentences, as far as they are to be understood by themselves."""
        near = [e for e in self.evidence if e.score >= self.evidence[0].score - distance]
        # The same words in two places are told once.
        unlike: dict[str, Evidence] = {}
        for evidence in near:
            unlike.setdefault(" ".join(evidence.text.split()), evidence)
        best = list(unlike.values())[:most]
        whole = [with_antecedent(e, self.task.context) for e in best]
        return [e for e in whole if not any(is_part(e, o) and not is_part(o, e) for o in whole)]

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


def drafted(task: Task, how: Manner, *, first_number: int = 1) -> Draft:
    """Return the beginning of an answer, with the confidence that search has in it."""
    draft = Draft(task, list(task.found.evidence), first_number)
    draft.judge(how)
    return draft


def _read(draft: Draft, model: ChatModel) -> float | None:
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
        # It may hold words of the server.
        draft.notice = fit_to_show(
            f"The language model did not help to judge what was found. {error}"
        )
        return None
    draft.task.timings["reading"] = time.monotonic() - started
    read = [
        replace(evidence, score=evidence.score + _READING_WEIGHT * odds)
        for evidence, odds in zip(draft.evidence, found, strict=False)
    ]
    draft.evidence = sorted(read + draft.evidence[len(read) :], key=lambda e: -e.score)
    return max(found)


def is_part(inner: Evidence, outer: Evidence) -> bool:
    """Tell whether a stretch is a part of another one, or all of it."""
    same = inner.passage.id == outer.passage.id
    return same and outer.start <= inner.start and inner.end <= outer.end
