"""The server: its socket, its headers, who may speak to it, and its end."""

from __future__ import annotations

import base64
import hashlib
import http.client
import socket
from collections.abc import Iterable, Iterator
from functools import partial
from urllib.parse import urlsplit

import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, StreamingResponse

from rag import ConfigError, Settings
from ui.access import Access, is_loopback
from ui.server import DEFAULT_PORT, address, application, open_socket, serving

SCRIPT = "console.log('ours')"


def page() -> HTMLResponse:
    return HTMLResponse(f"<script>{SCRIPT}</script><script src='/x.js'></script>")


def fail() -> None:
    raise ZeroDivisionError


async def length(request: Request) -> JSONResponse:
    return JSONResponse(len(await request.body()))


@pytest.fixture
def url() -> Iterator[str]:
    """Serve a page, a record and a stream."""
    app = application(Access(Settings()), upload_bytes=3_000_000)
    app.add_api_route("/", page, response_class=HTMLResponse)
    app.add_api_route("/page/piece", page, response_class=HTMLResponse)
    app.add_api_route("/assets/page", page, response_class=HTMLResponse)
    app.add_api_route("/config", lambda: JSONResponse({"a": 1}))
    app.add_api_route("/gradio_api/file", page, response_class=HTMLResponse)
    app.add_api_route("/gradio_api/queue/data", lambda: StreamingResponse(iter([b"a", b"b"])))
    app.add_api_route("/gradio_api/queue/join", length, methods=["POST"])
    app.add_api_route("/gradio_api/upload", length, methods=["POST"])
    app.add_api_route("/page/failing", fail)
    with serving(app, open_socket("127.0.0.1", 0)) as served:
        yield served


def get(url: str, path: str = "/", **headers: str) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def requests_to(
    url: str, method: str, path: str, body: bytes | Iterable[bytes]
) -> tuple[int, bytes]:
    """Send a body, in chunks without a length where it is an iterable."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        connection.request(method, path, body, encode_chunked=not isinstance(body, bytes))
        response = connection.getresponse()
        return response.status, response.read()
    except (BrokenPipeError, ConnectionResetError):
        return 499, b""  # refused before all of it was sent
    finally:
        connection.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "::1"])
def test_loopback_is_recognised(host: str) -> None:
    """Names and numbers of this machine alone."""
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "192.168.0.2", "example.com", "", "::", "localhost.evil.test"]
)
def test_anything_else_is_not_loopback(host: str) -> None:
    """What others could reach, or could point here, is not this machine's own."""
    assert not is_loopback(host)


def test_taken_port_is_passed_over() -> None:
    """Without a wish, the next free port is taken."""
    with open_socket("127.0.0.1", None) as first, open_socket("127.0.0.1", None) as second:
        assert first.getsockname()[1] >= DEFAULT_PORT
        assert second.getsockname()[1] > first.getsockname()[1]
        assert address(second) == f"http://127.0.0.1:{second.getsockname()[1]}"


