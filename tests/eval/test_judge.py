"""Verdicts of a judge: read with care, kept, and never taken from another judge."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llama_index.core import PromptTemplate
from llama_index.core.evaluation import faithfulness

from eval.cases import BadCases, Case
from eval.judge import Judge, Verdicts, read_score, read_yes_or_no, reference_of
from eval.locating import Located
from eval.outcomes import Outcome
from rag import Answer, Hit, ModelError, ModelRejected, ModelUnavailable
from tests.fakes import ScriptedModel
from tests.found import passage_of

GOOD = ("YES", "YES", "5.0\nThe same.")
PASSAGES = ("Ada Morley designed the Harwick Bridge.", "It was opened in 1932.")


def case_of(**fields: object) -> Case:
    whole = {"id": "c1", "question": "Who designed it?", "answers": ["Ada Morley"], **fields}
    return Case.model_validate(whole)


def answer_of(
    text: str = "Ada Morley did. [1] In 1932. [1][2]", *, answered: bool = True
) -> Answer:
    return Answer(
        question="Who designed it?",
        searched_for="Who designed the Harwick Bridge?",
        text=text,
        answered=answered,
        confidence=0.9,
        sentences=(),
        citations=(),
        hits=tuple(Hit(passage_of(p, number=n), 0.9, 0.8, 2.0) for n, p in enumerate(PASSAGES)),
        model="writer",
    )


UNANSWERABLE = case_of(answers=[], answerable=False)
OUTCOME = Outcome(case_of(), "d1", Located(()), answer=answer_of())


def prompts_of(model: ScriptedModel) -> list[str]:
    """Return the prompts a model was given, each of which is one message of the user."""
    for messages in model.prompts:
        assert [message.role for message in messages] == ["user"]
    return [messages[0].content for messages in model.prompts]


def judged(*replies: str | ModelError, at: Path, outcome: Outcome = OUTCOME) -> Verdicts:
    """Return the verdicts that a new judge gives; all its replies must be asked for."""
    model = ScriptedModel(*replies)
    verdicts = Judge(model, "judge-1", at).verdicts(outcome)
    assert model.replies == []
    return verdicts


def test_verdicts_of_a_good_answer(tmp_path: Path) -> None:
    """YES counts 1; a score of 4 out of 1 to 5 is (4 - 1) / 4 = 0.75."""
    assert judged("YES", "YES", "4.0\nTerse.", at=tmp_path) == Verdicts(1.0, 1.0, 0.75)


def test_verdicts_of_a_bad_answer(tmp_path: Path) -> None:
    """NO counts 0; the lowest score, 1, is 0 too."""
    assert judged("NO", "No.", "1\nWrong.", at=tmp_path) == Verdicts(0.0, 0.0, 0.0)


def test_each_evaluator_sees_what_it_judges(tmp_path: Path) -> None:
    """Prompts hold answer without markers, standalone question, passages and gold answers."""
    model = ScriptedModel(*GOOD)
    Judge(model, "judge-1", tmp_path).verdicts(OUTCOME)
    faithful, relevant, correct = prompts_of(model)
    said, searched = "Ada Morley did. In 1932.", "Who designed the Harwick Bridge?"
    assert all(said in prompt for prompt in (faithful, relevant, correct))
    assert searched not in faithful
    assert searched in relevant
    assert searched in correct
    assert all(text in prompt for text in PASSAGES for prompt in (faithful, relevant))
    assert "## Reference Answer\nAda Morley\n" in correct
    assert correct.startswith("You are an expert")
    assert correct.endswith(said)  # no label of a role that the model would take for text


def test_braces_are_no_placeholders(tmp_path: Path) -> None:
    """A text that looks like a slot of the prompt reaches the judge as it is."""
    model = ScriptedModel(*GOOD)
    answer = answer_of("It is {context_str} or {reference_answer}.")
    Judge(model, "judge-1", tmp_path).verdicts(replace(OUTCOME, answer=answer))
    assert all("It is {context_str} or {reference_answer}." in p for p in prompts_of(model))


def test_name_of_the_judge_chooses_no_prompt(tmp_path: Path) -> None:
    """A judge called llama3:8b is shown the answer and the passages like any other.

    LlamaIndex has a prompt for that name, whose slots its evaluator does not fill.
    """
    model = ScriptedModel(*GOOD)
    model.name = "llama3:8b"
    Judge(model, "llama3:8b", tmp_path).verdicts(OUTCOME)
    assert all(text in prompts_of(model)[0] for text in (*PASSAGES, "Ada Morley did."))


def test_long_passages_take_several_prompts(tmp_path: Path) -> None:
    """What does not fit one prompt goes on in the next, and the last reply is the verdict.

    Two passages of 3000 words, a token each, fill more than one prompt of 3900 and less than
    three.
    """
    words = " ".join(["bridge"] * 3000)
    hits = tuple(Hit(passage_of(words, number=n), 0.9, 0.8, 2.0) for n in range(2))
    outcome = replace(OUTCOME, answer=replace(answer_of(), hits=hits), case=UNANSWERABLE)
    model = ScriptedModel("NO", "NO", "YES", "NO", "NO", "NO")
    assert Judge(model, "judge-1", tmp_path).verdicts(outcome) == Verdicts(1.0, 0.0)
    assert all(500 < len(prompt.split()) < 3900 for prompt in prompts_of(model))


@pytest.mark.parametrize(
    "outcome",
    [
        replace(OUTCOME, answer=answer_of("I could not find this.", answered=False)),
        replace(OUTCOME, answer=None),
        replace(OUTCOME, answer=None, error="ModelUnavailable: gone"),
        replace(OUTCOME, error="StoreError: gone"),
    ],
    ids=["refused", "retrieval only", "failed", "failed afterwards"],
)
def test_what_is_no_answer_is_not_judged(outcome: Outcome, tmp_path: Path) -> None:
    """Refusals and failed cases get no verdict, no problem, and cost no call."""
    assert judged(at=tmp_path, outcome=outcome) == Verdicts()


def test_without_gold_answers_there_is_no_correctness(tmp_path: Path) -> None:
    """An answer to an unanswerable question is judged by the passages alone."""
    outcome = replace(OUTCOME, case=UNANSWERABLE)
    assert judged("YES", "NO", at=tmp_path, outcome=outcome) == Verdicts(1.0, 0.0, None)


def test_without_passages_only_correctness_applies(tmp_path: Path) -> None:
    """There is nothing that an answer without passages could be faithful to."""
    outcome = replace(OUTCOME, answer=replace(answer_of(), hits=()))
    assert judged("3\nHalf.", at=tmp_path, outcome=outcome) == Verdicts(correctness=0.5)


def test_reference_names_parts_and_alternatives() -> None:
    """Parts that must all be there are listed, alternatives joined by "or"."""
    assert reference_of(case_of(answers=[["red", "blue"], "both"])) == "red, blue or both"


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("YES", 1.0),
        (" **Yes**, it does; there is no doubt.", 1.0),
        ("Answer: YES", 1.0),
        ("NO. A yes would be wrong.", 0.0),
        ("no", 0.0),
        ("It was yesterday.", None),
        ("Nobody knows.", None),
        ("Not at all", None),
        ("YES/NO", None),
        ("Yes or no?", None),
        ("", None),
    ],
)
def test_yes_or_no(reply: str, verdict: float | None) -> None:
    """The first word decides; a reply that begins otherwise is no verdict."""
    assert read_yes_or_no(reply) == verdict


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("4.0\nGood.", 0.75),
        ("\n 2 \n\nBad.", 0.25),
        ("5", 1.0),
        ("Score: **4.5**\nGood.", 0.875),
        ("3/5\nHalf.", 0.5),
        ("0\nBad.", None),
        ("5.5\nGood.", None),
        ("10\nGood.", None),
        ("-4\nGood.", None),
        ("nan\nGood.", None),
        ("3-4\nHalf.", None),
        ("4/10\nHalf.", None),
        ("I give it a 4.\n4", None),
        ("", None),
    ],
)
def test_score(reply: str, verdict: float | None) -> None:
    """A score of 1 to 5 alone on the first line becomes (score - 1) / 4."""
    assert read_score(reply) == verdict


@given(st.text() | st.from_regex(r"(Score: )?-?\d{1,3}(\.\d*)?(/\d)?\n?.*"))
def test_no_reply_breaks_the_readers(reply: str) -> None:
    """Whatever a judge writes, it is a verdict from 0 to 1, or none."""
    for verdict in (read_yes_or_no(reply), read_score(reply)):
        assert verdict is None or 0 <= verdict <= 1


@given(st.floats(1, 5), st.text())
def test_any_score_in_range_is_read(score: float, why: str) -> None:
    """A score to two digits, with any reason below it, counts as it stands."""
    shown = f"{score:.2f}"
    assert read_score(f"{shown}\n{why}") == pytest.approx((float(shown) - 1) / 4)


def test_unreadable_replies_are_problems(tmp_path: Path) -> None:
    """A reply that says nothing is told apart from a verdict, and from none being due."""
    verdicts = judged("Perhaps.", "", "Good!", at=tmp_path)
    assert replace(verdicts, problems={}) == Verdicts()
    assert list(verdicts.problems) == ["faithfulness", "relevancy", "correctness"]
    assert "'Perhaps.'" in verdicts.problems["faithfulness"]


def test_judge_that_fails_once_goes_on(tmp_path: Path) -> None:
    """A model that is unavailable costs that verdict only, and is asked again later."""
    verdicts = judged("YES", ModelUnavailable("It is busy."), "5\nGood.", at=tmp_path)
    assert verdicts == Verdicts(1.0, None, 1.0, {"relevancy": "It is busy."})
    assert judged("NO", at=tmp_path) == Verdicts(1.0, 0.0, 1.0)


def test_judge_that_is_rejected_ends_the_run(tmp_path: Path) -> None:
    """A wrong key would fail every verdict: it is raised; what was judged is kept."""
    with pytest.raises(ModelRejected, match="Wrong key"):
        judged("YES", ModelRejected("Wrong key."), at=tmp_path)
    assert judged("NO", "5\nGood.", at=tmp_path) == Verdicts(1.0, 0.0, 1.0)


def test_answer_longer_than_a_prompt_is_a_problem(tmp_path: Path) -> None:
    """An answer that leaves no room for a passage cannot be judged by the passages."""
    outcome = replace(OUTCOME, answer=answer_of("bridge " * 5000))
    verdicts = judged("1\nRambling.", at=tmp_path, outcome=outcome)
    assert list(verdicts.problems) == ["faithfulness", "relevancy"]
    assert verdicts.correctness == 0.0


def test_judged_twice_costs_no_call(tmp_path: Path) -> None:
    """The same judge, again or in another process, repeats itself without its model."""
    model = ScriptedModel(*GOOD)
    judge = Judge(model, "judge-1", tmp_path / "verdicts")
    first = judge.verdicts(OUTCOME)
    assert judge.verdicts(OUTCOME) == first == Verdicts(1.0, 1.0, 1.0)
    assert len(model.prompts) == 3
    assert judged(at=tmp_path / "verdicts") == first


def test_unreadable_replies_are_kept_too(tmp_path: Path) -> None:
    """A judge that is asked the same says the same: the problem stays, without a call."""
    first = judged("Perhaps.", "YES", "Good!", at=tmp_path)
    assert judged(at=tmp_path) == first
    assert len(first.problems) == 2


@pytest.mark.parametrize(
    "other",
    [
        replace(OUTCOME, answer=replace(answer_of(), searched_for="Who built it?")),
        replace(OUTCOME, answer=answer_of("Ada Morley.")),
        replace(OUTCOME, answer=replace(answer_of(), hits=answer_of().hits[:1])),
        replace(OUTCOME, case=case_of(answers=["Ada M."])),
    ],
    ids=["question", "answer", "passages", "gold answers"],
)
def test_anything_else_is_judged_anew(other: Outcome, tmp_path: Path) -> None:
    """A kept verdict is never that of another question, answer, passage or reference."""
    judged(*GOOD, at=tmp_path)
    assert judged("NO", "NO", "1\nBad.", at=tmp_path, outcome=other) == Verdicts(0.0, 0.0, 0.0)


def test_markers_alone_change_nothing(tmp_path: Path) -> None:
    """An answer that cites other quotes with the same words is the same to a judge."""
    judged(*GOOD, at=tmp_path)
    renumbered = replace(OUTCOME, answer=answer_of("Ada Morley did. [2] In 1932. [1]"))
    assert judged(at=tmp_path, outcome=renumbered) == Verdicts(1.0, 1.0, 1.0)


@pytest.mark.parametrize("other", ["judge-2", "judge 1", "JUDGE-1", "judge-1 "])
def test_judges_never_mix(other: str, tmp_path: Path) -> None:
    """Another name is another judge with a file of its own, however alike the names."""
    judged(*GOOD, at=tmp_path)
    model = ScriptedModel("NO", "NO", "1\nBad.")
    assert Judge(model, other, tmp_path).verdicts(OUTCOME) == Verdicts(0.0, 0.0, 0.0)
    assert len(list(tmp_path.iterdir())) == 2
    assert judged(at=tmp_path) == Verdicts(1.0, 1.0, 1.0)


def test_file_of_another_judge_is_of_no_use(tmp_path: Path) -> None:
    """Even a file that was renamed by hand brings no verdict of another judge."""
    judged(*GOOD, at=tmp_path)
    (first,) = tmp_path.iterdir()
    judge = Judge(ScriptedModel("NO", "NO", "1\nBad."), "judge-2", tmp_path)
    judge.verdicts(OUTCOME)
    (second,) = set(tmp_path.iterdir()) - {first}
    first.replace(second)
    judge = Judge(ScriptedModel("NO", "NO", "1\nBad."), "judge-2", tmp_path)
    assert judge.verdicts(OUTCOME) == Verdicts(0.0, 0.0, 0.0)


def test_another_prompt_is_judged_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When LlamaIndex words a prompt differently, only that verdict is asked for again."""
    judged(*GOOD, at=tmp_path)
    template = PromptTemplate("Is {query_str} in {context_str}?")
    monkeypatch.setattr(faithfulness, "DEFAULT_EVAL_TEMPLATE", template)
    assert judged("NO", at=tmp_path) == Verdicts(0.0, 1.0, 1.0)


