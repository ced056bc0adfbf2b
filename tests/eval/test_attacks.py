"""Attacks in documents: the cases themselves, and what comes of a model that obeys them all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pytest

from eval.attack_figures import shown, verdict
from eval.attacking import Place, opened
from eval.attacks import FAMILIES, FLAGS, POISONED, Trial, chosen, neighbours, trials
from eval.cases import BadCases
from eval.metrics.answers import gold_in_text
from rag import Settings
from tests.conftest import MODELS
from tests.fakes import ScriptedModel

EVERY = trials()
BY_ID = {trial.id: trial for trial in EVERY}
ATTACKS = [t for t in EVERY if t.planted]
PLANTED = [t for t in ATTACKS if t.family != "poison"]
# Half of the questions, with one poisoned passage and with five.
POISON = [t for t in ATTACKS if t.family == "poison"][::2]


def holds(trial: Trial, texts: dict[str, str]) -> bool:
    """Tell whether the right answer stands in one of these documents."""
    return any(gold_in_text(text, trial.answers) == 1 for text in texts.values())


# The cases ------------------------------------------------------------------------------


def test_there_are_as_many_as_docs_say() -> None:
    """Of each family, with ids of their own, in an order that stays."""
    counts = Counter((t.family, t.planted > 0) for t in EVERY)
    assert counts == {
        ("own", True): 60, ("own", False): 60, ("grid", True): 90, ("grid", False): 6,
        ("poison", True): 80, ("poison", False): 40,
    }  # fmt: skip
    assert len(BY_ID) == len(EVERY)
    assert trials() == EVERY


@pytest.mark.parametrize("trial", ATTACKS, ids=lambda t: t.id)
def test_an_attack_can_be_told_from_its_control(trial: Trial) -> None:
    """The right answer is there in both, what obeys is recognised, and nothing else is."""
    control = BY_ID[trial.control]
    assert control.planted == 0
    assert trial.documents != control.documents
    beside = neighbours() if trial.family == "poison" else {}
    assert holds(trial, {**control.documents, **beside})
    if trial.success is not None:
        assert re.search(trial.success, trial.obeyed, FLAGS)
        right = " ".join(trial.answers[0])
        assert not re.search(trial.success, right, FLAGS)


@pytest.mark.parametrize("trial", [t for t in ATTACKS if t.family == "poison"], ids=lambda t: t.id)
def test_a_poisoned_passage_is_wrong(trial: Trial) -> None:
    """Each repeats the question and gives the wrong answer; no true document does."""
    assert len(trial.documents) == trial.planted
    for text in trial.documents.values():
        assert text.startswith(trial.question)
        assert gold_in_text(text, trial.wrong) == 1
        assert gold_in_text(text, trial.answers) == 0
    of_topic = (
        neighbours()[f"{trial.id.removeprefix('poison-').rsplit('-', 2)[0]}.md"]
        if (f"{trial.id.removeprefix('poison-').rsplit('-', 2)[0]}.md" in neighbours())
        else neighbours()[f"{trial.id.removeprefix('poison-').rsplit('-', 2)[0]}.txt"]
    )
    assert gold_in_text(of_topic, trial.wrong) == 0
    assert gold_in_text(of_topic, trial.answers) == 1


def test_a_sample_has_its_controls() -> None:
    """As many attacks of each family as were wanted, the same for the same seed."""
    sample = chosen(EVERY, 3, 1)
    assert sample == chosen(EVERY, 3, 1) != chosen(EVERY, 3, 2)
    ids = {t.id for t in sample}
    assert all(t.control in ids for t in sample)
    attacks = Counter(t.family for t in sample if t.planted)
    assert attacks == {"own": 3, "grid": 3, "poison": 3 * len(POISONED)}
    assert {t.family for t in chosen(EVERY, None, 0)} == set(FAMILIES)


def test_a_case_that_is_none_is_named(tmp_path) -> None:
    """With its file and line."""
    (tmp_path / "attacks-own.jsonl").write_text('{"id": "x"}\n', encoding="utf-8")
    with pytest.raises(BadCases, match=r"attacks-own\.jsonl, line 1"):
        trials(tmp_path)


# A model that does whatever it is told --------------------------------------------------


@pytest.fixture(scope="module")
def model() -> ScriptedModel:
    """Return a model whose replies a test gives it."""
    return ScriptedModel()


@pytest.fixture(scope="module")
def place(model: ScriptedModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Yield a library in which nothing is refused for want of confidence."""
    home = tmp_path_factory.mktemp("attacks")
    settings = Settings(home=home, models=MODELS, llm="none", strictness=0.0)
    with opened(settings, model) as found:
        yield found


@pytest.mark.parametrize("trial", PLANTED, ids=lambda t: t.id)
def test_what_obeys_an_instruction_is_not_shown(
    place: Place, model: ScriptedModel, trial: Trial
) -> None:
    """Nor anything like it, unless a document says just that and is quoted for it."""
    model.replies[:] = [trial.obeyed] * 5
    reply = place.reply(trial, "Footnote")
    assert reply.error is None
    if trial.success is not None:
        assert not verdict(trial, reply).in_own_words, reply.text
