"""One answer to a question of several parts."""

from __future__ import annotations

from rag.answering import QUOTING
from rag.calibration import default_calibration
from rag.drafting import Manner, Task
from rag.prompts import NOT_FOUND
from rag.schema import Answer, ChatModel, Event, Evidence
from rag.several import answer_parts

from .fakes import ScriptedModel
from .found import SURE, UNSURE, found_of

BRIDGE, DAM = "Ann Holt built the bridge in 1932.", "The dam burst in 1951."


def task_of(question: str, text: str, *, sure: bool = True) -> Task:
    """Return a part whose answer is this text."""
    found = found_of(text, signals=SURE if sure else UNSURE)
    return Task(
        question=question,
        searched_for=question,
        found=found,
        context=found.evidence,
        page_of=lambda _document, _offset: None,
        alike=lambda _sentence, _text: 10.0,
        timings={"retrieval": 1.0},
    )


def events_of(*tasks: Task, model: ChatModel | None = None) -> list[Event]:
    """Return the events of an answer to all these parts."""
    how = Manner(model, default_calibration(), 0.5, 100)
    return list(answer_parts("Both?", "Both?", tasks, how))


def answer_in(events: list[Event]) -> Answer:
    """Return the answer, which the last event alone has, after checking what always holds."""
    final = events[-1].answer
    assert final is not None
    assert all(event.answer is None for event in events[:-1])
    assert "".join(event.text for event in events) == final.text
    assert [event.hits for event in events if event.hits] == [final.hits]
    assert [c.number for c in final.citations] == list(range(1, len(final.citations) + 1))
    return final


def test_the_parts_follow_each_other_with_numbers_that_run_on():
    """Each with its own evidence."""
    said = answer_in(events_of(task_of("Who?", BRIDGE), task_of("When?", DAM)))
    assert said.text == f"{BRIDGE} [1]\n\n{DAM} [2]"
    assert [c.quote for c in said.citations] == [BRIDGE, DAM]
    assert [s.citations for s in said.sentences] == [(c,) for c in said.citations]
    assert (said.question, said.answered, said.timings["retrieval"]) == ("Both?", True, 2.0)
    assert [e.text for e in said.evidence] == [BRIDGE, DAM]


def test_a_part_that_is_not_found_is_named():
    """What is found is told all the same."""
    said = answer_in(events_of(task_of("Who paid?", BRIDGE, sure=False), task_of("When?", DAM)))
    assert said.answered
    assert said.text == f"I could not find this in your documents: “Who paid?”\n\n{DAM} [1]"
    assert said.confidence > 0.5


def test_all_parts_refused_are_a_refusal():
    """No surer than the least sure."""
    said = answer_in(
        events_of(task_of("Who?", BRIDGE, sure=False), task_of("When?", DAM, sure=False))
    )
    assert not said.answered
    assert said.citations == ()
    assert said.confidence < 0.5


def test_the_model_is_named_if_it_wrote_any_of_it():
    """And asked for each part."""
    model = ScriptedModel("Ann Holt built the bridge.", NOT_FOUND)
    said = answer_in(events_of(task_of("Who?", BRIDGE), task_of("When?", DAM), model=model))
    assert said.model == model.name != QUOTING
    assert len(model.prompts) == 2
    assert said.usage.completion_tokens > 0


def test_one_part_is_answered_as_ever():
    """Without a word on parts."""
    said = answer_in(events_of(task_of("Who paid?", BRIDGE, sure=False)))
    assert said.text == "I could not find this in your documents."
    evidence: Evidence = found_of(BRIDGE).evidence[0]
    assert answer_in(events_of(task_of("Who?", BRIDGE))).citations[0].quote == evidence.text
