"""What a user is told of every way in which a model server can fail, and what it is sent."""

from __future__ import annotations

import inspect
import json
import logging
import socket
import threading
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import openai
import pytest

from rag.errors import ConfigError, ModelError, ModelRejected, ModelUnavailable
from rag.models.openai_chat import OpenAICompatibleChat
from rag.models.openai_compatible import FAULTS
from rag.schema import Message, Usage
from tests.models.endpoint import (
    DONE,
    Reply,
    answer,
    begin_stream,
    chunk,
    endpoint,
    fail,
    lines,
    send,
    usage,
)

KEY = "sk-canary-93"
QUESTION = [Message("system", "Be brief."), Message("user", "Where is the secret garden?")]


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again without much ado."""
    monkeypatch.setattr("rag.models.openai_compatible.FIRST_PAUSE_SECONDS", 0.01)


def ask(url: str, seconds: float = 20, **options: object) -> list[str | Usage]:
    """Return all that one answer yields."""
    chat = OpenAICompatibleChat("tiny", url, key=KEY, seconds=seconds, **options)  # type: ignore[arg-type]
    try:
        return list(chat.stream(QUESTION, max_tokens=20, stop=["\n\n"]))
    finally:
        chat.close()


def test_an_answer_comes_in_pieces_and_ends_with_its_usage() -> None:
    """The reply is yielded as it comes, then the tokens it took."""
    with endpoint(answer("In ", "the ", "north.")) as server:
        assert ask(server.url) == ["In ", "the ", "north.", Usage(7, 3)]


def test_the_request_is_reproducible_and_bounded() -> None:
    """Temperature 0, a fixed seed, the token limit, the stop words and the key are sent."""
    with endpoint(answer("Yes.")) as server:
        ask(server.url, extra={"id_slot": 0})
    request, headers = server.requests[0], server.headers[0]
    assert request["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Where is the secret garden?"},
    ]
    assert (request["temperature"], request["max_tokens"]) == (0, 20)
    assert isinstance(request["seed"], int)
    assert (request["stop"], request["id_slot"], request["stream"]) == (["\n\n"], 0, True)
    assert headers["authorization"] == f"Bearer {KEY}"


def test_a_reply_cut_at_the_token_limit_is_an_answer_with_its_usage() -> None:
    """`length` is no failure; the count of tokens says that the text is cut."""
    with endpoint(lines(chunk("In the"), chunk(finish="length"), usage(7, 20), DONE)) as server:
        assert ask(server.url) == ["In the", Usage(7, 20)]


def test_characters_split_between_packets_arrive_whole() -> None:
    """A character whose bytes come apart is put together."""
    data = b'data: {"choices":[{"index":0,"delta":{"content":"M\xc3\xbcnchen"}}]}\n\n'

    def reply(handler: BaseHTTPRequestHandler) -> None:
        begin_stream(handler)
        for byte in data + (chunk(finish="stop") + DONE).encode():
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()

    with endpoint(reply) as server:
        assert ask(server.url) == ["München"]


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("stream_options", "Unknown parameter: stream_options"),
        ("seed", "Unsupported parameter: 'seed'"),
        ("temperature", "'temperature' does not support 0 with this model"),
    ],
)
def test_an_option_that_the_server_does_not_know_is_left_out(option: str, message: str) -> None:
    """A refused option costs one more request, once."""
    with endpoint(fail(400, message), answer("Yes.")) as server:
        chat = OpenAICompatibleChat("tiny", server.url, key=KEY)
        for _ in range(2):
            assert list(chat.stream(QUESTION, max_tokens=20)) == ["Yes.", Usage(7, 3)]
        chat.close()
    assert [option in request for request in server.requests] == [True, False, False]


def test_the_token_limit_is_renamed_for_models_that_want_it_so() -> None:
    """The limit is sent as max_completion_tokens when max_tokens is refused."""
    with endpoint(
        fail(400, "Use 'max_completion_tokens', not 'max_tokens'"), answer("Y")
    ) as server:
        ask(server.url)
    assert server.requests[1]["max_completion_tokens"] == 20
    assert "max_tokens" not in server.requests[1]


def cut(handler: BaseHTTPRequestHandler) -> None:
    """Send half an answer and reset the connection."""
    begin_stream(handler)
    handler.wfile.write(chunk("In the").encode())
    handler.wfile.flush()
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    handler.connection.close()


def end_early(handler: BaseHTTPRequestHandler) -> None:
    """Send half an answer and end as if it were whole."""
    begin_stream(handler)
    handler.wfile.write(chunk("In the").encode())
    handler.close_connection = True


SSE_ERROR = 'data: {"error": {"message": "CUDA out of memory"}}\n\n'

REJECTED: dict[str, tuple[Reply, str]] = {
    "401": (fail(401, "bad key"), "key"),
    "403": (fail(403), "key"),
    "404": (fail(404, "model not found"), "model not found"),
    "context too long": (fail(400, "exceeds the available context size"), "more context"),
    "context, by code": (fail(400, "too many", "context_length_exceeded"), "more context"),
    "too large": (fail(413), "more context"),
    "422": (fail(422), "refused"),
    "redirect": (send(307, "", Location="http://127.0.0.1:9/v1"), "redirects"),
    "web page": (send(200, "<html>Welcome</html>", "text/html"), "/v1"),
    "bad JSON": (lines("data: {nonsense\n\n"), "JSON"),
    "not UTF-8": (send(200, b"data: \xff\xff\n\n", "text/event-stream"), "UTF-8"),
    "another schema": (lines('data: {"choices": [5]}\n\n'), "/v1"),
    "a number": (lines("data: 5\n\n"), "/v1"),
    "withheld": (lines(chunk("I"), chunk(finish="content_filter"), DONE), "withheld"),
    "endless token": (lines(chunk("x" * 1_000_000), DONE), "more than"),
}

UNAVAILABLE: dict[str, tuple[Reply, str]] = {
    "429": (fail(429), "minute"),
    "500": (fail(500), "overloaded"),
    "503 page": (send(503, "<html>down</html>", "text/html"), "503"),
    "reset": (cut, "cut off"),
    "ended early": (end_early, "cut off"),
    "no finish": (lines(chunk("In the"), DONE), "cut off"),
    "nothing": (lines(), "cut off"),
    "error in stream": (lines(chunk("In"), SSE_ERROR), "CUDA out of memory"),
}


@pytest.mark.parametrize("case", REJECTED)
def test_a_lasting_fault_is_rejected_at_once(case: str) -> None:
    """What another try does not mend raises ModelRejected after one request."""
    reply, words = REJECTED[case]
    with endpoint(reply) as server, pytest.raises(ModelRejected, match=words) as caught:
        ask(server.url)
    assert "127.0.0.1" in str(caught.value)
    assert len(server.requests) == 1


@pytest.mark.parametrize("case", UNAVAILABLE)
def test_a_passing_fault_is_unavailable(case: str) -> None:
    """What may pass raises ModelUnavailable, with the host and what to do."""
    reply, words = UNAVAILABLE[case]
    with endpoint(reply) as server, pytest.raises(ModelUnavailable, match=words) as caught:
        ask(server.url)
    assert "127.0.0.1" in str(caught.value)
    assert "try again" in str(caught.value).lower()
    assert len(server.requests) <= 3


def test_a_server_that_recovers_is_asked_again() -> None:
    """Two failures and an answer make an answer."""
    with endpoint(fail(503), fail(500), answer("Yes.")) as server:
        assert ask(server.url)[0] == "Yes."


def test_nothing_is_asked_again_after_the_first_piece() -> None:
    """A cut answer is not begun anew: its beginning was already shown."""
    with endpoint(cut, answer("Yes.")) as server:
        chat = OpenAICompatibleChat("tiny", server.url)
        pieces = chat.stream(QUESTION, max_tokens=20)
        assert next(pieces) == "In the"
        with pytest.raises(ModelUnavailable):
            next(pieces)
        chat.close()
    assert len(server.requests) == 1


def test_a_long_pause_that_the_server_asks_for_is_not_waited_out() -> None:
    """Retry-After past the deadline ends the try at once."""
    with endpoint(fail(429, Retry_After="9999")) as server, pytest.raises(ModelUnavailable):
        ask(server.url)
    assert len(server.requests) == 1


def _wait(handler: BaseHTTPRequestHandler, stop: threading.Event) -> None:
    stop.wait(30)


def _stall(handler: BaseHTTPRequestHandler, stop: threading.Event) -> None:
    begin_stream(handler)
    handler.wfile.write(chunk("In").encode())
    handler.wfile.flush()
    stop.wait(30)


def _drip(handler: BaseHTTPRequestHandler, stop: threading.Event) -> None:
    begin_stream(handler)
    while not stop.wait(0.05):
        handler.wfile.write(b": still here\n\n")
        handler.wfile.flush()


def _drip_words(handler: BaseHTTPRequestHandler, stop: threading.Event) -> None:
    begin_stream(handler)
    while not stop.wait(0.05):
        handler.wfile.write(chunk("a ").encode())
        handler.wfile.flush()


def _drip_error(handler: BaseHTTPRequestHandler, stop: threading.Event) -> None:
    handler.send_response(500)
    handler.end_headers()
    while not stop.wait(0.05):
        handler.wfile.write(b"x")
        handler.wfile.flush()


@pytest.mark.parametrize("behaviour", [_wait, _stall, _drip, _drip_words, _drip_error])
def test_an_answer_ends_when_its_time_is_up(
    behaviour: Callable[[BaseHTTPRequestHandler, threading.Event], None],
) -> None:
    """Silence, stalls and endless drips all end in ModelUnavailable."""
    stop = threading.Event()
    with endpoint(lambda handler: behaviour(handler, stop)) as server:
        try:
            with pytest.raises(ModelUnavailable, match="FOOTNOTE_MODEL_SECONDS"):
                ask(server.url, seconds=0.5)
            assert not stop.is_set()
        finally:
            stop.set()


def test_a_server_that_does_not_run_is_named() -> None:
    """A refused connection tells to check that the server runs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        with pytest.raises(ModelUnavailable, match="cannot be reached"):
            ask(url, retries=0)


