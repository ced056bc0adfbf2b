"""A fixed beginning is read once, kept on disk, and put back when it is needed."""

from __future__ import annotations

import hashlib
import os
import signal
from pathlib import Path

import pytest

from rag.errors import ModelUnavailable
from rag.models.prefix_cache import KEPT_STATES, PrefixCache
from rag.schema import Message
from tests.models.local import asked, stub

PREFIX = [Message("system", "Answer from the evidence. " * 20), Message("user", "Q")]
OTHER = [Message("system", "Rewrite the question. " * 20), Message("user", "Q")]


def actions(folder: Path) -> list[str]:
    """Return what was asked, without the bodies."""
    return [path.rsplit("/", 1)[-1] for path, _ in asked(folder)]


def test_a_prefix_is_read_and_kept_at_the_first_start_and_restored_at_the_next(
    tmp_path: Path,
) -> None:
    """The second start restores, checks with one token, and saves nothing."""
    with stub(tmp_path) as server:
        PrefixCache(server).warm(PREFIX)
    assert actions(tmp_path) == ["completions", "save"]
    with stub(tmp_path) as server:
        PrefixCache(server).warm(PREFIX)
    assert actions(tmp_path)[2:] == ["restore", "completions"]
    assert asked(tmp_path)[-1][1]["max_tokens"] == 1


def test_another_prefix_or_other_weights_have_their_own_state(tmp_path: Path) -> None:
    """A state is never put under words or weights it was not made of."""
    with stub(tmp_path) as server:
        cache = PrefixCache(server)
        cache.warm(PREFIX)
        cache.warm(OTHER)
    (tmp_path / "weights.gguf").write_text("ok")
    os.utime(tmp_path / "weights.gguf", (1, 1))
    with stub(tmp_path) as server:
        PrefixCache(server).warm(PREFIX)
    assert actions(tmp_path) == ["completions", "save"] * 3


@pytest.mark.parametrize("damage", [b"", b"[half", None])
def test_a_damaged_state_is_never_given_to_the_server(tmp_path: Path, damage: bytes | None) -> None:
    """The real server dies of it: so it is read anew and replaced."""
    with stub(tmp_path) as server:
        PrefixCache(server).warm(PREFIX)
    state = next((tmp_path / "states").glob("*.state"))
    if damage is None:
        state.unlink()
    else:
        state.write_bytes(damage)
    for _ in range(2):
        with stub(tmp_path) as server:
            PrefixCache(server).warm(PREFIX)
    assert actions(tmp_path) == ["completions", "save"] * 2 + ["restore", "completions"]


def test_a_state_that_kills_the_server_is_forgotten(tmp_path: Path) -> None:
    """The server is started anew without it: no state stands in the way."""
    with stub(tmp_path) as server:
        PrefixCache(server).warm(PREFIX)
    state = next((tmp_path / "states").glob("*.state"))
    state.write_bytes(b"[half")
    state.with_suffix(".sha256").write_text(hashlib.sha256(b"[half").hexdigest())
    with stub(tmp_path) as server:
        PrefixCache(server).warm(PREFIX)
    assert actions(tmp_path)[-3:] == ["restore", "completions", "save"]


def test_a_server_that_dies_while_it_gets_ready_is_started_at_the_next_try(
    tmp_path: Path,
) -> None:
    """The failure is told, and the next call does not meet the dead server."""
    with stub(tmp_path) as server:
        cache = PrefixCache(server)
        with pytest.raises(ModelUnavailable):
            cache.warm([Message("user", "die")])
        cache.warm(PREFIX)


def test_a_server_that_cannot_keep_states_still_gets_ready(tmp_path: Path) -> None:
    """Only speed is lost."""
    with stub(tmp_path, "forgetful") as server:
        cache = PrefixCache(server)
        cache.warm(PREFIX)
        cache.warm(PREFIX)
        cache.recall([*OTHER])
        cache.recall([*PREFIX, Message("user", "Where?")])
    assert not list((tmp_path / "states").iterdir())


def test_a_prefix_that_was_pushed_out_is_put_back(tmp_path: Path) -> None:
    """A prompt of another kind in between costs a restore, not a reading."""
    question = Message("user", "Where?")
    with stub(tmp_path) as server:
        cache = PrefixCache(server)
        cache.warm(OTHER)
        cache.warm(PREFIX)
        before = len(asked(tmp_path))
        cache.recall([*PREFIX, question])
        assert len(asked(tmp_path)) == before
        cache.recall([*OTHER, question])
        cache.recall([*OTHER, question])
        cache.recall([question])
        cache.recall([*PREFIX, question])
    assert actions(tmp_path)[before:] == ["restore", "restore"]


def test_a_new_server_process_gets_the_state_again(tmp_path: Path) -> None:
    """After a crash the first question need not read the prefix."""
    with stub(tmp_path) as server:
        cache = PrefixCache(server)
        cache.warm(PREFIX)
        process = server.process_id
        assert process is not None
        os.kill(process, signal.SIGKILL)
        assert server.died(within=10)
        cache.recall(PREFIX)
    assert actions(tmp_path) == ["completions", "save", "restore"]


def test_old_states_are_removed(tmp_path: Path) -> None:
    """The folder does not grow with every change of a prompt."""
    with stub(tmp_path) as server:
        cache = PrefixCache(server)
        for number in range(KEPT_STATES + 3):
            cache.warm([Message("system", f"prompt {number}")])
    names = [path.suffix for path in (tmp_path / "states").iterdir()]
    assert sorted(names) == [".sha256"] * KEPT_STATES + [".state"] * KEPT_STATES


def test_what_is_read_ends_with_a_message_of_the_user(tmp_path: Path) -> None:
    """Templates want it so, and an answer at the end would be gone on with."""
    with stub(tmp_path) as server:
        PrefixCache(server).warm([Message("user", "Q"), Message("assistant", "A")])
    assert asked(tmp_path)[0][1]["messages"][-1]["role"] == "user"
