"""Adding: every file has its row, what is unchanged costs nothing, nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from rag import (
    Progress,
    StoreError,
    UnknownDocument,
)
from tests.fakes import WordEmbedder
from tests.homes import (
    BRIDGE,
    HARBOUR,
    ORCHARD,
    open_home,
    start_python,
    three_files,
    unfindable,
    words_of,
    write_files,
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return three_files(tmp_path / "files")


def statuses(report) -> dict[str, str]:
    return {Path(r.uri).name: r.status for r in report.documents}


def test_every_file_has_its_row(home: Path, files: Path, tmp_path: Path) -> None:
    """Files that cannot be read are rows with a reason and stop no other file."""
    (files / "a_empty.txt").write_text("")
    (files / "b_blank.txt").write_text(" \n\t\n ")
    (files / "c_binary.txt").write_bytes(bytes(range(256)) * 20)
    (files / "d_broken.pdf").write_bytes(b"%PDF-1.4 and nothing else")
    (files / "e_picture.png").write_bytes(b"\x89PNG")
    (files / "loop").symlink_to(files)
    (files / "nowhere.txt").symlink_to(tmp_path / "missing.txt")
    with open_home(home) as assistant:
        report = assistant.add([tmp_path / "not-there", files])
        found = statuses(report)
        assert {n for n, s in found.items() if s == "added"} == {
            "bridge.txt", "harbour.txt", "orchard.txt",
        }  # fmt: skip
        bad = [r for r in report.documents if r.status != "added"]
        assert {r.status for r in bad} <= {"rejected", "failed"}
        assert {Path(r.uri).name for r in bad} >= {
            "not-there", "a_empty.txt", "b_blank.txt", "c_binary.txt", "d_broken.pdf",
            "e_picture.png", "nowhere.txt",
        }  # fmt: skip
        assert all(r.reason and r.document is None for r in bad)
        assert all(r.reason is None and r.document for r in report.documents if r not in bad)
        assert len(assistant.documents()) == report.count("added") == 3
        assert report.removed == ()


def test_same_files_again_cost_nothing(home: Path, files: Path) -> None:
    """Files added again unchanged are neither embedded nor written, in any process."""
    embedder = WordEmbedder()
    with open_home(home, embedder=embedder) as assistant:
        first = assistant.add(files)
        revision = assistant._library.revision
        embedder.embedded.clear()
        again = assistant.add(files)
        assert set(statuses(again).values()) == {"unchanged"}
        assert [r.document for r in again.documents] == [r.document for r in first.documents]
        assert embedder.embedded == []
        assert assistant._library.revision == revision
    other = WordEmbedder()
    with open_home(home, embedder=other) as assistant:
        assistant.add(sorted(files.iterdir()))
        assert other.embedded == []
        assert assistant._library.revision == revision


def test_updated_file_takes_the_place_of_the_old(home: Path, files: Path) -> None:
    """After an update the old words are found nowhere, and only the change is embedded."""
    embedder = WordEmbedder()
    with open_home(home, embedder=embedder) as assistant:
        old = assistant.add(files).documents[0].document
        assert old is not None
        embedder.embedded.clear()
        write_files(files, bridge="A viaduct of forty arches replaced it.")
        report = assistant.add(files)
        assert statuses(report) == {
            "bridge.txt": "updated", "harbour.txt": "unchanged", "orchard.txt": "unchanged",
        }  # fmt: skip
        assert embedder.embedded == ["A viaduct of forty arches replaced it."]
        for question in ("Anders Bridge span", "viaduct arches"):
            texts = [h.passage.text for h in assistant.search(question, k=20)]
            assert not any("Anders" in text for text in texts)
        assert assistant._library.search_words(["anders"], limit=5) == []
        with pytest.raises(UnknownDocument):
            assistant.text_of(old.id)
    assert unfindable(home) == []


def test_files_gone_from_a_folder_are_removed(home: Path, files: Path) -> None:
    """A folder added again is brought up to date, its folders below included."""
    write_files(files / "deep", note="A heron stood on the weir.")
    with open_home(home) as assistant:
        assistant.add(files / "deep")
        assistant.add(files)
        (files / "bridge.txt").unlink()
        (files / "deep" / "note.txt").unlink()
        report = assistant.add(f"{files}/../files/.")
        assert sorted(Path(d.uri).name for d in report.removed) == ["bridge.txt", "note.txt"]
        assert [Path(d.uri).name for d in assistant.documents()] == ["harbour.txt", "orchard.txt"]
        assert not any("heron" in h.passage.text for h in assistant.search("heron", k=20))
    assert unfindable(home) == []


def test_empty_folder_removes_nothing(home: Path, files: Path, tmp_path: Path) -> None:
    """A folder without a file, or that is not there, is no reason to forget its documents."""
    with open_home(home) as assistant:
        assistant.add(files)
        files.rename(tmp_path / "elsewhere")
        assert assistant.add(files).removed == ()
        files.mkdir()
        assert assistant.add(files).removed == ()
        assert len(assistant.documents()) == 3


def test_file_added_by_name_stays(home: Path, files: Path) -> None:
    """What was added by name is not removed with a folder it happens to lie in."""
    with open_home(home) as assistant:
        assistant.add(files / "bridge.txt")
        (files / "bridge.txt").unlink()
        assert assistant.add(files).removed == ()
        assert len(assistant.documents()) == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look everywhere")
def test_folder_that_may_not_be_looked_into(home: Path, files: Path) -> None:
    """Files that cannot be looked at are not taken for gone."""
    write_files(files / "deep", note="A heron stood on the weir.")
    with open_home(home) as assistant:
        assistant.add(files)
        (files / "deep").chmod(0)
        try:
            assert assistant.add(files).removed == ()
        finally:
            (files / "deep").chmod(0o755)


def test_home_inside_the_folder_is_left_out(files: Path) -> None:
    """A home that lies in an added folder is not taken for documents of it."""
    home = files / "library"
    with open_home(home) as assistant:
        for _ in range(2):
            assert set(statuses(assistant.add(files))) == {
                "bridge.txt", "harbour.txt", "orchard.txt",
            }  # fmt: skip


def test_documents_inside_the_home_are_added(files: Path) -> None:
    """The home may be the very folder of the documents."""
    with open_home(files) as assistant:
        assert set(statuses(assistant.add(files)).values()) == {"added"}
        assert len(assistant.documents()) == 3
    assert unfindable(files) == []


def test_path_spelled_in_other_ways_is_one_document(
    home: Path, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the path of a file is written, it is one document."""
    (tmp_path / "link").symlink_to(files)
    monkeypatch.chdir(files)
    monkeypatch.setenv("HOME", str(tmp_path))
    with open_home(home) as assistant:
        assistant.add(files / "bridge.txt")
        for spelling in (
            "bridge.txt", "./bridge.txt", f"{files}/../files/bridge.txt", "~/files/bridge.txt",
            tmp_path / "link" / "bridge.txt",
        ):  # fmt: skip
            assert list(statuses(assistant.add(spelling)).values()) == ["unchanged"], spelling
        write_files(files, bridge=HARBOUR)
        report = assistant.add(tmp_path / "link" / "bridge.txt")
        assert report.count("updated") == 1
        assert len(assistant.documents()) == 1


