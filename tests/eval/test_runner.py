"""A run asks every case once, in a library of its own, and keeps what comes of each."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.cases import BadCases, Case, Split
from eval.runner import DEPTH, Options, ask_all, chosen
from rag import Assistant, ModelUnavailable, QuestionError, Settings
from tests.eval.runs import (
    CASES,
    QUOTE,
    Failing,
    folder_of,
    nothing,
    running,
    settings_of,
)
from tests.fakes import ScriptedModel, WordEmbedder
from tests.homes import BRIDGE, three_files

# What is asked ------------------------------------------------------------------------

some_ids = st.lists(st.text("abcdef", min_size=1), min_size=1, max_size=30, unique=True)


def plain(ids: list[str]) -> list[Case]:
    return [Case(id=i, question=i, answerable=False) for i in ids]


@given(some_ids, st.integers(1, 40), st.integers(0, 3), st.randoms())
def test_limit_draws_the_same_cases_whatever_their_order(
    ids: list[str], limit: int, seed: int, shuffler: Any
) -> None:
    """As many as are wanted or there are, in the order of the file, by seed and ids alone."""
    options = Options(limit=limit, seed=seed)
    drawn = [case.id for case in chosen(plain(ids), options)]
    assert drawn == [i for i in ids if i in drawn]
    assert len(drawn) == min(limit, len(ids))
    shuffled = shuffler.sample(ids, len(ids))
    assert {case.id for case in chosen(plain(shuffled), options)} == set(drawn)


def test_seed_draws_others() -> None:
    """Of 100 cases, two seeds do not draw the same ten."""
    cases = plain([str(n) for n in range(100)])
    one, other = (chosen(cases, Options(limit=10, seed=seed)) for seed in (0, 1))
    assert {c.id for c in one} != {c.id for c in other}


def test_split_takes_its_half_and_the_limit_comes_after() -> None:
    """The halves have no case in common and all together; the limit counts what is asked."""
    cases = plain([str(n) for n in range(50)])
    dev, test = chosen(cases, Options(split="dev")), chosen(cases, Options(split="test"))
    assert {c.split for c in dev} == {"dev"}
    assert set(dev) | set(test) == set(cases)
    assert len(dev) + len(test) == len(cases)
    assert {c.split for c in chosen(cases, Options(split="test", limit=5))} == {"test"}


def test_nothing_left_to_ask_is_told() -> None:
    """A split without cases is wrong use."""
    (case,) = plain(["a"])
    other: Split = "test" if case.split == "dev" else "dev"
    with pytest.raises(BadCases, match="No case is left to ask"):
        chosen([case], Options(split=other))


# Preparing ----------------------------------------------------------------------------


def test_library_of_the_user_is_left_alone(tmp_path: Path) -> None:
    """The run's library lies in a temporary folder, which is gone afterwards."""
    with running(tmp_path) as run:
        home = run.assistant.settings.home
        assert home.is_relative_to(tempfile.gettempdir())
        assert (home / "library.sqlite").exists()
        ask_all(run, folder_of(tmp_path), Options(), nothing)
    assert not home.exists()
    assert not (tmp_path / "home").exists()
    assert not (tmp_path / ".footnote").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"files", "run"}


def test_library_goes_when_the_run_fails(tmp_path: Path) -> None:
    """Whatever ends the run, its temporary folder does not stay."""
    homes: list[Path] = []

    def opening(settings: Settings) -> Assistant:
        homes.append(settings.home)
        return Failing(settings, "", KeyboardInterrupt())

    with pytest.raises(BadCases):  # noqa: SIM117
        with running(
            tmp_path,
            Case(id="a", question="?", answers=(("x",),), without=("none",)),
            open_assistant=opening,
        ):
            pass
    assert len(homes) == 1
    assert not homes[0].exists()


def test_settings_but_for_places_are_the_users(tmp_path: Path) -> None:
    """Models are taken from where they are; nothing is put on a server of Chroma."""
    settings = settings_of(
        tmp_path, passages=3, models=None, chroma_url="http://127.0.0.1:1", strictness=0.5
    )
    with running(tmp_path, settings=settings) as run:
        own = run.assistant.settings
    assert (own.passages, own.strictness) == (3, 0.5)
    assert own.models_folder == settings.models_folder
    assert own.chroma_url is None


