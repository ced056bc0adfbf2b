"""What can go wrong with a model server, each as it looks on the wire.

A fault is a reply of the scripted server, or, where no server answers, how the place is left.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler

from tests.models.endpoint import (
    DONE,
    Endpoint,
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

GOOD = "The Anders Bridge opened on 4 May 1931."
PARTIAL = "It opened on 4 May"
"""What a cut answer may end with: every word of it is in the document, and it is no answer."""
HOST = "127.0.0.1"
LOST = "models.internal"
Writes = Callable[[BaseHTTPRequestHandler], None]


@dataclass(frozen=True)
class Fault:
    """A reply, what its notice says, and whether it takes until the time is up."""

    says: str
    replies: tuple[Reply, ...] = ()
    stalls: bool = False
    heals: bool = False
    """Whether there is an answer of the model all the same."""
    tries: int = 1
    """The requests that it then takes."""
    begins: bool = False
    """Whether text comes before it: then there is no second try."""


def _raw(*parts: str | bytes, then: str = "end", wait: float = 60) -> Reply:
    """Send these parts of an event stream; then end it, reset it, stall or drip."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        begin_stream(handler)
        for part in parts:
            handler.wfile.write(part.encode() if isinstance(part, str) else part)
            handler.wfile.flush()
        if then == "reset":
            linger = b"\1\0\0\0\0\0\0\0"  # of no seconds: the connection is not ended but broken
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            handler.connection.close()
        elif then == "stall":
            _gone(handler, wait)
        handler.close_connection = True

    return reply


def _gone(handler: BaseHTTPRequestHandler, seconds: float) -> bool:
    """Wait until the client has hung up, at most so many seconds; tell whether it has."""
    handler.connection.settimeout(seconds)
    try:
        return handler.connection.recv(1) == b""
    except TimeoutError:
        return False


def _silent(handler: BaseHTTPRequestHandler) -> None:
    _gone(handler, 60)
    handler.close_connection = True


