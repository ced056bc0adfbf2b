"""Results in a folder: read as written, whatever ended the run; never those of another."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.cases import BadCases, Case
from eval.locating import Located, Place
from eval.metrics.spans import Span
from eval.outcomes import Cited, FoundPassage, Outcome, RunFolder
from rag import Turn
from tests.eval.made_outcomes import answered, case_of

MANIFEST = {"commit": "abc", "dataset": "mine", "started": "today"}
WHOLE = Outcome(
    case=Case(
        id="whole",
        question="Wann?\u2028Größe 🜂",
        answers=(("1931", "May"), ("4 May",)),
        history=(Turn("What?", "A bridge."),),
        tags=("date",),
        without=("x.txt",),
    ),
    cluster="bridge.txt",
    located=Located(((Place(Span("bridge.txt", 1, 9), "page", 3, 2),), ())),
    depth=20,
    passages=(FoundPassage("p1", Span("bridge.txt", 0, 40), None, 0.1 + 0.2, "text\n"),),
    sentences=(Span("bridge.txt", 0, 12),),
    citations=(Cited(Span("bridge.txt", 3, 5), 1, False),),
    seconds={"ask": 1 / 3},
)


def outcome_of(number: str, **changes: Any) -> Outcome:
    """Return an outcome that differs from others of other numbers."""
    return replace(answered(case_of(number)), **changes)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """Return the folder of a run that was begun."""
    folder = RunFolder(tmp_path / "deep" / "run")
    assert not folder.begin(MANIFEST, ("commit",))
    return folder


def outcomes_file(folder: RunFolder) -> Path:
    return folder.path / "outcomes.jsonl"


def contents(path: Path) -> dict[str, bytes]:
    """Return every file below a path with what it holds."""
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}


# Rows ---------------------------------------------------------------------------------


def test_rows_are_read_as_written(folder: RunFolder) -> None:
    """Answer, spans, numbers and odd characters come back equal, in order."""
    written = (
        WHOLE,
        outcome_of("1"),
        Outcome(case_of("2"), "2", Located(()), error="ModelUnavailable: It is gone.\nAsk again."),
        outcome_of("3", answer=None),
    )
    for outcome in written:
        folder.append(outcome)
    assert folder.outcomes() == written
    assert outcomes_file(folder).read_bytes().count(b"\n") == len(written)


@given(st.lists(st.sampled_from("abcd"), max_size=9))
def test_the_last_outcome_of_a_case_counts(
    tmp_path_factory: pytest.TempPathFactory, ids: list[str]
) -> None:
    """However often a case was asked, its last outcome is kept, once."""
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    for number, i in enumerate(ids):
        folder.append(outcome_of(i, depth=number))
    expected = {i: number for number, i in enumerate(ids)}
    assert {o.case.id: o.depth for o in folder.outcomes()} == {
        f"case-{i}": number for i, number in expected.items()
    }
    assert len(folder.outcomes()) == len(expected)


def test_run_without_outcomes_has_none(folder: RunFolder) -> None:
    """A run that was stopped before its first answer is no error."""
    assert folder.outcomes() == ()
    folder.mend()
    assert not outcomes_file(folder).exists()


@given(st.integers(min_value=1), st.booleans())
def test_torn_last_line_is_left_out_and_mended(
    tmp_path_factory: pytest.TempPathFactory, cut: int, reads_first: bool
) -> None:
    """Wherever a process died in writing, also within a character, the rows before it stay."""
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    folder.append(outcome_of("1"))
    whole = outcomes_file(folder).read_bytes()
    folder.append(WHOLE)
    last = outcomes_file(folder).read_bytes()[len(whole) :]
    outcomes_file(folder).write_bytes(whole + last[: cut % len(last)])
    if reads_first:
        assert folder.outcomes() == (outcome_of("1"),)
    folder.mend()
    folder.append(outcome_of("2"))
    assert folder.outcomes() == (outcome_of("1"), outcome_of("2"))


def test_torn_first_line_is_mended(folder: RunFolder) -> None:
    """Nothing of it is left over."""
    outcomes_file(folder).write_bytes(b'{"case": {"id"')
    folder.mend()
    assert outcomes_file(folder).read_bytes() == b""


def test_mending_leaves_whole_lines_alone(folder: RunFolder) -> None:
    """A file that ends in a line end is not touched."""
    folder.append(WHOLE)
    before = outcomes_file(folder).stat()
    folder.mend()
    assert outcomes_file(folder).stat() == before


@pytest.mark.parametrize("damage", [b"{}", b"nonsense", b'{"case"', b"\xff\xfe", b"[]"])
def test_damaged_line_is_named(folder: RunFolder, damage: bytes) -> None:
    """A line amid the others that is no outcome is told with its number and the fix."""
    folder.append(outcome_of("1"))
    with outcomes_file(folder).open("ab") as file:
        file.write(b"\n" + damage + b"\n")
    folder.append(outcome_of("2"))
    place = re.escape(f"{outcomes_file(folder)}, line 3 is no outcome")
    with pytest.raises(BadCases, match=f"{place}.*Remove the line"):
        folder.outcomes()


# Folders ------------------------------------------------------------------------------


def test_new_run_writes_its_manifest(folder: RunFolder) -> None:
    """The folder is made with those above it."""
    assert folder.manifest() == MANIFEST


def test_empty_folder_is_taken(tmp_path: Path) -> None:
    """One that holds nothing is as good as none."""
    assert not RunFolder(tmp_path).begin(MANIFEST, ("commit",))
    assert RunFolder(tmp_path).manifest() == MANIFEST


def test_same_run_is_gone_on_with(folder: RunFolder) -> None:
    """Only the named values count; the manifest stays that of the first time."""
    assert folder.begin({**MANIFEST, "started": "tomorrow"}, ("commit", "dataset"))
    assert folder.manifest()["started"] == "today"


def test_results_of_another_run_are_not_touched(folder: RunFolder) -> None:
    """The message names what differs and the option; all files stay as they were."""
    folder.append(WHOLE)
    before = contents(folder.path)
    with pytest.raises(BadCases, match=r"another run \(different: dataset, seed\).*--out"):
        folder.begin(MANIFEST | {"dataset": "yours", "seed": 1}, ("dataset", "commit", "seed"))
    assert contents(folder.path) == before


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("notes.txt", "mine", "manifest.json cannot be read: No such file"),
        ("outcomes.jsonl", "", "manifest.json cannot be read: No such file"),
        ("manifest.json", "", "manifest.json cannot be read: Expecting value"),
        ("manifest.json", '{"commit": "a', "manifest.json cannot be read: Unterminated"),
        ("manifest.json", "[]", "manifest.json is no manifest"),
    ],
)
def test_folder_with_anything_else_is_not_touched(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    """A folder of other files, or half a folder of results, is told and left alone."""
    (tmp_path / name).write_text(text)
    before = contents(tmp_path)
    with pytest.raises(BadCases, match=re.escape(said)) as caught:
        RunFolder(tmp_path).begin(MANIFEST, ("commit",))
    assert "\n" not in str(caught.value)
    assert contents(tmp_path) == before


def test_manifest_that_is_not_utf_8_is_told(folder: RunFolder) -> None:
    """Bytes of another encoding are no manifest."""
    (folder.path / "manifest.json").write_bytes(b'"\xe9"')
    with pytest.raises(BadCases, match="it is not UTF-8"):
        folder.manifest()


@pytest.mark.parametrize("place", ["file", "file/below", "dead", "x" * 300])
def test_place_that_can_be_no_folder_is_told(tmp_path: Path, place: str) -> None:
    """A file, what would be below one, a dead link, a name too long: the message says --out."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "dead").symlink_to("nowhere")
    with pytest.raises(BadCases, match=r"cannot hold results: .*\. Name another .* --out"):
        RunFolder(tmp_path / place).begin(MANIFEST, ("commit",))
    assert (tmp_path / "file").read_text() == "mine"