def test_taken_port_that_was_asked_for_is_an_error() -> None:
    """A wish is not passed over; the message names the fix."""
    with open_socket("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(ConfigError, match=f"Port {port} .* leave --port out"):
            open_socket("127.0.0.1", port)


@pytest.mark.parametrize("port", [-1, 65536, 700000])
def test_port_that_cannot_exist_is_an_error(port: int) -> None:
    """A number out of range is wrong use, not a crash."""
    with pytest.raises(ConfigError, match="--port"):
        open_socket("127.0.0.1", port)


def test_host_that_is_none_of_ours_is_an_error() -> None:
    """An address that this machine does not have cannot be served at."""
    with pytest.raises(ConfigError, match="cannot be used"):
        open_socket("127.0.0.1.5", 0)


def test_policy_allows_only_the_page_and_its_own_scripts(url: str) -> None:
    """Inline scripts run by their hash; nothing comes from, or goes, elsewhere."""
    status, headers, body = get(url)
    policy = headers["Content-Security-Policy"]
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    script = next(part for part in policy.split(";") if "script-src" in part)
    assert status == 200
    assert f"'sha256-{digest}'" in script
    assert "unsafe-inline" not in script
    assert script.count("sha256") == 1
    assert "default-src 'self'" in policy
    assert "connect-src 'self'" in policy
    assert SCRIPT.encode() in body


@pytest.mark.parametrize(
    "path", ["/", "/config", "/gradio_api/queue/data", "/assets/none", "/none", "/page/failing"]
)
def test_every_reply_has_strict_headers(url: str, path: str) -> None:
    """Pages, records, streams, errors and failures of our own alike."""
    headers = get(url, path)[1]
    assert "'self'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_what_is_fetched_may_run_nothing(url: str) -> None:
    """A piece of the page that is opened by itself has no scripts, not even its own."""
    headers = get(url, "/page/piece")[1]
    assert "script-src" not in headers["Content-Security-Policy"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "SAMEORIGIN"
    assert get(url)[1]["X-Frame-Options"] == "DENY"


def test_only_the_page_vouches_for_scripts(url: str) -> None:
    """What else may be answered as HTML has brought its scripts from who knows where."""
    status, headers, body = get(url, "/assets/page")
    assert status == 200
    assert SCRIPT.encode() in body
    assert "sha256" not in headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path", ["/gradio_api/file", "/gradio_api/file=http://example.test/x.png", "/none", "//config"]
)
def test_what_the_page_does_not_ask_for_is_closed(url: str, path: str) -> None:
    """Whatever its framework answers there, now or in a later version."""
    status, _, body = get(url, path)
    assert status == 403
    assert SCRIPT.encode() not in body


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_other_sites_may_lead_to_the_page_and_no_further(url: str, site: str) -> None:
    """A link to it is fine; links, pictures and frames of what lies behind it are not."""
    fetched = {"Sec-Fetch-Site": site}
    assert get(url, **fetched)[0] == 200
    assert get(url, "/config", **fetched)[0] == 403
    assert get(url, "/page/piece", **fetched)[0] == 403
    assert get(url, "/page/piece", **{"Sec-Fetch-Site": "same-origin"})[0] == 200
    assert get(url, "/page/piece", **{"Sec-Fetch-Site": "none"})[0] == 200


@pytest.mark.parametrize("headers", [{"X-Long": "x" * 5_000_000}, {"X-Many": "x " * 2_500_000}])
def test_headers_without_end_are_refused(url: str, headers: dict[str, str]) -> None:
    """While they come, before they are put together; the server goes on."""
    try:
        status = get(url, **headers)[0]
    except ConnectionError:
        status = 431  # refused before all of it was sent
    assert status in (400, 431)
    assert get(url)[0] == 200


def test_stream_is_passed_through(url: str) -> None:
    """Only pages are held back for their hashes."""
    assert get(url, "/gradio_api/queue/data")[2] == b"ab"


@pytest.mark.parametrize("host", ["evil.test", "127.0.0.1.evil.test:80", "", "[", "10.0.0.1"])
def test_foreign_name_is_refused(url: str, host: str) -> None:
    """A web site that points its name at this machine gets nothing."""
    status, _, body = get(url, Host=host)
    assert status in (400, 403)
    assert SCRIPT.encode() not in body


def test_own_names_are_answered(url: str) -> None:
    """By number or by name."""
    port = urlsplit(url).port
    assert get(url, Host=f"localhost:{port}")[0] == 200
    assert get(url, Host=f"[::1]:{port}")[0] == 200


def test_foreign_origin_is_refused(url: str) -> None:
    """A web site cannot make the browser speak for it."""
    assert get(url, Origin="https://evil.test")[0] == 403
    assert get(url, Origin="null")[0] == 403
    assert get(url, Origin=url)[0] == 200


def test_server_ends_and_gives_its_port_back() -> None:
    """Afterwards nobody listens there."""
    app = application(Access(Settings()), upload_bytes=0)
    with serving(app, open_socket("127.0.0.1", 0)) as served:
        port = urlsplit(served).port
        assert get(served)[0] == 404
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=10)


def test_body_that_is_too_large_is_refused(url: str) -> None:
    """By what it says of its length, and where it says nothing, by what comes."""
    post = partial(requests_to, url, "POST")
    assert post("/gradio_api/queue/join", b"x" * 1_000_000)[0] == 200
    assert post("/gradio_api/queue/join", b"x" * 1_000_001)[0] == 413
    assert post("/gradio_api/upload", b"x" * 2_000_000)[0] == 200
    assert post("/gradio_api/upload", b"x" * 3_000_001)[0] == 413
    pieces = (b"x" * 100_000 for _ in range(11))
    assert post("/gradio_api/queue/join", pieces)[0] >= 400


def test_a_body_that_is_too_large_harms_nobody_else(url: str) -> None:
    """The server goes on."""
    requests_to(url, "POST", "/gradio_api/queue/join", (b"x" * 100_000 for _ in range(50)))
    assert get(url)[0] == 200
