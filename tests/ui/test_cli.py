"""What each command prints, and the exit code it leaves."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from rag import AddReport, Check, DocumentResult, ModelUnavailable
from tests.ui.fake_library import ANSWER, DOCUMENT, REFUSAL, FakeAssistant, run
from ui import upkeep


def report(*statuses: str) -> AddReport:
    kept = ("added", "updated", "unchanged")
    rows = [
        DocumentResult(f"{s}.txt", s, None if s in kept else "why", DOCUMENT if s in kept else None)  # type: ignore[arg-type]
        for s in statuses
    ]
    return AddReport(tuple(rows), (), 0.1)


def test_ask_prints_answer_and_quotes(capsys: pytest.CaptureFixture[str]) -> None:
    """The answer is on stdout with its quotes, and the library is opened for reading only."""
    fake = FakeAssistant()
    assert run("ask", "Where?", fake=fake) == 0
    out = capsys.readouterr().out
    assert out.startswith("In Geneva. [1]\n")
    assert '[1] treaty.txt: "in Geneva"' in out
    assert fake.read_only
    assert fake.closed


def test_ask_json_is_the_answer_as_a_dictionary(capsys: pytest.CaptureFixture[str]) -> None:
    """A program reads exactly what the API returns."""
    assert run("ask", "Where?", "--json") == 0
    assert json.loads(capsys.readouterr().out) == json.loads(ANSWER.to_json())


def test_refusal_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    """That the documents do not answer is a result."""
    assert run("ask", "Why?", fake=FakeAssistant(answer=REFUSAL)) == 0
    assert "which do not answer it" in capsys.readouterr().out


def test_ask_loads_the_model_when_the_answer_waits_for_it() -> None:
    """The load has a progress bar of its own, within the same question."""
    fake = FakeAssistant()
    run("ask", "Where?", fake=fake)
    assert [name for name, _ in fake.calls] == ["answer", "warm"]


def test_ask_answers_when_the_model_cannot_be_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    """The library falls back to quotes, and the command line does not stand in its way."""
    fallen = replace(ANSWER, notice="The model failed; these are quotes.")
    fake = FakeAssistant(answer=fallen, warm=ModelUnavailable("No memory. Close something."))
    assert run("ask", "Where?", fake=fake) == 0
    assert "Note: The model failed" in capsys.readouterr().out


def test_search_and_ask_hand_on_document_ids() -> None:
    """--document limits both to the ids, given at once or one by one."""
    fake = FakeAssistant()
    run("search", "Where?", "-k", "3", "--document", "d1", "d2", fake=fake)
    run("ask", "--document", "d1", "--document", "d2", "--", "Where?", fake=fake)
    assert fake.calls[0] == ("search", ("Where?", 3, ["d1", "d2"]))
    assert fake.calls[1] == ("answer", ("Where?", ["d1", "d2"]))


def test_search_json_names_the_uri_of_each_hit(capsys: pytest.CaptureFixture[str]) -> None:
    """The uri stands at the hit itself and in its passage's document."""
    assert run("search", "Where?", "--json") == 0
    (hit,) = json.loads(capsys.readouterr().out)
    assert hit["uri"] == hit["passage"]["document"]["uri"] == "/n/treaty.txt"
    assert hit["score"] == 0.9


def test_search_without_hits_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing found is a result, told in words, or as an empty list."""
    fake = FakeAssistant(search=[])
    assert run("search", "Where?", fake=fake) == 0
    assert "No passage" in capsys.readouterr().out
    assert run("search", "Where?", "--json", fake=fake) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_docs_lists_documents(capsys: pytest.CaptureFixture[str]) -> None:
    """Piped, a line for each document that begins with its id; as JSON, its record."""
    assert run("docs") == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("d1\ttreaty.txt\t")
    assert run("docs", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["uri"] == "/n/treaty.txt"


def test_docs_of_an_empty_library_names_the_next_step(capsys: pytest.CaptureFixture[str]) -> None:
    """A newcomer is told how to add documents."""
    assert run("docs", fake=FakeAssistant(documents=[])) == 0
    assert "footnote add" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        (("added", "rejected"), 0),
        (("unchanged", "failed"), 0),
        (("rejected", "failed"), 1),
        (("updated",), 0),
        ((), 0),
    ],
)
def test_add_fails_only_when_every_file_did(statuses: tuple[str, ...], code: int) -> None:
    """One bad file among good ones is a row; nothing but bad files is a failure."""
    assert run("add", "x", fake=FakeAssistant(add=report(*statuses))) == code


def test_add_prints_rows_and_progress_apart(capsys: pytest.CaptureFixture[str]) -> None:
    """Rows go to stdout, progress to stderr; every path given is added."""
    fake = FakeAssistant(add=report("added", "rejected"))
    run("add", "one", "two", fake=fake)
    captured = capsys.readouterr()
    rows = captured.out.splitlines()[:2]
    assert rows == ["added     added.txt (1 passage)", "rejected  rejected.txt: why"]
    assert "Adding documents" in captured.err
    assert fake.calls == [("add", ["one", "two"])]
    assert not fake.read_only


def test_add_json_is_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    """A program reads exactly what the API returns."""
    wanted = report("added")
    run("add", "x", "--json", fake=FakeAssistant(add=wanted))
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(wanted.to_dict()))


def test_remove_takes_several_ids(capsys: pytest.CaptureFixture[str]) -> None:
    """Each removed document is a line; an unknown id is wrong use."""
    assert run("remove", "d1", "d9") == 2
    captured = capsys.readouterr()
    assert captured.out == "removed /n/treaty.txt\n"
    assert "No document d9" in captured.err


def test_reembed_tells_how_many(capsys: pytest.CaptureFixture[str]) -> None:
    """The number of passages and the model are named."""
    assert run("reembed") == 0
    assert "7 passages" in capsys.readouterr().out


@pytest.mark.parametrize(("ok", "code"), [(True, 0), (False, 1)])
def test_doctor_fails_when_a_check_does(
    ok: bool, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code tells a script what the lines tell a person."""
    checks = [
        Check("disk", True, "fine"),
        Check("library", ok, "so so", None if ok else "Mend it."),
    ]
    monkeypatch.setattr(upkeep, "doctor", lambda settings: checks)
    assert run("doctor") == code
    assert "✓ disk: fine" in capsys.readouterr().out
    assert run("doctor", "--json") == code
    assert [check["ok"] for check in json.loads(capsys.readouterr().out)] == [True, ok]
