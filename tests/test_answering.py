"""From evidence to a streamed answer or a refusal."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.answering import QUOTING, answer
from rag.calibration import named
from rag.drafting import Manner
from rag.errors import ModelUnavailable
from rag.prompts import NOT_FOUND, REFUSAL
from rag.retrieval import Found
from rag.schema import Event, Message, Usage

from .asking import CALIBRATION, OTHER, TEXT, answer_of, events_of, task_of
from .fakes import ScriptedModel
from .found import SURE, UNSURE, found_of


def assert_consistent(events: Sequence[Event]) -> None:
    """Check what holds for every stream of events."""
    final = events[-1].answer
    assert final is not None
    assert all(event.answer is None for event in events[:-1])
    assert "".join(event.text for event in events) == final.text
    assert [event.hits for event in events if event.hits] in ([], [final.hits])
    assert final.answered == bool(final.sentences)
    cited = [c for sentence in final.sentences for c in sentence.citations]
    assert list(dict.fromkeys(cited)) == list(final.citations)
    assert [c.number for c in final.citations] == list(range(1, len(final.citations) + 1))
    for number in range(1, len(final.citations) + 1):
        assert f"[{number}]" in final.text
    assert f"[{len(final.citations) + 1}]" not in final.text


def test_a_supported_sentence_is_shown_with_its_quote():
    """The exact words of the document, with their place and page."""
    final = answer_of("The U.S. Army built the Harwick Bridge in 1932.")
    assert final.answered
    assert final.text == "The U.S. Army built the Harwick Bridge in 1932. [1]"
    (citation,) = final.citations
    assert citation.quote == TEXT[citation.start : citation.end]
    assert citation.quote == "The U.S. Army built the Harwick Bridge in 1932."
    assert (citation.passage_id, citation.page) == ("d1-0", 3)
    assert final.sentences[0].verdict == "supported"


def test_no_sentence_is_cut_at_an_abbreviation_while_it_streams():
    """Pieces of seven characters end after "U." and "U.S."; neither is shown as a sentence."""
    reply = "The U.S. Army built the Harwick Bridge in 1932. Ada Morley designed it in Lancaster."
    events = events_of(reply)
    assert_consistent(events)
    shown = [event.text.strip() for event in events if event.text]
    assert shown == [
        "The U.S. Army built the Harwick Bridge in 1932. [1]",
        "Ada Morley designed it in Lancaster. [2]",
    ]


def test_a_sentence_is_shown_before_the_next_one_is_written_out():
    """The reader need not wait for the whole reply."""
    reply = "The U.S. Army built the Harwick Bridge in 1932. Ada Morley designed it in Lancaster."
    events = events_of(reply)
    first = next(n for n, event in enumerate(events) if event.text)
    assert any(event.draft for event in events[first + 1 :])


def test_drafts_are_never_part_of_the_text():
    """They are what the model is writing, not yet verified."""
    events = events_of("Ada Morley designed it in Lancaster.")
    drafts = [event for event in events if event.draft]
    assert drafts
    assert all(not event.text for event in drafts)
    assert_consistent(events)


def test_what_nothing_supports_is_not_shown():
    """Neither its text nor a citation for it."""
    final = answer_of(
        "Elephants roam the plains of Namibia at dusk. Ada Morley designed it in Lancaster."
    )
    assert final.text == "Ada Morley designed it in Lancaster. [1]"
    assert len(final.sentences) == 1


def test_a_repeated_sentence_is_shown_once():
    """Small models repeat themselves."""
    final = answer_of("Ada Morley designed it in Lancaster. " * 3)
    assert final.text == "Ada Morley designed it in Lancaster. [1]"


def test_citations_are_numbered_as_they_appear_and_reused():
    """The second document first, then the first, then the second again."""
    final = answer_of(
        "Volunteers from Kendal painted the bridge green in 1951. "
        "Ada Morley designed it in Lancaster. "
        "The bridge was painted green by volunteers from Kendal.",
        found=found_of("Ada Morley designed it in Lancaster.", OTHER),
    )
    assert [c.document.id for c in final.citations] == ["d2", "d1"]
    assert final.text.count("[1]") == 2
    assert final.text.count("[2]") == 1


def test_markers_that_the_model_writes_are_not_taken_for_ours():
    """A number in brackets that a model or a document wrote points nowhere."""
    final = answer_of("Ada Morley designed it in Lancaster [7].")
    assert "[7]" not in final.text
    assert final.text.endswith("[1]")


def test_without_confidence_it_refuses():
    """The model is not even asked; the nearest passages are offered."""
    model = ScriptedModel("Ada Morley designed it in Lancaster.")
    found = found_of(TEXT, signals=UNSURE)
    task = task_of(found)
    events = list(answer(task, Manner(model, CALIBRATION, 0.4, 100)))
    final = events[-1].answer
    assert final is not None
    assert model.prompts == []
    assert (final.text, final.answered, final.citations) == (REFUSAL, False, ())
    assert final.hits == found.hits
    assert final.confidence == CALIBRATION.confidence(named(UNSURE))
    assert_consistent(events)


def test_strictness_decides():
    """At zero nothing that was found is refused; at one, everything."""
    found = found_of(TEXT, signals=UNSURE)
    assert answer_of(found=found, strictness=0.0).answered
    assert not answer_of(found=found_of(TEXT, signals=SURE), strictness=1.0).answered


def test_nothing_found_is_refused():
    """Even at strictness zero: there is nothing to quote."""
    final = answer_of(found=Found((), (), None), strictness=0.0)
    assert (final.text, final.answered, final.confidence) == (REFUSAL, False, 0.0)


def test_without_a_model_the_best_sentences_are_quoted():
    """Word for word, each with its citation."""
    events = events_of()
    final = events[-1].answer
    assert final is not None
    assert final.model == QUOTING
    assert final.answered
    assert all(s.verdict == "supported" for s in final.sentences)
    assert [s.text for s in final.sentences] == [c.quote for c in final.citations]
    assert len(final.sentences) <= 3
    assert_consistent(events)


def test_a_model_that_finds_nothing_is_overruled_by_strong_evidence():
    """Small models refuse too often; then the evidence is quoted."""
    final = answer_of(NOT_FOUND)
    assert final.answered
    assert NOT_FOUND not in final.text
    assert final.sentences[0].text == final.citations[0].quote


def test_not_found_is_never_shown_while_it_streams():
    """Not even as a draft."""
    events = events_of(NOT_FOUND)
    assert not any(NOT_FOUND in event.text + event.draft for event in events)


def test_a_model_that_fails_at_once_gives_way_to_quotes():
    """And the answer says why it only quotes."""
    events = events_of(ModelUnavailable("It is overloaded. Try again."))
    final = events[-1].answer
    assert final is not None
    assert final.answered
    assert final.sentences[0].text == final.citations[0].quote
    assert final.notice is not None
    assert "It is overloaded. Try again." in final.notice
    assert_consistent(events)


class Breaking(ScriptedModel):
    """Writes its reply, then fails as a cut connection does."""

    def stream(
        self, messages: Sequence[Message], *, max_tokens: int, stop: Sequence[str] = ()
    ) -> Generator[str | Usage, None, None]:
        yield from super().stream(messages, max_tokens=max_tokens, stop=stop)
        raise ModelUnavailable("The connection was cut. Try again.")


def test_what_was_shown_before_a_failure_stays():
    """The verified sentences are the answer; the half of one is dropped."""
    model = Breaking("Ada Morley designed it in Lancaster. The U.S. Army built the")
    task = task_of(found_of(TEXT))
    events = list(answer(task, Manner(model, CALIBRATION, 0.4, 100)))
    final = events[-1].answer
    assert final is not None
    assert final.text == "Ada Morley designed it in Lancaster. [1]"
    assert final.notice is not None
    assert "The connection was cut." in final.notice
    assert_consistent(events)


def test_an_empty_reply_gives_way_to_quotes():
    """A model that says nothing has not answered."""
    assert answer_of("").answered
    assert answer_of("  \n ").answered


def test_usage_and_timings_are_filled():
    """Tokens as the model counted them, seconds by stage."""
    final = answer_of("Ada Morley designed it in Lancaster.")
    assert final.usage.completion_tokens == 6
    assert final.usage.prompt_tokens > 0
    assert {"prompt", "generation", "verification"} <= set(final.timings)
    assert all(seconds >= 0 for seconds in final.timings.values())


def test_the_hits_come_first_and_once():
    """Before any text, so that a page can show them while the model reads."""
    events = events_of("Ada Morley designed it in Lancaster.")
    assert events[0].hits
    assert events[0].stage == "reading"
    assert [bool(event.hits) for event in events].count(True) == 1
    assert events[-1].stage == "done"


def test_the_model_is_given_the_evidence_and_the_question():
    """The best of the facts, numbered, and what was searched for."""
    model = ScriptedModel("x")
    found = found_of(TEXT, OTHER)
    task = task_of(found, "And who?", searched_for="And who? (the bridge)")
    list(answer(task, Manner(model, CALIBRATION, 0.4, 100)))
    prompt = model.prompts[0][-1].content
    assert prompt.startswith(f"Facts:\n1. {found.evidence[0].text}\n2. {found.evidence[1].text}")
    assert prompt.endswith("Speaking of: the bridge\nQuestion: And who?")


class Watched(ScriptedModel):
    """Tells whether its stream was closed before its end."""

    closed_early = False

    def stream(
        self, messages: Sequence[Message], *, max_tokens: int, stop: Sequence[str] = ()
    ) -> Generator[str | Usage, None, None]:
        try:
            yield from super().stream(messages, max_tokens=max_tokens, stop=stop)
        except GeneratorExit:
            self.closed_early = True
            raise


def test_a_reader_who_leaves_stops_the_model():
    """Closing the events closes the model's stream at once."""
    model = Watched("Ada Morley designed it in Lancaster. " * 20)
    task = task_of(found_of(TEXT))
    events = answer(task, Manner(model, CALIBRATION, 0.4, 100))
    next(event for event in events if event.draft)
    events.close()
    assert model.closed_early