def test_evidence_is_located_before_anything_is_asked(tmp_path: Path) -> None:
    """Every case has its places under the names of the documents."""
    with running(tmp_path) as run:
        (place,) = run.located["who"].places
        assert (place.span.document, place.span.start, place.span.length) == (
            "bridge.txt", BRIDGE.index(QUOTE), len(QUOTE),
        )  # fmt: skip
        assert set(run.located) == {case.id for case in CASES}
        assert run.seconds["adding"] > 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"evidence": [{"document": "bridge.txt", "quote": "Clara Hold"}]},
            "the quote 'Clara Hold",
        ),
        ({"evidence": [{"document": "ridge.txt"}]}, "the document 'ridge.txt' is not one of them"),
        ({"without": ["ridge.txt"]}, "the document 'ridge.txt' is not one of them"),
    ],
)
def test_wrong_evidence_is_told_by_file_line_and_id(
    tmp_path: Path, changes: dict, said: str
) -> None:
    """Nothing is asked or written; only cases that are asked count."""
    wrong = Case.model_validate({"id": "w", "question": "?", "answers": ["x"], **changes})
    source = tmp_path / "cases.jsonl"
    lines = "\n\n".join(case.model_dump_json() for case in (*CASES, wrong))
    source.write_text(lines, encoding="utf-8")
    with pytest.raises(BadCases) as caught, running(tmp_path, *CASES, wrong, source=source):
        pass
    assert str(caught.value).startswith(f"{source}, line 9 (case w): {said}")
    assert str(caught.value).endswith(".")


def test_wrong_evidence_of_published_data_is_told_by_id(tmp_path: Path) -> None:
    """Where the file is no case file, there is no line to name."""
    evidence = [{"document": "none.pdf"}]
    wrong = Case.model_validate({"id": "w", "question": "?", "evidence": evidence})
    with pytest.raises(BadCases, match=r"files, case w: the document 'none\.pdf'"):  # noqa: SIM117
        with running(tmp_path, wrong, source=tmp_path / "files"):
            pass


def test_files_that_were_not_added_are_told(tmp_path: Path) -> None:
    """Each by name with its reason, but not the case file, which is no document."""
    files = three_files(tmp_path / "files")
    (files / "empty.txt").write_text("")
    source = files / "cases.jsonl"
    source.write_text("")
    with running(tmp_path, source=source) as run:
        (reason,) = run.rejected
    assert reason.startswith("empty.txt: ")
    with running(tmp_path) as run:
        assert [r.partition(":")[0] for r in run.rejected] == ["cases.jsonl", "empty.txt"]


# Asking -------------------------------------------------------------------------------


def test_answers_are_kept_with_all_that_scoring_needs(tmp_path: Path) -> None:
    """Answer, exact citations, passages and time stand in the row of the case."""
    with running(tmp_path) as run:
        outcomes = ask_all(run, folder_of(tmp_path), Options(), nothing)
    first = outcomes[0]
    assert first.answer is not None
    assert QUOTE in first.answer.text
    assert first.error is None
    assert [c.exact for c in first.citations] == [True] * len(first.answer.citations)
    assert first.citations[0].span == first.located.places[0].span
    assert first.passages[0].span.document == "bridge.txt"
    assert first.depth == Settings().passages
    assert first.seconds["ask"] > 0
    assert run.seconds["asking"] >= run.seconds["calls"] > 0
    assert [o.case.id for o in outcomes] == [c.id for c in CASES]


def test_hidden_documents_are_not_searched(tmp_path: Path) -> None:
    """Without the one document that says it, the same question is answered from others."""
    for retrieval_only in (False, True):
        options = Options(retrieval_only=retrieval_only)
        with running(tmp_path, options=options) as run:
            folder = folder_of(tmp_path, f"run {retrieval_only}")
            outcomes = {o.case.id: o for o in ask_all(run, folder, options, nothing)}
        spans = {i: [p.span.document for p in outcomes[i].passages] for i in ("who", "hidden")}
        assert spans["who"][0] == "bridge.txt"
        assert spans["hidden"]
        assert "bridge.txt" not in spans["hidden"]