def _drip(first: bytes, drop: bytes) -> Reply:
    """Send a beginning, then a drop at a time until the client has hung up."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(first)
        for _ in range(1200):  # a minute: longer than any test waits
            handler.wfile.write(drop)
            handler.wfile.flush()
            if _gone(handler, 0.05):
                break
        handler.close_connection = True

    return reply


def _endless(piece: bytes) -> Reply:
    """Send a piece again and again until the client hangs up; at most 100 MB."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        begin_stream(handler)
        for _ in range(100_000_000 // len(piece)):
            handler.wfile.write(piece)
        handler.close_connection = True

    return reply


def _bytewise(text: str) -> Reply:
    """Send an answer byte by byte, so that no character comes whole."""
    data = "".join([_unescaped(text), chunk(finish="stop"), DONE]).encode()
    return _raw(*(data[n : n + 1] for n in range(len(data))))


def _unescaped(text: str) -> str:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return f"data: {json.dumps({'choices': [choice]}, ensure_ascii=False)}\n\n"


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n"
ERROR = 'data: {"error": {"message": "CUDA out of memory"}}\n\n'
EMPTY = 'data: {"id": "x", "choices": []}\n\n'
NESTED = f"data: {'[' * 100_000}\n\n"
REDIRECT = fail(307, Location="http://127.0.0.1:9/v1/chat/completions")
ZIPPED = send(
    200, gzip.compress(b"x" * 1000), "text/event-stream", Content_Encoding="gzip"
)  # would be 40 GB from 40 MB
TIME = "did not finish within"


def counted(tokens: str) -> str:
    """Return the line that counts the tokens, with this number as it stands."""
    return usage(1, 1).replace('"prompt_tokens": 1', f'"prompt_tokens": {tokens}')


FAULTS: dict[str, Fault] = {
    "refused": Fault("cannot be reached"),
    "name unknown": Fault("cannot be found by its name"),
    "accepted, not answered": Fault(TIME, stalls=True),
    "silent after the request": Fault(TIME, (_silent,), stalls=True),
    "headers, then silent": Fault(TIME, (_raw(then="stall"),), stalls=True),
    "headers drip": Fault(TIME, (_drip(HEAD + b"X-Slow: ", b"x"),), stalls=True),
    "stalls in the text": Fault(
        TIME, (_raw(chunk(PARTIAL), then="stall"),), stalls=True, begins=True
    ),
    "comments drip": Fault(TIME, (_drip(HEAD + b"\r\n", b": here\n\n"),), stalls=True),
    "words drip": Fault(TIME, (_drip(HEAD + b"\r\n", chunk("a ").encode()),), stalls=True),
    "error page drips": Fault(TIME, (_drip(b"HTTP/1.1 500 No\r\n\r\n", b"x"),), stalls=True),
    "ends without a finish": Fault("cut off", (_raw(chunk(PARTIAL)),), begins=True),
    "done without a finish": Fault("cut off", (lines(chunk(PARTIAL), DONE),), begins=True),
    "reset in the text": Fault("cut off", (_raw(chunk(PARTIAL), then="reset"),), begins=True),
    "nothing at all": Fault("cut off", (lines(),)),
    "429, try in 1 s": Fault("Wait a minute", (fail(429, Retry_After="1"),)),
    "429, try in 9999 s": Fault("Wait a minute", (fail(429, Retry_After="9999"),)),
    "429": Fault("Wait a minute", (fail(429),)),
    "500": Fault("overloaded (status 500)", (fail(500),)),
    "500 twice, then an answer": Fault(
        "", (fail(500), fail(500), answer(GOOD)), heals=True, tries=3
    ),
    "503 page": Fault("overloaded (status 503)", (send(503, "<html>down</html>", "text/html"),)),
    "401": Fault("refused the key", (fail(401, "bad key"),)),
    "403": Fault("does not allow this key", (fail(403),)),
    "404": Fault("does not know the model", (fail(404, "no such model"),)),
    "context too long": Fault("too long", (fail(400, "exceeds the context size of 4096"),)),
    "413": Fault("too long", (fail(413),)),
    "each option refused": Fault(
        "refused the request",
        tuple(
            fail(400, f"Unsupported parameter: {name}")
            for name in ("max_tokens", "seed", "stream_options", "temperature")
        ),
    ),
    "HTML": Fault("sent no stream", (send(200, "<html>Welcome</html>", "text/html"),)),
    "broken JSON": Fault("not JSON", (lines(chunk(PARTIAL), "data: {oops\n\n"),), begins=True),
    "not UTF-8": Fault("not UTF-8", (send(200, b"data: \xff\xff\n\n", "text/event-stream"),)),
    "error in the stream": Fault(
        "CUDA out of memory", (lines(chunk(PARTIAL), ERROR),), begins=True
    ),
    "no choices": Fault("cut off", (lines(EMPTY, EMPTY, DONE),)),
    "another schema": Fault("unknown answer", (lines('data: {"choices": [5]}\n\n'),)),
    "100,000 lists": Fault("unknown answer", (lines(NESTED),)),
    "an error of 100,000 lists": Fault(
        "unknown answer", (lines(chunk(PARTIAL), f"event: error\n{NESTED}"),), begins=True
    ),
    "infinite tokens": Fault(
        "unknown answer",
        (lines(chunk(PARTIAL), chunk(finish="stop"), counted("1e999"), DONE),),
        begins=True,
    ),
    "tokens of 5,000 digits": Fault(
        "unknown answer",
        (lines(chunk(PARTIAL), chunk(finish="stop"), counted("9" * 5000), DONE),),
        begins=True,
    ),
    **{
        f"400 in {charset}": Fault(
            "unknown answer", (send(400, b"\xff" * 300, f"text/plain; charset={charset}"),)
        )
        for charset in ("idna", "hex", "rot13")
    },
    "half a character": Fault(
        "", (lines(chunk(f"{GOOD} \ud800"), chunk(finish="stop"), DONE),), heals=True
    ),
    "withheld": Fault(
        "withheld", (lines(chunk(PARTIAL), chunk(finish="content_filter"), DONE),), begins=True
    ),
    "10 MB token": Fault("more than it was asked", (lines(chunk("x" * 10_000_000), DONE),)),
    "endless tokens": Fault("more than it was asked", (_endless(chunk("x" * 999).encode()),)),
    "endless line": Fault("more than it was asked", (_endless(b"data: " + b"x" * 65_530),)),
    "compressed": Fault("compressed", (ZIPPED,)),
    "307": Fault("redirects to another address", (REDIRECT,)),
    "at the limit": Fault(
        "cut off at its limit",
        (lines(chunk(f"{GOOD} {PARTIAL}"), chunk(finish="length"), usage(9, 160), DONE),),
        heals=True,
    ),
    "at the limit, not counted": Fault(
        "cut off at its limit",
        (lines(chunk(f"{GOOD} {PARTIAL}"), chunk(finish="length"), DONE),),
        heals=True,
    ),
    "split characters": Fault("", (_bytewise(f"{GOOD} “Ä”"),), heals=True),
}


@dataclass
class Place:
    """Where a faulty server is; `mend` puts a good one there."""

    url: str
    seen: Endpoint
    """What has reached the server."""
    mend: Callable[[], None]


@contextmanager
def faulty(name: str) -> Iterator[Place]:
    """Give a place with this fault."""
    with ExitStack() as stack:
        if FAULTS[name].replies and name != "name unknown":
            yield _scripted(stack, list(FAULTS[name].replies))
        else:
            yield _unanswered(stack, name)


def _scripted(stack: ExitStack, script: list[Reply]) -> Place:
    guard = threading.Lock()

    def reply(handler: BaseHTTPRequestHandler) -> None:
        with guard:
            now = script.pop(0) if len(script) > 1 else script[0]
        now(handler)

    def mend() -> None:
        script[:] = [answer(GOOD)]

    seen = stack.enter_context(endpoint(reply))
    return Place(seen.url, seen, mend)


def _unanswered(stack: ExitStack, name: str) -> Place:
    """Give a place where no server answers: not listening, not accepting, or without a name."""
    listener = stack.enter_context(contextlib.closing(socket.socket()))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, 0))
    port = listener.getsockname()[1]
    if name == "accepted, not answered":
        listener.listen()  # the system accepts for it
    look_up, known = socket.getaddrinfo, threading.Event()

    def resolve(host: str, *args: object, **options: object) -> object:
        if host == LOST and not known.is_set():
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return look_up(HOST if host == LOST else host, *args, **options)  # type: ignore[arg-type]

    seen = Endpoint(f"http://{LOST if name == 'name unknown' else HOST}:{port}/v1")
    socket.getaddrinfo = resolve  # type: ignore[assignment]
    stack.callback(setattr, socket, "getaddrinfo", look_up)

    def mend() -> None:
        listener.close()
        known.set()
        stack.enter_context(endpoint(answer(GOOD), port=port))

    return Place(seen.url, seen, mend)