sentences = st.sampled_from(
    [
        "The U.S. Army built the Harwick Bridge in 1932.",
        "Ada Morley designed it in Lancaster.",
        "Volunteers painted the bridge green in 1951",
        "The U.S. Army did not build the Harwick Bridge.",
        "Elephants roam [3] Namibia.",
        "- Ada Morley",
        "1. In 1932.",
        NOT_FOUND,
        "…",
    ]
)
replies = st.lists(st.tuples(sentences, st.sampled_from([" ", "\n", "\n\n", ""])), max_size=6).map(
    lambda parts: "".join(map("".join, parts))
)


@given(replies | st.text(max_size=60))
def test_every_stream_is_consistent(reply: str):
    """Whatever a model writes: the texts joined are the answer, markers and citations agree."""
    assert_consistent(events_of(reply))


@pytest.mark.parametrize("reply", ["Ada Morley designed it in Lancaster.", NOT_FOUND, ""])
def test_the_sources_of_an_answer_are_quoted_exactly(reply: str):
    """Every citation is the text between its offsets."""
    for citation in answer_of(reply).citations:
        source = {"d1": TEXT, "d2": OTHER}[citation.document.id]
        assert source[citation.start : citation.end] == citation.quote


def test_a_sentence_cut_at_the_limit_is_left_out():
    """What the token limit cut in the middle is not shown beside whole sentences."""
    model = ScriptedModel("The U.S. Army built the Harwick Bridge in 1932. Ada Morley designed")
    found = found_of(TEXT, OTHER)
    task = task_of(found)
    *_, last = answer(task, Manner(model, CALIBRATION, 0.0, 5))
    assert last.answer is not None
    assert [s.text for s in last.answer.sentences] == [
        "The U.S. Army built the Harwick Bridge in 1932."
    ]