def test_names_make_plain_file_names(tmp_path: Path) -> None:
    """A judge may be called by an address or a path: its file stays in the folder."""
    judge = Judge(ScriptedModel(*GOOD), "../Org/Größe:8b?" + "x" * 300, tmp_path / "cache")
    judge.verdicts(OUTCOME)
    (file,) = (tmp_path / "cache").iterdir()
    assert file.name.isascii()
    assert len(file.name) < 100


def test_torn_last_line_costs_one_verdict(tmp_path: Path) -> None:
    """A process that died while writing loses what it wrote, not what is added after it."""
    judged(*GOOD, at=tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-20])
    assert judged("1\nBad.", at=tmp_path) == Verdicts(1.0, 1.0, 0.0)
    assert judged(at=tmp_path) == Verdicts(1.0, 1.0, 0.0)


def test_damaged_lines_are_left_out(tmp_path: Path) -> None:
    """Lines that are no verdicts are passed over."""
    judged(*GOOD, at=tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(b'{"key": 1}\n[]\n\xff\n7\n' + file.read_bytes())
    assert judged(at=tmp_path) == Verdicts(1.0, 1.0, 1.0)


def test_file_says_who_said_what(tmp_path: Path) -> None:
    """Each line names the judge and the evaluator, and has the whole reply."""
    judged(*GOOD, at=tmp_path)
    (file,) = tmp_path.iterdir()
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert {line["judge"] for line in lines} == {"judge-1"}
    assert [(line["evaluator"], line["reply"]) for line in lines] == [
        ("faithfulness", "YES"),
        ("relevancy", "YES"),
        ("correctness", "5.0\nThe same."),
    ]


def test_cache_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    """A file in the place of the folder is an error that names it."""
    (tmp_path / "cache").write_text("")
    with pytest.raises(BadCases, match="cache"):
        Judge(ScriptedModel(), "judge-1", tmp_path / "cache")


def test_any_thread_may_judge(tmp_path: Path) -> None:
    """Verdicts need no event loop of the thread, and leave none behind."""
    found: list[Verdicts] = []
    thread = threading.Thread(target=lambda: found.append(judged(*GOOD, at=tmp_path)))
    thread.start()
    thread.join()
    assert found == [Verdicts(1.0, 1.0, 1.0)]
