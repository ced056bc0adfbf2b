"""From evidence to a streamed answer or a refusal.

Knows nothing of where evidence comes from or which model writes. What a model writes is
held back until it is a whole sentence, verified against the evidence and given its
quotes; a sentence nothing supports is never shown as an answer.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import PurePath

from rag.antecedents import with_antecedent
from rag.asides import CLOSEST, elsewhere
from rag.citing import (
    Support,
    echoes,
    fit_to_show,
    is_short,
    joined_initials,
    verify,
    weighed,
    without_cited,
)
from rag.drafting import Draft, Manner, Task, drafted, is_part
from rag.errors import ModelError
from rag.guarding import addresses
from rag.prompts import REFUSAL, answer_messages, refuses
from rag.schema import Answer, ChatModel, Citation, Event, Evidence, Usage
from rag.sentences import Span, split_sentences
from rag.sides import other_sides

QUOTING = "quotes only"
# Quoted sentences, when no model answers: the best, and others nearly as good.
_MOST_QUOTES, _NEARLY = 3, 2.0
# A best sentence with these log-odds is quoted even where the model wrote from others, unless
# their score is about as high.
_SURELY_RELEVANT, _AS_GOOD = 4.5, 1.0
# The model is shown this many sentences at most, none further from the best than this: on
# XQuAD 2.0 on average, the one with the answer among them for 0.95 of the questions (with a
# distance of 5: 1.4 and 0.91; with all five: 4.0 and 0.98).
_MOST_FACTS, _RELATED = 3, 10.0
# Below this confidence a model that finds no answer in the evidence is believed.
_BELIEVED = 0.8


def answer(
    task: Task, how: Manner, *, first_number: int = 1, refusal: str = REFUSAL
) -> Generator[Event]:
    """Yield the steps of an answer; the last event carries it.

    Refuses when the documents seem not to hold the answer. Quotes the best sentences when
    there is no model, when it fails, or when it writes nothing that the evidence supports.
    Citations are numbered from `first_number`.
    """
    draft, model = drafted(task, how, first_number=first_number), how.model
    yield Event("reading", hits=task.found.hits)
    if model is not None and draft.in_doubt:
        if not model.ready:
            yield Event("loading")
        draft.read(how)
    refused = draft.confidence < how.strictness or not draft.evidence
    if not refused and model is not None:
        yield from _written(draft, model, how.max_tokens)
        # A small model refuses far too often to be believed against strong evidence.
        refused = draft.said_nothing and draft.confidence < _BELIEVED
    if not refused and not draft.sentences:
        for evidence in draft.nearest(_NEARLY, _MOST_QUOTES):
            yield Event("writing", text=draft.quote(evidence))
    if not refused and draft.is_written and (missed := _missed(draft)):
        yield Event("writing", text=draft.quote(missed, lead=CLOSEST))
    if draft.sentences:
        last = None
        for evidence in other_sides(draft, how):
            document = evidence.passage.document
            name = fit_to_show(document.title or PurePath(document.uri).name)
            lead = elsewhere(name)
            yield Event("writing", text=draft.quote(evidence, lead=lead * (document != last)))
            last = document
    if refused:
        draft.said = refusal
        yield Event("writing", text=refusal)
    yield Event("done", answer=_finished(draft, model))


def _missed(draft: Draft) -> Evidence | None:
    """Return the best sentence if search is sure of it, and the model did not tell it."""
    found = draft.task.found.evidence
    near = [e for e in found if e.score > found[0].score - _AS_GOOD]
    told = [s.text.split() for s in draft.sentences]
    # One that broke off may have meant to tell it.
    is_wanted = draft.broke_off or draft.signals["relevance"] >= _SURELY_RELEVANT
    if not is_wanted or any(
        e.text.split() in told or _cites(c, e) for e in near for c in draft.citations.values()
    ):
        return None
    return with_antecedent(found[0], draft.task.context)


def _cites(citation: Citation, evidence: Evidence) -> bool:
    """Tell whether a citation has part of a sentence."""
    return (
        citation.document.id == evidence.passage.document.id
        and citation.start < evidence.end
        and evidence.start < citation.end
    )


def _written(draft: Draft, model: ChatModel, max_tokens: int) -> Iterator[Event]:
    """Yield what the model writes, sentence by verified sentence."""
    task = draft.task
    if not model.ready:
        yield Event("loading")
    # Best first: a small model leans on what it reads first. Little: it takes its time to
    # read, and is led astray by what is merely related.
    facts = [e.text for e in _shown(draft)]
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
        is_left_out = is_cut and (draft.sentences or rest[1:])
        for start, end in rest[:-1] if is_left_out else rest:
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


def _checked(draft: Draft, text: str) -> Iterator[Event]:
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


def _shown(draft: Draft) -> list[Evidence]:
    """Return the sentences that the model writes from."""
    return draft.nearest(_RELATED, _MOST_FACTS)


def _supported(draft: Draft, sentence: str) -> Support:
    """Judge a sentence by its words, and by a reading of it with its quotes."""
    task = draft.task
    # Nothing but what the model was given can be what it wrote from. Words that it has from a
    # sentence on something else are there by chance, or were put there for it to say.
    shown = _shown(draft)
    # A quote of two sentences only where one of them is not enough.
    sources = [*(e for e in task.context if any(is_part(e, fact) for fact in shown)), *shown]
    support = verify(sentence, sources, question=task.searched_for)
    if echoes(sentence, task.question):
        return Support("unsupported", (), support.coverage)
    if support.verdict == "unsupported" or is_short(sentence):
        return support
    return weighed(support, task.alike(sentence, " ".join(e.text for e in support.evidence)))


def _finished(draft: Draft, model: ChatModel | None) -> Answer:
    task = draft.task
    citations = tuple(draft.citations.values())
    return Answer(
        question=task.question,
        searched_for=task.searched_for,
        text=draft.said,
        answered=bool(draft.sentences),
        confidence=draft.confidence,
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
