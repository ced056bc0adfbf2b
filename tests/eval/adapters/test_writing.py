"""Names for files are safe and distinct, whatever the labels."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from eval.adapters.writing import Names, write_document


def named(*labels: str) -> list[str]:
    """Return the names that the labels get, in this order."""
    names = Names()
    return [names.give(label) for label in labels]


def test_names_read_like_their_labels() -> None:
    """Runs of other characters become a hyphen; nothing is left of some labels."""
    assert named("Fresno,_California", "10.1007/s-1", "../.ssh", "地震", "MED-10") == [
        "Fresno-California",
        "10-1007-s-1",
        "ssh",
        "unnamed",
        "MED-10",
    ]


def test_taken_names_get_a_number() -> None:
    """In other case too, and past a label that looks like a name with a number."""
    assert named("a/b", "A b", "a-b-2", "a.b", "a.b") == [
        "a-b",
        "A-b-2",
        "a-b-2-2",
        "a-b-3",
        "a-b-4",
    ]


@given(st.lists(st.text() | st.text("aA-2/", max_size=4) | st.just("x" * 500)))
def test_names_are_safe_and_distinct(labels: list[str]) -> None:
    """Letters, digits, hyphens; short, not hidden, and different without regard to case."""
    names = named(*labels)
    assert len({name.lower() for name in names}) == len(labels)
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]{0,89}", name) for name in names)


def test_many_alike_labels_are_quick() -> None:
    """Work grows with the number of labels, not with its square; the last is number 50,000."""
    assert named(*["same"] * 50_000)[-1] == "same-50000"


@given(text=st.text())
def test_the_text_is_written_as_it_is(tmp_path_factory, text: str) -> None:
    """With its own line ends, white space and characters, as UTF-8."""
    folder = tmp_path_factory.mktemp("documents")
    assert write_document(folder, "a/01", text) == "a/01.txt"
    assert (folder / "a" / "01.txt").read_bytes() == text.encode()


def test_documents_go_into_folders_of_their_own(tmp_path: Path) -> None:
    """The path that is returned leads to the file."""
    name = write_document(tmp_path, "0001/doc", "x")
    assert (tmp_path / name).is_file()