def test_history_makes_the_question_complete(tmp_path: Path) -> None:
    """A follow-up is searched with its subject."""
    with running(tmp_path) as run:
        outcomes = ask_all(run, folder_of(tmp_path), Options(), nothing)
    answer = outcomes[3].answer
    assert answer is not None
    assert answer.question == "Who designed it?"
    assert "Bridge" in answer.searched_for


def test_clusters_are_documents(tmp_path: Path) -> None:
    """The first document of the evidence, else the first hidden one, else the case itself."""
    alone = Case(id="alone", question="Why?", answerable=False)
    with running(tmp_path, *CASES, alone) as run:
        outcomes = ask_all(run, folder_of(tmp_path), Options(), nothing)
    assert [o.cluster for o in outcomes] == [
        "bridge.txt", "orchard.txt", "bridge.txt", "bridge.txt", "alone",
    ]  # fmt: skip


def test_retrieval_alone_touches_no_language_model(tmp_path: Path) -> None:
    """Even one that is set is neither built nor started; passages and sentences are ranked."""
    options = Options(retrieval_only=True)
    settings = settings_of(tmp_path, llm="none such", llm_url="http://127.0.0.1:1")
    opened: list[Settings] = []

    def opening(settings: Settings) -> Assistant:
        opened.append(settings)
        return Assistant(settings, embedder=WordEmbedder(), model=model)

    model = ScriptedModel()
    how: dict[str, Any] = {"settings": settings, "options": options, "open_assistant": opening}
    with running(tmp_path, **how) as run:
        outcomes = ask_all(run, folder_of(tmp_path), options, nothing)
    assert [own.llm for own in opened] == ["none"]
    assert model.prompts == []
    assert all(o.answer is None and o.error is None and o.depth == DEPTH for o in outcomes)
    assert outcomes[0].sentences[0] == outcomes[0].located.places[0].span
    assert set(outcomes[0].seconds) == {"search", "evidence"}
    assert "loading" not in run.seconds


def test_text_is_kept_of_the_first_passages_alone(tmp_path: Path) -> None:
    """Five with their text are enough to look at; beyond, the span says which it was."""
    folder = tmp_path / "files"
    folder.mkdir()
    for n in range(8):
        (folder / f"{n}.txt").write_text(f"The bridge number {n} was painted green.")
    options = Options(retrieval_only=True)
    case = Case(id="a", question="Which bridge was painted green?", answers=(("all",),))
    with running(tmp_path, case, options=options) as run:
        (outcome,) = ask_all(run, folder_of(tmp_path), options, nothing)
    assert [bool(p.text) for p in outcome.passages] == [True] * 5 + [False] * 3


def test_failed_case_is_a_row(tmp_path: Path) -> None:
    """It tells the error and its kind; the others are asked all the same."""
    error = ModelUnavailable("It is gone. Ask again.")
    with running(tmp_path, open_assistant=lambda s: Failing(s, "pear", error)) as run:
        folder = folder_of(tmp_path)
        outcomes = ask_all(run, folder, Options(), nothing)
    failed = outcomes[1]
    assert failed.error == "ModelUnavailable: It is gone. Ask again."
    assert failed.answer is None
    assert failed.located == run.located["when"]
    assert [o.error is None for o in outcomes] == [True, False, True, True]
    assert folder.outcomes() == outcomes


def test_question_that_cannot_be_asked_is_a_row_too(tmp_path: Path) -> None:
    """A question of data that is longer than the settings allow does not end the run."""
    long = Case(id="long", question="Who? " * 100, answerable=False)
    settings = settings_of(tmp_path, question_characters=100)
    for retrieval_only in (False, True):
        options = Options(retrieval_only=retrieval_only)
        with running(tmp_path, CASES[0], long, settings=settings, options=options) as run:
            folder = folder_of(tmp_path, f"run {retrieval_only}")
            fine, failed = ask_all(run, folder, options, nothing)
        assert fine.error is None
        assert failed.error is not None
        assert failed.error.startswith(QuestionError.__name__)
