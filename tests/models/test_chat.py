"""The settings choose the model; the local one survives its own death."""

from __future__ import annotations

import hashlib
import math
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.errors import ConfigError, ModelRejected, ModelUnavailable
from rag.models.chat import LocalChat, build_chat_model, build_openai_embedder, model_sha256
from rag.models.local_server import COMMAND, LocalServer
from rag.models.weights import embedded_weights
from rag.schema import Message, Usage
from rag.settings import Settings
from tests.conftest import MODELS
from tests.models.endpoint import answer, endpoint, send
from tests.models.local import stub
from tests.models.test_local_server import kill_the_parent

ROOT = Path(__file__).parents[2]
HELLO = [Message("user", "Hello?")]


def test_none_is_no_model() -> None:
    """Quotes need no model."""
    assert build_chat_model(Settings(llm="none")) is None


@pytest.mark.parametrize(
    ("llm", "name"),
    [
        ("embedded", "Qwen2.5-Coder-1.5B-Instruct (on this machine)"),
        ("models/mistral-7b.GGUF", "mistral-7b (on this machine)"),
        ("hf:someone/models/tiny.gguf", "tiny (on this machine)"),
    ],
)
def test_a_local_model_is_named_and_sends_nothing_away(llm: str, name: str) -> None:
    """It is built without being started or looked for."""
    model = build_chat_model(Settings(llm=llm))
    assert model is not None
    assert (model.name, model.host) == (name, None)
    model.close()


def test_a_model_of_openai_takes_the_key_of_openai() -> None:
    """The name loses its prefix, and the host is told."""
    model = build_chat_model(Settings(llm="openai/gpt-x", OPENAI_API_KEY="sk-1"))
    assert model is not None
    assert (model.name, model.host) == ("gpt-x", "api.openai.com")


def test_a_server_gets_its_own_key_and_not_that_of_openai() -> None:
    """OPENAI_API_KEY is for OpenAI; another server gets FOOTNOTE_LLM_KEY or none."""
    with endpoint(answer("Yes.")) as server:
        for key in ("mine", None):
            settings = Settings(
                llm="any/model", llm_url=server.url, llm_key=key, OPENAI_API_KEY="sk-1"
            )
            model = build_chat_model(settings)
            assert model is not None
            list(model.stream(HELLO, max_tokens=9))
            model.close()
    sent = [headers["authorization"] for headers in server.headers]
    assert sent[0] == "Bearer mine"
    assert "sk-1" not in sent[1]
    assert server.requests[0]["model"] == "any/model"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"llm": "openai/gpt-x"}, "OPENAI_API_KEY"),
        ({"llm": "openai/", "llm_key": "k"}, "names no model"),
        ({"llm": "gpt-x"}, "FOOTNOTE_LLM_URL"),
        ({"llm": "hf:tiny.gguf"}, "hf:OWNER/REPO/FILE"),
        ({"llm_url": "http://127.0.0.1:9/v1"}, "name of a model"),
        ({"llm": "none", "llm_url": "http://127.0.0.1:9/v1"}, "name of a model"),
        ({"llm": "gpt-x", "llm_url": "http://example.com/v1"}, "unencrypted"),
    ],
)
def test_a_model_that_cannot_be_is_a_wrong_setting(settings: dict[str, str], words: str) -> None:
    """Each message says what to set instead."""
    with pytest.raises(ConfigError, match=words):
        build_chat_model(Settings(**settings))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"embedding": "openai/e"}, "FOOTNOTE_EMBEDDING_KEY"),
        ({"embedding": "e"}, "FOOTNOTE_EMBEDDING_URL"),
        ({"embedding_url": "http://127.0.0.1:9/v1"}, "name of a model"),
    ],
)
def test_an_embedder_that_cannot_be_is_a_wrong_setting(
    settings: dict[str, str], words: str
) -> None:
    """The message names the settings of the embedder."""
    with pytest.raises(ConfigError, match=words):
        build_openai_embedder(Settings(**settings))


def test_an_embedder_on_a_server_is_built_from_the_settings() -> None:
    """Model, address and key reach the server."""
    with endpoint(send(200, '{"data": [{"index": 0, "embedding": [0, 2]}]}')) as server:
        embedder = build_openai_embedder(
            Settings(embedding="e", embedding_url=server.url, embedding_key="mine")
        )
        assert embedder.embed(["a"]).tolist() == [[0, 1]]
        embedder.close()
    assert server.requests[0]["model"] == "e"
    assert server.headers[0]["authorization"] == "Bearer mine"


