"""Files on their way into the library, and what the page says of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag import Document
from tests.ui.fake_assistant import FakeAssistant
from ui import render_shelf
from ui.shelf import Arrival, Holdings, Shelf, safe_name

PATIENCE = 10


@pytest.fixture
def assistant() -> FakeAssistant:
    """Return an assistant without documents."""
    return FakeAssistant()


@pytest.fixture
def shelf(assistant: FakeAssistant, tmp_path: Path) -> Iterator[Shelf]:
    """Return its shelf."""
    made = Shelf(assistant, tmp_path / "uploads")
    yield made
    made.close()


@pytest.fixture
def gate(assistant: FakeAssistant) -> Iterator[threading.Event]:
    """Hold every file back until this is set."""
    opened = threading.Event()
    assistant.pace = lambda: opened.wait(PATIENCE)  # type: ignore[assignment]
    yield opened
    opened.set()


def files(folder: Path, *names: str) -> list[Path]:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text(f"This is {name}.", encoding="utf-8")
    return [folder / name for name in names]


def last(shelf: Shelf) -> Holdings:
    *_, held = shelf.watch()
    return held


def until(shelf: Shelf, state: str) -> Holdings:
    return next(h for h in shelf.watch() if any(a.state == state for a in h.arrivals))


def test_uploads_are_kept_in_the_home_and_added(shelf: Shelf, tmp_path: Path) -> None:
    """One after the other; those that cannot be added say why."""
    shelf.receive(files(tmp_path / "sent", "a.txt", "bad.pdf", "c.txt"))
    held = last(shelf)
    assert [(a.path.name, a.state) for a in held.arrivals] == [
        ("c.txt", "added"),
        ("bad.pdf", "rejected"),
        ("a.txt", "added"),
    ]
    assert held.arrivals[1].reason == "bad.pdf is no text."
    assert {Path(d.uri).parent for d in held.documents} == {tmp_path / "uploads"}
    assert (tmp_path / "uploads" / "a.txt").read_text(encoding="utf-8") == "This is a.txt."
    assert not held.busy


def test_an_upload_of_the_same_name_is_a_new_version(shelf: Shelf, tmp_path: Path) -> None:
    """It takes the place of the earlier one."""
    shelf.receive(files(tmp_path / "one", "a.txt"))
    last(shelf)
    (changed,) = files(tmp_path / "two", "a.txt")
    changed.write_text("Other words.", encoding="utf-8")
    shelf.receive([changed])
    held = last(shelf)
    assert [a.state for a in held.arrivals] == ["updated", "added"]
    assert len(held.documents) == 1
    assert (tmp_path / "uploads" / "a.txt").read_text(encoding="utf-8") == "Other words."


def test_what_waits_and_what_is_under_way_can_be_stopped(
    shelf: Shelf, tmp_path: Path, gate: threading.Event
) -> None:
    """What is added stays; the others go on."""
    shelf.bring(files(tmp_path, "a.txt", "b.txt", "c.txt"))
    until(shelf, "adding")
    shelf.stop(2)
    shelf.stop(1)
    assert [a.state for a in shelf.holdings().arrivals] == ["waiting", "stopped", "stopping"]
    gate.set()
    assert [a.state for a in last(shelf).arrivals] == ["added", "stopped", "stopped"]


def test_all_can_be_stopped(shelf: Shelf, tmp_path: Path, gate: threading.Event) -> None:
    """By one button."""
    shelf.bring(files(tmp_path, "a.txt", "b.txt"))
    until(shelf, "adding")
    shelf.act({"action": "stop-all"}, frozenset())
    gate.set()
    held = last(shelf)
    assert [a.state for a in held.arrivals] == ["stopped", "stopped"]
    assert held.documents == ()


def test_removing_takes_an_uploaded_file_and_leaves_others(shelf: Shelf, tmp_path: Path) -> None:
    """A file that was named where it lies is not ours to delete."""
    (own,) = files(tmp_path / "mine", "own.txt")
    shelf.bring([own])
    shelf.receive(files(tmp_path / "sent", "sent.txt"))
    for document in last(shelf).documents:
        shelf.act({"action": "remove", "id": document.id}, frozenset())
        shelf.act({"action": "remove", "id": document.id}, frozenset())
    assert last(shelf).documents == ()
    assert own.exists()
    assert not (tmp_path / "uploads" / "sent.txt").exists()


def test_a_document_can_be_read_again(shelf: Shelf, tmp_path: Path) -> None:
    """As when its file has changed."""
    shelf.bring(files(tmp_path, "a.txt"))
    (document,) = last(shelf).documents
    shelf.act({"action": "again", "id": document.id}, frozenset())
    assert [a.state for a in last(shelf).arrivals] == ["updated", "added"]
    shelf.act({"action": "again", "id": "gone"}, frozenset())
    assert len(last(shelf).arrivals) == 2


def test_which_documents_a_chat_uses(shelf: Shelf) -> None:
    """A click leaves one out, another takes it back; what is removed is no longer left out."""
    left_out = shelf.act({"action": "use", "id": "d1"}, frozenset())
    assert left_out == {"d1"}
    assert shelf.act({"action": "use", "id": "d1"}, left_out) == frozenset()
    assert shelf.act({"action": "remove", "id": "d1"}, left_out) == frozenset()
    assert shelf.act({"action": "nonsense"}, left_out) == left_out


def test_an_error_nobody_thought_of_is_a_sentence(
    shelf: Shelf, assistant: FakeAssistant, tmp_path: Path
) -> None:
    """And the files after it are added all the same."""

    def broken() -> None:
        assistant.pace = lambda: None
        raise RuntimeError("no such thing")

    assistant.pace = broken
    shelf.bring(files(tmp_path, "a.txt", "b.txt"))
    held = last(shelf)
    assert [a.state for a in held.arrivals] == ["added", "rejected"]
    assert "The program's log has the details" in str(held.arrivals[1].reason)


@given(st.text(max_size=300))
def test_no_name_of_an_upload_leads_elsewhere(name: str) -> None:
    """Whatever a browser sends."""
    safe = safe_name(name)
    assert safe
    assert safe not in (".", "..")
    assert Path(safe).name == safe
    assert len(safe) < 200


# As HTML ------------------------------------------------------------------------------


def test_names_paths_and_reasons_are_text() -> None:
    """Whatever a file is called."""
    mark = '<img src=x onerror="hurt()">'
    document = Document(mark, f"/{mark}", mark, mark, "0" * 64, 1200, 3, "2026-01-01T00:00:00")
    arrival = Arrival(1, Path(f"/a/{mark}"), "rejected", reason=mark)
    html = render_shelf.holdings(Holdings((document,), (arrival,)))
    assert "<img" not in html
    assert 'onerror="' not in html
    assert "1,200" in html


def test_progress_is_told_with_the_time_left() -> None:
    """As soon as it can be known."""
    early = Arrival(1, Path("a.txt"), "adding", share=0.01, seconds=1.0)
    late = Arrival(2, Path("b.txt"), "adding", share=0.25, seconds=5.0)
    html = render_shelf.holdings(Holdings((), (late, early)))
    assert "2 on the way" in html
    assert "Adding, 25%, 15 s left" in html
    assert "Adding, 1%<" in html
    assert html.count('data-action="stop"') == 2


def test_documents_left_out_are_unchecked() -> None:
    """And counted."""
    documents = tuple(
        Document(f"d{n}", f"/d{n}.pdf", "", "application/pdf", "0" * 64, 10, 1, "2026-01-01")
        for n in range(3)
    )
    html = render_shelf.holdings(Holdings(documents, ()), left_out={"d1"})
    assert "3 documents · this chat uses 2" in html
    assert html.count(" checked") == 2
    assert html.count("<td>PDF</td>") == 3
    assert "Your library is empty" in render_shelf.holdings(Holdings((), ()))


def test_a_document_whose_file_went_is_told(
    assistant: FakeAssistant, shelf: Shelf, tmp_path: Path
) -> None:
    """Its text is there all the same; another has its rate shown while it is added."""
    (file,) = files(tmp_path / "n", "a.txt")
    shelf.bring([file])
    *_, held = shelf.watch()
    assert held.gone == frozenset()
    assert "Ready" in render_shelf.holdings(held)
    file.unlink()
    held = shelf.holdings()
    assert held.gone == {d.id for d in assistant.documents()}
    assert "File gone" in render_shelf.holdings(held)
    under_way = Arrival(1, file, "adding", share=0.5, seconds=2.0, size=80_000)
    assert "20.0 kB/s, 2 s left" in render_shelf.holdings(Holdings((), (under_way,)))