def test_file_and_its_folder_together_is_one_row(home: Path, files: Path) -> None:
    """A file that is named and found in a named folder is added once."""
    with open_home(home) as assistant:
        report = assistant.add([files / "bridge.txt", files, files / "orchard.txt", str(files)])
        assert sorted(statuses(report)) == ["bridge.txt", "harbour.txt", "orchard.txt"]
        assert len(report.documents) == 3


def test_empty_path_adds_nothing(home: Path, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty path does not stand for the working folder."""
    monkeypatch.chdir(files)
    with open_home(home) as assistant:
        assert [r.status for r in assistant.add("").documents] == ["failed"]
        assert assistant.add([]).documents == ()


def test_progress_only_grows(home: Path, files: Path) -> None:
    """Progress counts files from none to all of them, and fractions within a long one."""
    write_files(files, long=words_of(6_000, seed=1))
    seen: list[Progress] = []
    with open_home(home, passage_characters=100) as assistant:
        assistant.add([files, files / "missing.txt"], progress=seen.append)
    assert [p.done for p in seen] == sorted(p.done for p in seen)
    assert {(p.total, p.unit) for p in seen} == {(5, "files")}
    assert (seen[0].done, seen[-1].done) == (0, 5)
    assert any(p.done % 1 for p in seen)


def test_documents_of_many_passages(home: Path, files: Path) -> None:
    """A document of more passages than Chroma takes at once is added whole."""
    write_files(files, long="\n\n".join(f"Entry {n} tells of item{n}." for n in range(5_000)))
    with open_home(home, passage_characters=100) as assistant:
        report = assistant.add(files / "long.txt")
        document = report.documents[0].document
        assert document is not None
        assert document.n_passages == len(assistant.passages_of(document.id)) > 1_000
        assert "item4321" in assistant.search("item4321", k=1)[0].passage.text


def test_remove(home: Path, files: Path) -> None:
    """A removed document is found no more, and can be added again."""
    with open_home(home) as assistant:
        document = assistant.add(files).documents[0].document
        assert document is not None
        assert assistant.remove(document.id) == document
        with pytest.raises(UnknownDocument):
            assistant.remove(document.id)
        assert not any("Anders" in h.passage.text for h in assistant.search("Anders Bridge", k=9))
    assert unfindable(home) == []
    with open_home(home) as assistant:
        assert statuses(assistant.add(files))["bridge.txt"] == "added"


def test_adding_from_several_threads(home: Path, tmp_path: Path) -> None:
    """Adds at the same time wait for each other, and all is there in the end."""
    folders = [write_files(tmp_path / f"f{n}", note=f"{BRIDGE} Folder {n}.") for n in range(4)]
    shared = write_files(tmp_path / "shared", note=ORCHARD)
    with open_home(home) as assistant:
        threads = [
            threading.Thread(target=assistant.add, args=([folder, shared],)) for folder in folders
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(assistant.documents()) == 5
    assert unfindable(home) == []


def test_disk_full_while_adding(home: Path, files: Path) -> None:
    """When the disk fills up, the error names the fix; what was added is kept and searched."""
    write_files(files, z_large=words_of(40_000, seed=1))
    with open_home(home) as assistant:
        assistant.search("warm")
        assert assistant._searching.index is not None
        assistant._searching.index.wait()
        with ExitStack() as stack:
            # Enough for all threads at once: a connection has its own limit.
            for _ in range(8):
                connection = stack.enter_context(assistant._library._database._connection())
                pages = connection.execute("PRAGMA page_count").fetchone()[0]
                connection.execute(f"PRAGMA max_page_count = {pages + 40}")
        with pytest.raises(StoreError, match="free some space"):
            assistant.add(files)
        assert len(assistant.documents()) == 3
        assert "Clara Holt" in assistant.search("Who designed the bridge?")[0].passage.text
    assert unfindable(home) == []
    with open_home(home) as assistant:
        assert statuses(assistant.add(files))["z_large.txt"] == "added"


def test_interrupt_while_adding(home: Path, tmp_path: Path) -> None:
    """Ctrl-C in the middle of an add ends the program soon and loses no document."""
    files = write_files(tmp_path / "files", **{f"f{n}": words_of(6000, seed=n) for n in range(30)})
    child = start_python(
        """
        import signal
        import sys
        from pathlib import Path
        from tests.homes import open_home
        # Ignored in all that a shell starts in the background.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with open_home(Path(sys.argv[1])) as assistant:
            assistant.add(sys.argv[2], progress=lambda p: print(p.done, flush=True))
        """,
        home,
        files,
    )
    assert child.stdout is not None
    for line in child.stdout:
        if line.strip().isdigit():  # no fraction: files that are written
            break
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=30)
    assert child.returncode != 0
    assert said.rstrip().endswith("KeyboardInterrupt")
    with open_home(home) as assistant:
        assert 0 < len(assistant.documents()) < 30
        assert assistant.add(files).count("added") > 0
        assert len(assistant.documents()) == 30
    assert unfindable(home) == []


def test_no_parser_outlives_its_add(home: Path, files: Path) -> None:
    """When an add is over, no process of it is left."""
    with open_home(home) as assistant:
        assistant.add(files)
        found = subprocess.run(
            ["pgrep", "-P", str(os.getpid()), "-f", "rag.parsing"], capture_output=True, check=False
        )
        assert found.stdout == b""


def test_passages_tile_the_text(home: Path, files: Path) -> None:
    """Passages tile the text: in order, no overlap, nothing left out but white space."""
    with open_home(home, passage_characters=100) as assistant:
        assistant.add(files)
        for document in assistant.documents():
            text, end = assistant.text_of(document.id), 0
            for passage in assistant.passages_of(document.id):
                assert text[end : passage.start].strip() == ""
                assert passage.start >= end
                assert passage.end - passage.start <= 100
                assert text[passage.start : passage.end] == passage.text
                end = passage.end
            assert text[end:].strip() == ""


def test_stopping_while_the_index_is_written_loses_nothing(tmp_path: Path) -> None:
    """Progress is told then, too; the document is kept, and all of it is found."""
    write_files(tmp_path / "files", long=words_of(40_000, seed=1))
    with open_home(tmp_path / "home") as assistant:
        reports = 0

        def stop_at_the_second(_progress: Progress) -> None:
            nonlocal reports
            reports += bool(assistant.documents())  # it is in the library: the index is next
            if reports == 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            assistant.add(tmp_path / "files", progress=stop_at_the_second)
        (kept,) = assistant.documents()
        assert kept.n_passages > 256
    assert unfindable(tmp_path / "home", every=50) == []


def test_names_that_only_look_the_same_are_kept_apart(tmp_path: Path) -> None:
    """A byte that is no text, and a name that spells it out: two documents, unchanged next time."""
    folder = tmp_path / "papers"
    folder.mkdir()
    for number, name in enumerate((rb"a\xff", b"a\xff", rb"a\x5cxff", b"a\\\xff", rb"a\b")):
        path = Path(os.fsdecode(os.fsencode(folder) + b"/" + name + b".txt"))
        path.write_text(f"{BRIDGE} That was said {number} times.")
    with open_home(tmp_path / "home") as assistant:
        assert assistant.add(folder).count("added") == 5
        assert assistant.add(folder).count("unchanged") == 5
        assert len({document.uri for document in assistant.documents()}) == 5


def test_a_folder_with_a_name_that_is_no_text_is_added(tmp_path: Path) -> None:
    """It is shown as far as it can be; a name that no folder could have is not there."""
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/papers\xff"))
    write_files(folder, bridge=BRIDGE)
    with open_home(tmp_path / "home") as assistant:
        assert [r.status for r in assistant.add(folder).documents] == ["added"]
        assert assistant.documents()[0].uri.endswith("papers\\xff/bridge.txt")
        assert [r.status for r in assistant.add(f"{tmp_path}/\ud800").documents] == ["failed"]
        (folder / "bridge.txt").unlink()
        write_files(folder, harbour=HARBOUR)
        report = assistant.add(folder)
        assert [r.status for r in report.documents] == ["added"]
        assert len(assistant.documents()) == 1
