"""One answer to a question that was asked in parts.

Knows nothing of how a part is answered. Each part is searched, answered or refused by
itself; what comes of them is numbered through and told one after the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable, Sequence
from dataclasses import replace
from itertools import chain, zip_longest

from rag.answering import QUOTING, answer
from rag.citing import fit_to_show
from rag.drafting import Manner, Task
from rag.library import Library
from rag.models.question import OneQuestion
from rag.prompts import REFUSAL
from rag.retrieval import Search
from rag.schema import Answer, Event, Hit, Usage


def tasks_of(
    parts: Sequence[tuple[str, str]],
    begun: Callable[[str], Search],
    *,
    how_many: tuple[int, int],
    library: Library,
    alike: Callable[[str, str], float],
) -> list[Task]:
    """Return the parts of a question, as asked and as searched for, with what is found.

    `how_many` passages and sentences of them: what an answer is written from.
    """

    def task_of(asked: str, searched_for: str) -> Task:
        search = begun(searched_for)

        def beside(without: Collection[str]) -> Task:
            found = search.find(*how_many, without=without)
            return Task(
                question=asked,
                searched_for=searched_for,
                found=found,
                context=library.sentences_of(hit.passage.id for hit in found.hits),
                page_of=library.page_of,
                alike=alike,
                timings=dict(found.seconds),
                elsewhere=beside,
            )

        return beside(())

    return [task_of(asked, searched_for) for asked, searched_for in parts]


def answer_parts(
    question: str, searched_for: str, tasks: Sequence[Task], how: Manner
) -> Generator[Event]:
    """Yield the steps of an answer to all tasks; the last event carries it.

    It is answered if one of its parts is, and no surer than the least sure of those.
    """
    if how.model is not None:
        how = replace(how, model=OneQuestion(how.model, parts=len(tasks)))
    if len(tasks) == 1:
        yield from answer(tasks[0], how)
        return
    yield Event("reading", hits=_merged(task.found.hits for task in tasks))
    done: list[Answer] = []
    for task in tasks:
        cited = sum(len(part.citations) for part in done)
        glue = "\n\n" if done else ""
        refusal = f"{REFUSAL.rstrip('.')}: “{fit_to_show(task.question)}”"
        for event in answer(task, how, first_number=cited + 1, refusal=refusal):
            if event.answer is not None:
                done.append(event.answer)
                continue
            text = glue + event.text if event.text else ""
            glue = "" if text else glue
            yield replace(event, text=text, hits=())
    yield Event("done", answer=_joined(question, searched_for, done))


def _joined(question: str, searched_for: str, parts: Sequence[Answer]) -> Answer:
    answered = [part for part in parts if part.answered]
    least_sure = min(answered or parts, key=lambda part: part.confidence)
    writers = [part.model for part in parts if part.model != QUOTING]
    timings: Counter[str] = Counter()
    for part in parts:
        timings.update(part.timings)
    return Answer(
        question=question,
        searched_for=searched_for,
        text="\n\n".join(part.text for part in parts),
        answered=bool(answered),
        confidence=least_sure.confidence,
        sentences=tuple(chain.from_iterable(part.sentences for part in parts)),
        citations=tuple(chain.from_iterable(part.citations for part in parts)),
        hits=_merged(part.hits for part in parts),
        model=next(iter(writers), QUOTING),
        timings=dict(timings),
        usage=sum((part.usage for part in parts), Usage()),
        notice=next((part.notice for part in parts if part.notice), None),
        signals=least_sure.signals,
        evidence=tuple(chain.from_iterable(part.evidence for part in parts)),
        prompts=tuple(chain.from_iterable(part.prompts for part in parts)),
    )


def _merged(found: Iterable[Sequence[Hit]]) -> tuple[Hit, ...]:
    """Return the hits of all parts, the best of each first, none twice."""
    in_turn = (hit for row in zip_longest(*found) for hit in row if hit is not None)
    return tuple({hit.passage.id: hit for hit in in_turn}.values())
