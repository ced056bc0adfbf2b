"""Files are found once each, and loaded without harm whatever is in them."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.errors import FailedFile, RejectedFile
from rag.loading import SUFFIXES, Loader, Source, find_sources, hash_file
from rag.schema import DocumentResult, Heading
from tests.documents import make_docx, make_pdf

LIMIT = 1_000_000


@pytest.fixture
def loader() -> Iterator[Loader]:
    with Loader(seconds=30, max_bytes=LIMIT) as loader:
        yield loader


def write(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def names(found: Iterator[Source | DocumentResult], folder: Path) -> list[str]:
    """Show sources by name, results by status and name."""
    return [
        str(item.path.relative_to(folder))
        if isinstance(item, Source)
        else f"{item.status} {Path(item.uri).relative_to(folder)}"
        for item in found
    ]


def children() -> list[int]:
    return [child.pid for child in psutil.Process().children() if "rag.parsing" in child.cmdline()]


# Finding


def test_a_folder_is_walked_in_order(tmp_path: Path) -> None:
    """Files come by name, hidden ones not at all, other types with a reason."""
    write(
        tmp_path,
        {"b.txt": "b", "a/z.MD": "z", "a/.hidden.txt": "h", ".git/x.txt": "x", "c.xlsx": "c"},
    )
    found = list(find_sources([tmp_path]))
    assert names(iter(found), tmp_path) == ["a/z.MD", "b.txt", "rejected c.xlsx"]
    source = found[0]
    assert isinstance(source, Source)
    assert source == Source(tmp_path / "a/z.MD", (tmp_path / "a/z.MD").as_posix(), tmp_path)
    assert isinstance(found[2], DocumentResult)
    assert ".xlsx" in str(found[2].reason)


def test_named_files_have_no_folder(tmp_path: Path) -> None:
    """A file named itself is yielded whatever its type, once, and with an absolute path."""
    write(tmp_path, {"a.txt": "a", "b.xyz": "b", ".c.txt": "c"})
    os.chdir(tmp_path)
    found = list(find_sources(["a.txt", tmp_path / "a.txt", "b.xyz", ".c.txt"]))
    assert names(iter(found), tmp_path) == ["a.txt", "b.xyz", ".c.txt"]
    assert all(isinstance(source, Source) and source.folder is None for source in found)


def test_one_path_may_stand_alone(tmp_path: Path) -> None:
    """A single string is one path, not many of one letter."""
    write(tmp_path, {"a.txt": "a"})
    assert names(find_sources(str(tmp_path)), tmp_path) == ["a.txt"]


def test_a_wrong_path_does_not_stop_the_others(tmp_path: Path) -> None:
    """Missing, empty and impossible paths end in a failure with its fix."""
    write(tmp_path, {"a.txt": "a"})
    found = list(find_sources([tmp_path / "none.txt", "", "a\0b", "x" * 5000, tmp_path / "a.txt"]))
    assert [getattr(item, "status", "found") for item in found] == ["failed"] * 4 + ["found"]
    assert isinstance(found[0], DocumentResult)
    assert "no file or folder" in str(found[0].reason)


def test_symlink_loops_end(tmp_path: Path) -> None:
    """A link up or to itself is walked no second time."""
    write(tmp_path, {"in/a.txt": "a", "in/deep/b.txt": "b"})
    (tmp_path / "in/deep/up").symlink_to(tmp_path / "in")
    (tmp_path / "in/deep/self").symlink_to("self")
    (tmp_path / "in/c.txt").symlink_to("a.txt")
    assert names(find_sources([tmp_path / "in"]), tmp_path) == [
        "in/a.txt",
        "in/deep/b.txt",
        "failed in/deep/self",
    ]


def test_links_out_of_a_folder_are_not_followed(tmp_path: Path) -> None:
    """A folder cannot reach out through its links; naming the target can."""
    write(tmp_path, {"in/a.txt": "a", "out/b.txt": "b"})
    (tmp_path / "in/file.txt").symlink_to(tmp_path / "out/b.txt")
    (tmp_path / "in/folder").symlink_to("/")
    found = names(find_sources([tmp_path / "in", tmp_path / "in/file.txt"]), tmp_path)
    assert found == ["in/a.txt", "rejected in/file.txt", "rejected in/folder", "in/file.txt"]


def test_ignore_files_are_honoured(tmp_path: Path) -> None:
    """Rules hold below their folder, deeper ones win, and named files are always taken."""
    write(
        tmp_path,
        {
            ".footnoteignore": "README.md\n*.tmp.txt\n/only-here.txt\nbuild/\n",
            "README.md": "r",
            "a.tmp.txt": "a",
            "only-here.txt": "o",
            "build/b.txt": "b",
            "sub/README.md": "r",
            "sub/only-here.txt": "o",
            "sub/.footnoteignore": "!README.md\n",
            "keep.txt": "k",
        },
    )
    assert names(find_sources([tmp_path]), tmp_path) == [
        "keep.txt",
        "sub/README.md",
        "sub/only-here.txt",
    ]
    assert names(find_sources([tmp_path / "README.md"]), tmp_path) == ["README.md"]


def test_unreadable_rules_leave_the_folder_out(tmp_path: Path) -> None:
    """What may be private is not added when the list of it cannot be read."""
    write(tmp_path, {"sub/.footnoteignore": b"\xff\xfe\xff", "sub/secret.txt": "s", "z.txt": "z"})
    assert names(find_sources([tmp_path]), tmp_path) == ["failed sub", "z.txt"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_folders_fail(tmp_path: Path) -> None:
    """A folder without permission is a failure, the rest is found."""
    write(tmp_path, {"sub/a.txt": "a", "z.txt": "z"})
    (tmp_path / "sub").chmod(0)
    try:
        assert names(find_sources([tmp_path]), tmp_path) == ["failed sub", "z.txt"]
    finally:
        (tmp_path / "sub").chmod(0o700)


def test_pipes_and_devices_are_rejected_unopened(tmp_path: Path) -> None:
    """What is no file is never opened, for that could wait for ever."""
    os.mkfifo(tmp_path / "pipe.txt")
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(tmp_path)
        server.bind("sock.txt")
        found = list(find_sources([tmp_path, "/dev/null"]))
    assert [item.status for item in found if isinstance(item, DocumentResult)] == ["rejected"] * 3


def test_names_that_are_no_text(tmp_path: Path) -> None:
    """A file name in a foreign encoding still has an address that can be stored."""
    path = os.fsencode(tmp_path) + b"/caf\xe9.txt"
    try:
        Path(os.fsdecode(path)).write_text("x")
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    (source,) = find_sources([tmp_path])
    assert source.uri.encode().endswith(b"caf\\xe9.txt")
    assert isinstance(source, Source)
    assert source.path.exists()


# Hashing


def test_the_hash_is_that_of_the_bytes(tmp_path: Path, loader: Loader) -> None:
    """Hashing and loading name the same bytes."""
    path = write(tmp_path, {"a.txt": "text\r\n"}) / "a.txt"
    expected = hashlib.sha256(b"text\r\n").hexdigest()
    assert hash_file(path, limit_bytes=100) == loader.load(path)[0] == expected


@pytest.mark.parametrize("size", [0, LIMIT + 1, 60_000_000])
def test_empty_and_large_files_are_rejected(tmp_path: Path, loader: Loader, size: int) -> None:
    """The size is checked before anything is read."""
    path = tmp_path / "a.txt"
    with path.open("wb") as file:
        file.truncate(size)
    says = "MEGABYTES" if size else "is empty"
    with pytest.raises(RejectedFile, match=says):
        hash_file(path, limit_bytes=LIMIT)
    with pytest.raises(RejectedFile, match=says):
        loader.load(path)


def test_what_cannot_be_read_fails(tmp_path: Path, loader: Loader) -> None:
    """A vanished file may come back; a folder or pipe will never be a file."""
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "folder.txt").mkdir()
    for action in (loader.load, lambda path: hash_file(path, limit_bytes=LIMIT)):
        with pytest.raises(FailedFile, match="no longer there"):
            action(tmp_path / "gone.txt")
        for name in ("pipe.txt", "folder.txt"):
            with pytest.raises(RejectedFile, match="no regular file"):
                action(tmp_path / name)


# Loading


def test_each_format_loads(tmp_path: Path, loader: Loader) -> None:
    """Every format comes back from the child with title, type and places."""
    write(
        tmp_path,
        {
            "a.txt": "plain",
            "b.MD": "intro\n\n# Head\n",
            "c.htm": "<title>T</title><h2>Head</h2>text",
            "d.pdf": make_pdf(
                [["The first page of two pages."], ["The second page of two."]], title="Two pages"
            ),
            "e.docx": make_docx(lambda document: document.add_heading("Head", 1)),
        },
    )
    loaded = {path.name: loader.load(path)[1] for path in sorted(tmp_path.iterdir())}
    assert [(x.title, x.mime) for x in loaded.values()] == [
        ("a", "text/plain"),
        ("Head", "text/markdown"),
        ("T", "text/html"),
        ("Two pages", "application/pdf"),
        ("Head", SUFFIXES[".docx"]),
    ]
    assert loaded["b.MD"].headings == (Heading(7, "Head"),)
    pdf = loaded["d.pdf"]
    assert pdf.text[pdf.pages[1] :] == "The second page of two."


def test_seeds_load(seeds: Path, loader: Loader) -> None:
    """The five seed documents keep every word."""
    sources = [
        item
        for item in find_sources([seeds])
        if isinstance(item, Source) and item.path.suffix == ".txt"
    ]
    assert len(sources) == 5
    for source in sources:
        raw = source.path.read_text(encoding="utf-8")
        assert loader.load(source.path)[1].text.split() == unicodedata.normalize("NFC", raw).split()


def test_links_given_by_the_user_are_followed(tmp_path: Path, loader: Loader) -> None:
    """A link to a file is read as that file, under the link's own ending."""
    write(tmp_path, {"blob": "text"})
    (tmp_path / "a.txt").symlink_to("blob")
    assert loader.load(tmp_path / "a.txt")[1].text == "text"


