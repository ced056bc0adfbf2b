"""A scripted HTTP server on loopback: each reply is a function that writes to the connection."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Endpoint:
    """The address of a running stub, and the requests it has seen."""

    url: str
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def endpoint(*replies: Reply, port: int = 0) -> Iterator[Endpoint]:
    """Serve the replies in order; the last one again and again."""
    script = list(replies)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            seen.requests.append(json.loads(body))
            self.asked = seen.requests[-1]
            seen.headers.append({name.lower(): value for name, value in self.headers.items()})
            reply = script.pop(0) if len(script) > 1 else script[0]
            try:
                reply(self)
            except OSError:
                self.close_connection = True  # the client gave up, as some tests want

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    seen = Endpoint(f"http://127.0.0.1:{server.server_port}/v1")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def send(status: int, body: str | bytes, kind: str = "application/json", **headers: str) -> Reply:
    """Reply with this body."""
    data = body.encode() if isinstance(body, str) else body

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(data)

    return reply


def fail(status: int, message: str = "no", code: str | None = None, **headers: str) -> Reply:
    """Reply with an error as OpenAI writes it."""
    body = {"error": {"message": message, "code": code, "type": "x"}}
    return send(status, json.dumps(body), **headers)


def chunk(text: str = "", finish: str | None = None) -> str:
    """Return one line of a streamed answer."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return f"data: {json.dumps({'id': 'x', 'choices': [choice]})}\n\n"


def usage(prompt: int, completion: int) -> str:
    """Return the line that counts the tokens."""
    counted = {"prompt_tokens": prompt, "completion_tokens": completion}
    return f"data: {json.dumps({'id': 'x', 'choices': [], 'usage': counted})}\n\n"


DONE = "data: [DONE]\n\n"


def lines(*parts: str) -> Reply:
    """Reply with an event stream."""
    return send(200, "".join(parts), "text/event-stream")


def answer(*words: str) -> Reply:
    """Reply with a whole and well-formed answer."""
    return lines(*(chunk(word) for word in words), chunk(finish="stop"), usage(7, 3), DONE)


def begin_stream(handler: BaseHTTPRequestHandler) -> None:
    """Send the head of an event stream that ends with the connection."""
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream")
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.flush()