def test_folder_that_goes_away_meanwhile_is_told(tmp_path: Path) -> None:
    """Not being able to write is wrong use with a message, whatever was to be written."""
    gone = RunFolder(tmp_path / "gone")
    for write in (lambda: gone.append(WHOLE), lambda: gone.write("report.json", "{}")):
        with pytest.raises(BadCases, match="gone cannot hold results"):
            write()


def test_file_is_replaced_as_a_whole(folder: RunFolder) -> None:
    """Writing again leaves the new text and nothing beside it."""
    folder.write("report.json", "old and long")
    path = folder.write("report.json", "new")
    assert path.read_text() == "new"
    assert set(contents(folder.path)) == {".footnoteignore", "manifest.json", "report.json"}


def test_results_are_no_documents(folder: RunFolder) -> None:
    """A run whose documents lie around the folder of an earlier one does not add its report."""
    assert (folder.path / ".footnoteignore").read_text() == "*\n"


def test_manifest_is_readable_json(folder: RunFolder) -> None:
    """Letters stand as they are, a value a line."""
    folder.write_manifest({"model": "Größe", "seed": 0})
    text = (folder.path / "manifest.json").read_text(encoding="utf-8")
    assert text == '{\n  "model": "Größe",\n  "seed": 0\n}\n'
    assert json.loads(text) == folder.manifest()