def test_choosing_a_model_imports_no_heavy_package() -> None:
    """A start without a model does not wait for one."""
    script = (
        "import sys\n"
        "from rag.models.chat import build_chat_model\n"
        "from rag.settings import Settings\n"
        "build_chat_model(Settings())\n"
        "heavy = {'openai', 'httpx', 'xllamacpp', 'numpy', 'huggingface_hub'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


def said(chat: LocalChat, text: str = "Hello?") -> str:
    """Return a whole answer."""
    pieces = chat.stream([Message("user", text)], max_tokens=24)
    return "".join(piece for piece in pieces if isinstance(piece, str))


def test_a_local_model_tells_how_likely_a_word_is(tmp_path: Path) -> None:
    """Whatever its case and however it is cut into tokens; None where that is not told."""
    with stub(tmp_path) as server:
        chat = LocalChat(server, "stub")
        assert chat.odds(HELLO, word="None") == pytest.approx(math.log(0.5 / 0.5))
        assert chat.odds(HELLO, word="yes") == pytest.approx(math.log(0.3 / 0.7))
        assert (chat.odds(HELLO, word="never") or 0) < -10
        assert chat.odds([Message("user", "silent")], word="yes") is None
        with pytest.raises(ModelUnavailable, match="Ask again"):
            chat.odds([Message("user", "die")], word="yes")
        assert chat.odds(HELLO, word="yes") == pytest.approx(math.log(0.3 / 0.7))


def test_a_server_that_died_between_two_questions_is_not_noticed(tmp_path: Path) -> None:
    """The next question starts it anew and is answered."""
    with stub(tmp_path) as server:
        chat = LocalChat(server, "stub")
        assert said(chat) == "All well."
        process = server.process_id
        assert process is not None
        os.kill(process, signal.SIGKILL)
        assert said(chat) == "All well."
        assert server.process_id != process
        chat.close()


def test_a_server_that_dies_in_an_answer_fails_that_answer_only(tmp_path: Path) -> None:
    """The answer is unavailable, never begun anew; the next question works."""
    with stub(tmp_path) as server:
        chat = LocalChat(server, "stub")
        pieces = chat.stream([Message("user", "die")], max_tokens=9)
        assert next(pieces) == "All "
        with pytest.raises(ModelUnavailable, match="Ask again"):
            next(pieces)
        assert said(chat) == "All well."
        chat.close()


def test_a_closed_model_is_not_started_again(tmp_path: Path) -> None:
    """Somebody may still have it who does not know; nobody would end it a second time."""
    with stub(tmp_path) as server:
        chat = LocalChat(server, "stub")
        assert said(chat) == "All well."
        chat.close()
        with pytest.raises(ModelUnavailable, match="was changed"):
            chat.warm(HELLO)
        with pytest.raises(ModelUnavailable, match="was changed"):
            said(chat)
        assert not chat.ready


def test_weights_that_are_not_there_are_told_when_asked() -> None:
    """A wrong path is an error of the first question, with the fix."""
    chat = build_chat_model(Settings(llm="none.gguf"))
    assert chat is not None
    with pytest.raises(ModelRejected, match="FOOTNOTE_LLM"):
        list(chat.stream(HELLO, max_tokens=9))
    chat.close()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalChat]:
    """Give the real model, with states in a folder of its own."""
    states = tmp_path_factory.mktemp("states")
    server = LocalServer(lambda p: embedded_weights(MODELS, p), states=states, threads=2)
    chat = LocalChat(server, "real")
    yield chat
    chat.close()


PREFIX = [Message("system", "You name capitals, in one word. " * 8)]
FRANCE = Message("user", "What is the capital of France?")


@pytest.mark.model
def test_the_real_model_answers_in_pieces(model: LocalChat) -> None:
    """The embedded model streams text and then its usage."""
    model.warm(PREFIX)
    *pieces, usage = model.stream([*PREFIX, FRANCE], max_tokens=12)
    assert "Paris" in "".join(str(piece) for piece in pieces)
    assert isinstance(usage, Usage)
    assert usage.prompt_tokens > 60
    assert usage.completion_tokens > 0


@pytest.mark.model
def test_the_real_server_asks_for_its_key_and_is_not_listening_elsewhere(
    model: LocalChat,
) -> None:
    """Another program on this machine cannot use the model."""
    address = model._server.start()
    assert address.url.startswith("http://127.0.0.1:")
    for key in ("", "Bearer wrong"):
        request = urllib.request.Request(
            address.url + "/v1/chat/completions", b"{}", {"Authorization": key}
        )
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=10)
        assert caught.value.code == 401
        caught.value.close()


@pytest.mark.model
def test_the_real_model_refuses_a_prompt_that_is_too_long(model: LocalChat) -> None:
    """The message says how to make it shorter."""
    with pytest.raises(ModelRejected, match="more context"):
        list(model.stream([Message("user", "word " * 6000)], max_tokens=4))


@pytest.mark.model
def test_the_real_model_comes_back_from_a_kill_with_its_prefix(model: LocalChat) -> None:
    """After kill -9 the next question is answered, and the prefix was not read again."""
    model.warm(PREFIX)
    process = model._server.process_id
    assert process is not None
    os.kill(process, signal.SIGKILL)
    assert model._server.died(within=10)
    assert "Paris" in "".join(
        str(piece) for piece in model.stream([*PREFIX, FRANCE], max_tokens=12)
    )
    body = {
        "messages": [{"role": m.role, "content": m.content} for m in [*PREFIX, FRANCE]],
        "max_tokens": 1,
        "id_slot": 0,
    }
    model._server.close()
    model._prefixes.recall([*PREFIX, FRANCE])
    _, reply = model._server.post("/v1/chat/completions", body, seconds=60)
    assert reply["timings"]["cache_n"] > 60


@pytest.mark.model
def test_the_real_server_ends_with_its_killed_parent(tmp_path: Path) -> None:
    """A killed page leaves no gigabyte behind."""
    kill_the_parent(embedded_weights(MODELS), tmp_path, "shared", COMMAND)


def test_checksum_of_the_weights(tmp_path: Path) -> None:
    """It is that of the file that answers; servers keep their weights to themselves."""
    weights = tmp_path / "own.gguf"
    weights.write_bytes(b"GGUF and more")
    expected = hashlib.sha256(b"GGUF and more").hexdigest()
    assert model_sha256(Settings(llm=str(weights), home=tmp_path)) == expected
    assert len(model_sha256(Settings(llm="embedded", home=tmp_path)) or "") == 64
    assert model_sha256(Settings(llm="none", home=tmp_path)) is None
    assert model_sha256(Settings(llm="openai/gpt-4o", home=tmp_path)) is None
    with pytest.raises(ModelRejected):
        model_sha256(Settings(llm=str(tmp_path / "gone.gguf"), home=tmp_path))
