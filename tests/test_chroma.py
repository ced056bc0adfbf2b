"""The index on a Chroma server, alone and shared."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rag.errors import IndexUnavailable
from rag.index import VectorIndex
from rag.library import Library
from tests.homes import (
    open_home,
    three_files,
    write_files,
)
from tests.test_index import opened

FINGERPRINT = "fake-words-64"


def test_settings_of_other_programs_do_not_reach_chroma(home: Path) -> None:
    """Chroma's own settings file, `.env` of the working folder, is not read."""
    Path(".env").write_text("PERSIST_DIRECTORY=/nowhere\nMIGRATIONS=none\nALLOW_RESET=perhaps\n")
    shutil.rmtree(home / "chroma")
    library, index = opened(home)
    assert index.ready
    index.close()
    library.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home of three documents, with its index, closed."""
    with open_home(tmp_path / "home") as assistant:
        assistant.add(three_files(tmp_path / "files"))
    return tmp_path / "home"


@pytest.fixture
def server(tmp_path: Path):
    """Return the address of a Chroma server."""
    program = Path(sys.executable).with_name("chroma")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [program, "run", "--path", tmp_path / "server", "--host", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            time.sleep(0.05)  # it tells nobody when it is ready
    else:
        process.kill()
        pytest.fail("the Chroma server did not start")
    yield f"http://127.0.0.1:{port}"
    process.kill()
    process.wait()


def test_server_holds_the_indexes_of_several_libraries(server: str, tmp_path: Path) -> None:
    """Two homes share one Chroma server and keep apart; what is missing there is sent anew."""
    texts = {"one": "A heron stood on the weir.", "two": "A heron flew over the mill."}
    for name, text in texts.items():
        folder = write_files(tmp_path / f"files-{name}", note=text)
        with open_home(tmp_path / name, chroma_url=server) as assistant:
            assistant.add(folder)
            assert assistant._searching.index is not None
            assert assistant._searching.index.ready
    for name in texts:
        library = Library(tmp_path / name)
        index = VectorIndex(library, tmp_path / name / "chroma", FINGERPRINT, url=server)
        index.open()
        ids, vectors = library.vectors()
        assert [i for i, _ in index.search(vectors[0], limit=9) or []] == ids
        index.rebuild()
        assert [i for i, _ in index.search(vectors[0], limit=9) or []] == ids
        index.close()
        library.close()
        assert not (tmp_path / name / "chroma").exists()


def test_server_that_does_not_answer(tmp_path: Path) -> None:
    """Without its server, adding and searching work, and the opening says what is wrong."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with open_home(tmp_path / "home", chroma_url=url) as assistant:
        assistant.add(three_files(tmp_path / "files"))
        assert "Clara Holt" in assistant.search("Who designed the bridge?")[0].passage.text
    library = Library(tmp_path / "home")
    index = VectorIndex(library, tmp_path / "home" / "chroma", FINGERPRINT, url=url)
    with pytest.raises(IndexUnavailable):
        index.open()
    index.close()
    library.close()