def test_a_cancelled_answer_leaves_the_model_usable() -> None:
    """Closing the iterator ends that answer only."""
    with endpoint(answer("In ", "the ", "north.")) as server:
        chat = OpenAICompatibleChat("tiny", server.url)
        pieces = chat.stream(QUESTION, max_tokens=20)
        next(pieces)
        pieces.close()
        assert list(chat.stream(QUESTION, max_tokens=20))[-1] == Usage(7, 3)
        chat.close()
        assert list(chat.stream(QUESTION, max_tokens=20))[-1] == Usage(7, 3)
        chat.close()


def _odd_status(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(f"HTTP/1.1 {QUESTION[1].content}\r\n\r\n".encode())
    handler.close_connection = True


HEARD = QUESTION[1].content
REPEATING: dict[str, Reply] = {
    "the key": fail(401, f"Incorrect key {KEY}"),
    "the key, overloaded": fail(500, KEY),
    "cut": cut,
    "the text": fail(400, f"This is too much: {HEARD}"),
    "a part of the text": fail(400, "Stopped at 'the secret garden'."),
    "the text as JSON": fail(422, json.dumps({"messages": [{"content": HEARD}]})),
    "the text, as FastAPI does": send(
        422, json.dumps({"detail": [{"msg": "bad", "input": HEARD}]})
    ),
    "the text, plain": send(500, HEARD, "text/plain"),
    "the text, in the stream": lines(
        chunk("In"), f"data: {json.dumps({'error': {'message': HEARD}})}\n\n"
    ),
    "the text for a number": lines(
        usage(1, 1).replace('"prompt_tokens": 1', f'"prompt_tokens": {json.dumps(HEARD)}')
    ),
    "the text for a status": _odd_status,
}


@pytest.mark.parametrize("reply", REPEATING.values(), ids=REPEATING)
def test_the_key_and_the_text_never_show(reply: Reply, caplog: pytest.LogCaptureFixture) -> None:
    """Neither message, traceback, repr nor log has the key, even if the server repeats it."""
    caplog.set_level(logging.INFO)
    with endpoint(reply) as server:
        chat = OpenAICompatibleChat("tiny", server.url, key=KEY)
        with pytest.raises(ModelError) as caught:
            list(chat.stream(QUESTION, max_tokens=20))
        chat.close()
    shown = "".join(traceback.format_exception(caught.value)) + repr(chat) + caplog.text
    assert KEY not in shown
    assert "secret garden" not in shown


def test_a_text_in_another_script_is_not_repeated_as_json() -> None:
    """Not with its letters written as numbers either."""
    text = "Где находится тайный сад?"
    with endpoint(fail(400, json.dumps({"content": text}))) as server:
        chat = OpenAICompatibleChat("tiny", server.url)
        with pytest.raises(ModelRejected) as caught:
            list(chat.stream([Message("user", text)], max_tokens=20))
        chat.close()
    assert "0442" not in str(caught.value)


def test_what_a_server_says_of_itself_is_told() -> None:
    """With the name of the model, and the key left out."""
    words = "The model org/tiny-instruct-4bit does not exist, says"
    with endpoint(fail(404, f"{words} {KEY}")) as server, pytest.raises(ModelRejected) as caught:
        ask(server.url)
    assert f"{words} [key]" in str(caught.value)


def test_the_cause_of_an_error_is_told_by_its_kind() -> None:
    """What the system says of it too, which is never the server's."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(ModelUnavailable) as caught:
            ask(f"http://127.0.0.1:{free.getsockname()[1]}/v1", retries=0)
    assert "ConnectionRefusedError" in str(caught.value.__cause__)
    with endpoint(fail(422)) as server, pytest.raises(ModelRejected) as refused:
        ask(server.url)
    assert "UnprocessableEntityError (status 422)" in str(refused.value.__cause__)


def test_the_key_of_the_environment_goes_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables meant for OpenAI are not sent to another server."""
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "canary")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Secret: canary")
    with endpoint(answer("Yes.")) as server:
        chat = OpenAICompatibleChat("tiny", server.url)
        list(chat.stream(QUESTION, max_tokens=20))
        chat.close()
    assert "canary" not in json.dumps(server.headers)


def test_a_proxy_is_not_used_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is meant for loopback stays there, whatever HTTP_PROXY says."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with endpoint(answer("Yes.")) as server:
        assert ask(server.url)[0] == "Yes."


@pytest.mark.parametrize("key", ["sk-“quoted”", "sk with space", "sk-line\nend"])
def test_a_key_that_cannot_be_one_is_refused(key: str) -> None:
    """A key with spaces, quotes or line ends is refused without being shown."""
    with pytest.raises(ConfigError, match="Copy it again") as caught:
        OpenAICompatibleChat("tiny", "https://example.org/v1", key=key)
    assert key not in str(caught.value)


def test_the_host_is_that_of_the_address() -> None:
    """The page can say where the text goes."""
    assert OpenAICompatibleChat("tiny", "https://api.example.org/v1").host == "api.example.org"


def test_every_error_of_the_client_is_mapped() -> None:
    """A new version of the client with a new error must be looked at."""
    known = {
        error
        for name, error in inspect.getmembers(openai, inspect.isclass)
        if issubclass(error, Exception) and not name.startswith("_")
    }
    assert known - set(FAULTS) == set()
