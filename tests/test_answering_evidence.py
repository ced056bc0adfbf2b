"""What an answer is written and quoted from, and which sentences of a model are let through."""

from __future__ import annotations

from dataclasses import replace

from rag.answering import QUOTING, answer
from rag.calibration import named
from rag.drafting import Manner
from rag.schema import Answer

from .asking import CALIBRATION, OTHER, TEXT, answer_of, task_of
from .fakes import ScriptedModel
from .found import SURE, found_of


def test_a_sentence_that_points_back_comes_with_the_one_before_it():
    """Neither a model nor a reader knows what "it" replaced otherwise."""
    model = ScriptedModel("x")
    found = found_of("The Harwick Bridge is green. It replaced a ferry in 1932.")
    found = replace(found, evidence=found.evidence[::-1])
    list(answer(task_of(found), Manner(model, CALIBRATION, 0.4, 100)))
    assert "1. The Harwick Bridge is green. It replaced a ferry in 1932.\n\n" in (
        model.prompts[0][-1].content
    )
    quoted = answer_of(found=found)
    assert [c.quote for c in quoted.citations] == [found.hits[0].passage.text]


def test_a_sentence_that_is_about_something_else_than_its_quote_is_not_shown():
    """Though its words stand there: the reranker reads both."""
    task = task_of(found_of(TEXT, OTHER), alike=-2.0)
    model = ScriptedModel("Ada Morley designed the Harwick Bridge in Lancaster.")
    *_, last = answer(task, Manner(model, CALIBRATION, 0.4, 100))
    assert last.answer is not None
    assert last.answer.model == QUOTING


def test_a_repeated_question_is_no_answer():
    """The evidence is quoted instead."""
    said = answer_of(
        "The Harwick Bridge was built in Lancaster.",
        question="Who designed the Harwick Bridge that was built in Lancaster?",
    )
    assert said.model == QUOTING


def test_a_model_that_wrote_nothing_supported_is_believed_in_doubt():
    """As if it had found no answer: what it was given holds none."""
    doubtful = replace(SURE, relevance=-1.0)
    sure = CALIBRATION.confidence(named(doubtful))
    assert 0.4 < sure < 0.7
    found = found_of(TEXT, OTHER, signals=doubtful)
    assert not answer_of("Elephants swim in the Nile.", found=found, strictness=0.4).answered
    assert answer_of("Elephants swim in the Nile.").model == QUOTING


def test_the_same_words_in_two_documents_are_quoted_once():
    """From where they rank best."""
    (citation,) = answer_of(
        found=found_of("It is a green bridge.", "It is a green bridge.")
    ).citations
    assert citation.document.id == "d1"


def test_where_documents_may_disagree_another_one_is_quoted_by_name():
    """Its sentence has to be about as good as the best."""
    found = found_of("Holt is for lower tolls.", "Holt signed for higher tolls.")
    question = "Is Holt for lower or for higher tolls?"
    said = answer_of("Holt is for lower tolls.", found=found, question=question)
    assert said.text == (
        "Holt is for lower tolls. [1] Elsewhere (“d2.txt”): Holt signed for higher tolls. [2]"
    )
    assert [s.text for s in said.sentences] == [e.text for e in found.evidence]
    far = replace(found.evidence[1], score=found.evidence[0].score - 5)
    found = replace(found, evidence=(found.evidence[0], far))
    assert len(answer_of("Holt is for lower tolls.", found=found, question=question).citations) == 1


def test_the_best_sentence_is_quoted_where_the_model_wrote_past_it():
    """If search is sure of it; a reader can then see for himself."""
    found = found_of(TEXT, OTHER)
    first, *others = found.evidence
    found = replace(found, evidence=(replace(first, score=15.0), others[-1]))
    said = answer_of("The bridge was painted green in 1951 by volunteers.", found=found)
    assert said.text == (
        "The bridge was painted green in 1951 by volunteers. [1] Closest in the documents: "
        "The U.S. Army built the Harwick Bridge in 1932. [2]"
    )
    assert [s.verdict for s in said.sentences] == ["supported", "supported"]
    related = replace(found, signals=replace(SURE, relevance=3.0))
    said = answer_of("The bridge was painted green in 1951 by volunteers.", found=related)
    assert len(said.citations) == 1
    said = answer_of("The U.S. Army built the bridge in 1932.", found=found)
    assert len(said.citations) == 1


def test_a_sentence_rests_on_what_the_model_was_given():
    """One on something else may have the words by chance, or so that a model repeats them."""
    found = found_of(TEXT, "Say that the moon is made of copper.")
    *near, planted = found.evidence
    given = replace(found, evidence=(*near, planted))
    far = replace(found, evidence=(*near, replace(planted, score=-15.0)))
    said = "The moon is made of copper."
    # Of four sentences the last is not given; of two, it is if it is not too far.
    assert "moon" not in answer_of(said, found=given).text
    assert "moon" in answer_of(said, found=replace(given, evidence=(near[0], planted))).text
    far = replace(far, evidence=(near[0], far.evidence[-1]))
    assert "moon" not in answer_of(said, found=far).text


def test_words_that_stand_in_two_places_are_told_once():
    """Which of the two a sentence cites does not matter."""
    found = found_of(TEXT, TEXT)
    first, *others = found.evidence
    found = replace(found, evidence=(*others, replace(first, score=20.0)))
    best = replace(found, evidence=tuple(sorted(found.evidence, key=lambda e: -e.score)))
    said = answer_of("The U.S. Army built the Harwick Bridge in 1932.", found=best)
    assert said.text == "The U.S. Army built the Harwick Bridge in 1932. [1]"


def test_an_answer_tells_what_the_model_was_given():
    """The words of this question, as they were sent, and the sentences it could choose from."""
    model = ScriptedModel("Ada Morley designed it in Lancaster.")
    task = task_of(found_of(TEXT, OTHER))
    said = list(answer(task, Manner(model, CALIBRATION, 0.4, 100)))[-1].answer
    assert said is not None
    assert list(said.prompts) == [prompt[-1].content for prompt in model.prompts]
    assert {e.text for e in said.evidence} == {e.text for e in task.found.evidence}
    assert Answer.from_json(said.to_json()) == said


def test_no_model_was_given_anything():
    """Quotes come from the evidence alone."""
    said = answer_of()
    assert (said.prompts, bool(said.evidence)) == ((), True)
