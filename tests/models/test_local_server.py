"""The child process starts once, says why it does not, and never outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rag.errors import ModelRejected, ModelUnavailable
from rag.models.local_server import COMMAND, LocalServer
from rag.schema import Progress
from tests.models.local import STUB, stub, wait_until_ended

ROOT = Path(__file__).parents[2]


def test_a_server_is_started_once_and_ended_by_close(tmp_path: Path) -> None:
    """A second start gives the same address; after close the process is gone."""
    steps: list[Progress] = []
    with stub(tmp_path) as server:
        address = server.start(steps.append)
        assert server.start() is address
        assert not server.died(within=0)
        process = server.process_id
        assert process is not None
        server.close()
        wait_until_ended(process)
        assert server.died()
        assert server.start() != address
    assert steps[-1].done == steps[-1].total


def test_many_threads_start_one_process(tmp_path: Path) -> None:
    """Questions that come at once share the server."""
    with stub(tmp_path) as server:
        addresses = []
        threads = [
            threading.Thread(target=lambda: addresses.append(server.start())) for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(addresses) == 6
        assert len(set(addresses)) == 1


def test_a_server_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    """The page starts the model in a thread that ends; the model goes on."""
    with stub(tmp_path) as server:
        thread = threading.Thread(target=server.start)
        thread.start()
        thread.join()
        assert not server.died(within=0.3)
        assert server.post("/v1/chat/completions", {"messages": []}, seconds=10)[0] == 200


def test_a_server_that_was_killed_is_started_anew(tmp_path: Path) -> None:
    """The next start makes another process with another key."""
    with stub(tmp_path) as server:
        address, process = server.start(), server.process_id
        assert process is not None
        os.kill(process, signal.SIGKILL)
        assert server.died(within=10)
        assert server.start().key != address.key


def test_the_key_is_secret_and_stays_out_of_sight(tmp_path: Path) -> None:
    """Neither the command line, nor the environment, nor a repr has the key."""
    with stub(tmp_path) as server:
        address = server.start()
        assert len(address.key) >= 40
        process = Path(f"/proc/{server.process_id}")
        for name in ("cmdline", "environ"):
            assert address.key.encode() not in (process / name).read_bytes()
        assert address.key not in repr(address) + repr(server) + repr(vars(server))


@pytest.mark.parametrize(
    ("behaviour", "error", "words"),
    [
        ("refuse", ModelRejected, "tensor is corrupted"),
        ("bare", ModelRejected, "apt-get install libgomp1"),
        ("garbage", ModelRejected, "cannot be run"),
        ("killed", ModelUnavailable, "memory ran out"),
    ],
)
def test_a_server_that_does_not_start_says_why(
    tmp_path: Path, behaviour: str, error: type[Exception], words: str
) -> None:
    """The message has the telling line of the log and what to do meanwhile."""
    with stub(tmp_path, behaviour) as server, pytest.raises(error, match=words) as caught:
        server.start()
    assert "FOOTNOTE_LLM=none" in str(caught.value)


def test_a_start_that_takes_too_long_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hanging start ends in an error, and its process with it."""
    monkeypatch.setattr("rag.models.local_server.END_SECONDS", 0.2)
    with stub(tmp_path, "hang", seconds=0.3) as server:
        with pytest.raises(ModelUnavailable, match="in time"):
            server.start()
        assert server.died()


def test_a_server_that_does_not_listen_to_the_end_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Close comes to an end even if the child ignores it."""
    monkeypatch.setattr("rag.models.local_server.END_SECONDS", 0.2)
    with stub(tmp_path, "deaf") as server:
        server.start()
        process = server.process_id
        assert process is not None
        server.close()
        wait_until_ended(process)


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A child that cannot be made at all is an error of ours too."""
    server = LocalServer(
        lambda _: tmp_path, states=tmp_path, threads=1, command=[str(tmp_path / "nothing")]
    )
    with pytest.raises(ModelUnavailable, match="could not be started"):
        server.start()
    server.close()


def test_a_failed_start_can_be_tried_again(tmp_path: Path) -> None:
    """Once the cause is gone, the same server starts."""
    with stub(tmp_path, "refuse") as server:
        with pytest.raises(ModelRejected):
            server.start()
        (tmp_path / "weights.gguf").write_text("ok")
        assert server.start().url.startswith("http://127.0.0.1:")


PARENT = """
import os, sys, time
from pathlib import Path
from rag.models.local_server import LocalServer
server = LocalServer(lambda _: Path(sys.argv[1]), states=Path(sys.argv[2]), threads=1,
                     command=sys.argv[4:])
if sys.argv[3] != "starting":
    server.start()
else:
    import threading
    threading.Thread(target=server.start, daemon=True).start()
    while server.process_id is None:
        time.sleep(0.001)  # killed as early as can be: as soon as there is a process
if sys.argv[3] == "shared" and os.fork() == 0:
    time.sleep(20)  # holds its copy of the pipe open
    os._exit(0)
print(server.process_id, flush=True)
time.sleep(60)  # until it is killed; ends by itself if the test failed before
"""


def kill_the_parent(weights: Path, states: Path, moment: str, command: tuple[str, ...]) -> None:
    """Start a program that starts a server, kill it, and wait for the end of the server."""
    arguments = [sys.executable, "-c", PARENT, str(weights), str(states), moment, *command]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, cwd=ROOT) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
        wait_until_ended(child)


@pytest.mark.parametrize("moment", ["running", "starting", "shared"])
def test_a_server_ends_with_its_killed_parent(tmp_path: Path, moment: str) -> None:
    """Even kill -9 leaves no server behind, nor does a pipe that somebody else holds."""
    weights = tmp_path / "weights.gguf"
    weights.write_text("hang" if moment == "starting" else "ok")
    kill_the_parent(weights, tmp_path, moment, STUB)


@pytest.mark.parametrize("content", [b"", b"GGUF", b"GGUF" + bytes(range(256)) * 40])
def test_broken_weights_are_rejected_by_the_real_server(tmp_path: Path, content: bytes) -> None:
    """The native server's own words on a broken file reach the message."""
    weights = tmp_path / "broken.gguf"
    weights.write_bytes(content)
    server = LocalServer(lambda _: weights, states=tmp_path / "states", threads=1, command=COMMAND)
    with pytest.raises(ModelRejected, match=r"failed to load model|error loading") as caught:
        server.start()
    assert str(weights) in str(caught.value)
    server.close()