def test_rejections_name_the_file(tmp_path: Path, loader: Loader) -> None:
    """The reason begins with the name, without control characters; the next file loads."""
    write(tmp_path, {"b\x1b[31mad\n.txt": b"\x89PNG\r\n", "good.txt": "good", "x.xyz": "x"})
    with pytest.raises(RejectedFile) as caught:
        loader.load(tmp_path / "b\x1b[31mad\n.txt")
    assert str(caught.value).startswith("b[31mad .txt is no text file")
    with pytest.raises(RejectedFile, match=r"\.docx"):
        loader.load(tmp_path / "x.xyz")
    assert loader.load(tmp_path / "good.txt")[1].text == "good"


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(min_size=1))
def test_any_text_loads_to_a_fixed_point(tmp_path: Path, loader: Loader, text: str) -> None:
    """What was loaded loads to itself, and holds nothing that cannot be seen or stored."""
    path = tmp_path / "a.txt"
    path.write_bytes(text.encode("utf-8", errors="ignore"))
    try:
        loaded = loader.load(path)[1].text
    except RejectedFile:
        return
    assert not [c for c in loaded if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t"]
    path.write_bytes(loaded.encode())
    assert loader.load(path)[1].text == loaded


def test_too_little_time_is_a_failure(tmp_path: Path) -> None:
    """A file that takes too long fails with the setting to raise, and the next one loads."""
    write(tmp_path, {"slow.html": "<p>" + "<b>word</b> " * 70_000, "a.txt": "a"})
    with Loader(seconds=0.05, max_bytes=LIMIT) as loader:
        with pytest.raises(FailedFile, match="FOOTNOTE_PARSE_SECONDS"):
            loader.load(tmp_path / "slow.html")
        assert children() == []
        loader._seconds = 30
        assert loader.load(tmp_path / "a.txt")[1].text == "a"


def test_a_child_killed_at_work_is_replaced(tmp_path: Path) -> None:
    """A parser that dies fails its own file only; one that died idle fails none."""
    write(tmp_path, {"slow.html": "<p>" + "<b>word</b> " * 70_000, "a.txt": "a"})
    with Loader(seconds=60, max_bytes=LIMIT) as loader:
        assert loader.load(tmp_path / "a.txt")[1].text == "a"
        (pid,) = children()
        timer = threading.Timer(0.1, os.kill, (pid, signal.SIGKILL))
        timer.start()
        with pytest.raises(FailedFile, match="signal 9"):
            loader.load(tmp_path / "slow.html")
        timer.join()
        assert loader.load(tmp_path / "a.txt")[1].text == "a"
        (idle,) = children()
        os.kill(idle, signal.SIGKILL)
        psutil.wait_procs([psutil.Process(idle)], timeout=5)
        assert loader.load(tmp_path / "a.txt")[1].text == "a"


def test_the_child_goes_with_its_loader(tmp_path: Path) -> None:
    """No child before the first file, one for all of them, none after close."""
    write(tmp_path, {"a.txt": "a", "b.txt": "b"})
    with Loader(seconds=30, max_bytes=LIMIT) as loader:
        assert children() == []
        loader.load(tmp_path / "a.txt")
        first = children()
        loader.load(tmp_path / "b.txt")
        assert children() == first
        assert len(first) == 1
    assert children() == []


def test_the_child_has_no_secrets_and_little_power(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parser sees none of the environment, and may write no file."""
    monkeypatch.setenv("OPENAI_API_KEY", "canary")
    write(tmp_path, {"a.txt": "a"})
    with Loader(seconds=30, max_bytes=LIMIT) as loader:
        loader.load(tmp_path / "a.txt")
        child = psutil.Process(children()[0])
        assert "canary" not in child.environ().values()
        if hasattr(child, "rlimit"):
            assert child.rlimit(psutil.RLIMIT_FSIZE) == (0, 0)
            assert child.rlimit(psutil.RLIMIT_AS)[1] <= 1_000_000_000


def test_threads_take_turns(tmp_path: Path, loader: Loader) -> None:
    """Loads from several threads each get their own text."""
    write(tmp_path, {f"{i}.txt": f"text {i}" for i in range(40)})
    texts: dict[int, str] = {}

    def load(numbers: range) -> None:
        for i in numbers:
            texts[i] = loader.load(tmp_path / f"{i}.txt")[1].text

    threads = [threading.Thread(target=load, args=(range(i, 40, 4),)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == {i: f"text {i}" for i in range(40)}


def test_damaged_files_never_stop_the_next(tmp_path: Path, loader: Loader) -> None:
    """Files with random damage load, are rejected or fail; nothing else happens."""
    wholes = {
        ".pdf": make_pdf([["A text of more than twenty letters."]] * 2),
        ".docx": make_docx(lambda document: document.add_paragraph("text")),
        ".html": b"<table><tr><td><p>text</p>&amp;" * 20,
    }
    for suffix, whole in wholes.items():
        for i in range(25):
            damaged = bytearray(whole)
            for j in range(8):
                damaged[(i * 7919 + j * 104_729) % len(damaged)] ^= 1 << (i + j) % 8
            path = write(tmp_path, {f"a{suffix}": bytes(damaged)}) / f"a{suffix}"
            with suppress(RejectedFile, FailedFile):
                assert loader.load(path)[1].text
        good = write(tmp_path, {"good.txt": "good"}) / "good.txt"
        assert loader.load(good)[1].text == "good"
