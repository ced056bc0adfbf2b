"""Who may use the page when others could reach it."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from urllib.parse import urlencode, urlsplit

import pytest

from rag import ConfigError, Settings
from tests.ui.served import serve
from tests.ui.visits import chromium
from ui.access import TRIES, Access, TooManyTries
from ui.server import application, open_socket, serving

PASSWORD = "three plain words"
HEADER = "X-Let-In: a-secret-of-the-proxy"


def access(host: str = "127.0.0.1", *names: str, **settings: str) -> Access:
    return Access(Settings().changed(**settings), host, names)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "docs.example.org"])
def test_a_page_for_others_needs_a_password(host: str) -> None:
    """Without one it does not start, and says what to set."""
    with pytest.raises(ConfigError, match="FOOTNOTE_PASSWORD"):
        access(host)
    assert access(host, password=PASSWORD).exposed
    assert access(host, proxy_header=HEADER).exposed


def test_a_page_behind_a_name_needs_a_password() -> None:
    """A proxy on this machine brings in others, too."""
    with pytest.raises(ConfigError, match="FOOTNOTE_PASSWORD"):
        access("127.0.0.1", "docs.example.org")


@pytest.mark.parametrize(
    "settings",
    [
        {"password": "short"},
        {"proxy_header": "X-Let-In"},
        {"proxy_header": "X-Let-In: short"},
        {"proxy_header": "X Let In: a-secret-of-the-proxy"},
    ],
)
def test_what_would_not_protect_is_refused(settings: dict[str, str]) -> None:
    """With words that name the setting and not its value."""
    with pytest.raises(ConfigError, match="FOOTNOTE_P") as caught:
        access(**settings)
    assert "short" not in str(caught.value).replace("shorter", "")


@pytest.mark.parametrize("name", ["http://a.test", "a.test:80", "a/b", "", "-a", "a b"])
def test_a_name_is_a_name(name: str) -> None:
    """Neither an address nor a port."""
    with pytest.raises(ConfigError, match="--name"):
        access("127.0.0.1", name, password=PASSWORD)


def test_only_known_names_are_answered() -> None:
    """A number cannot be pointed at another machine; a name can."""
    here = access()
    assert here.knows("localhost:7860")
    assert not here.knows("192.168.1.5:7860")
    elsewhere = access("0.0.0.0", "Docs.Example.org", password=PASSWORD)
    for host in ("docs.example.org", "docs.example.org:443", "192.168.1.5:7860", "[fd00::1]"):
        assert elsewhere.knows(host), host
    for host in ("evil.test", "evil.docs.example.org", "docs.example.org.evil.test", "", "["):
        assert not elsewhere.knows(host), host


def test_a_password_opens_for_one_browser() -> None:
    """What it is given for it cannot be guessed, and ends with signing out."""
    door = access(password=PASSWORD)
    assert not door.admits({}, {})
    assert door.log_in("three plain word") is None
    token = door.log_in(PASSWORD)
    assert token is not None
    cookies = {door.cookie: token}
    assert door.admits({}, cookies)
    assert not door.admits({}, {door.cookie: token[:-1]})
    assert not access(password=PASSWORD).admits({}, cookies)
    door.log_out(cookies)
    assert not door.admits({}, cookies)


def test_guessing_is_stopped() -> None:
    """After so many wrong ones, even the right one has to wait; who is in stays in."""
    door = access(password=PASSWORD)
    token = door.log_in(PASSWORD)
    assert token is not None
    for number in range(TRIES):
        assert door.log_in(f"guess number {number}") is None
    with pytest.raises(TooManyTries):
        door.log_in(PASSWORD)
    assert door.admits({}, {door.cookie: token})


def test_a_header_is_asked_of_every_request() -> None:
    """Its value is a secret between the proxy and this server."""
    door = access("0.0.0.0", proxy_header=HEADER)
    assert door.admits({"x-let-in": "a-secret-of-the-proxy"}, {})
    for value in ("", "a-secret", "A-SECRET-OF-THE-PROXY", "ä"):
        assert not door.admits({"x-let-in": value}, {})
    assert not door.admits({}, {})
    assert not door.asks


def test_both_are_asked_for_where_both_are_set() -> None:
    """A header does not replace a password."""
    door = access("0.0.0.0", proxy_header=HEADER, password=PASSWORD)
    token = door.log_in(PASSWORD)
    assert token is not None
    header = {"x-let-in": "a-secret-of-the-proxy"}
    assert not door.admits(header, {})
    assert not door.admits({}, {door.cookie: token})
    assert door.admits(header, {door.cookie: token})


# Over HTTP ------------------------------------------------------------------------


@pytest.fixture
def url() -> Iterator[str]:
    """Serve a page that has a password."""
    app = application(access("0.0.0.0", password=PASSWORD), upload_bytes=0)
    app.add_api_route("/", lambda: "inside")
    app.add_api_route("/config", lambda: "inside", methods=["GET", "POST"])
    with serving(app, open_socket("127.0.0.1", 0)) as served:
        yield served


def send(
    url: str, method: str, path: str, body: str = "", **headers: str
) -> tuple[int, http.client.HTTPMessage, str]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode()
    finally:
        connection.close()


def sign_in(url: str, password: str, **headers: str) -> tuple[int, http.client.HTTPMessage, str]:
    return send(url, "POST", "/login", urlencode({"password": password}), **headers)


def test_nothing_is_told_before_the_password(url: str) -> None:
    """Every address asks for it, those that are not there, too."""
    for method, path in (
        ("GET", "/"),
        ("GET", "/config"),
        ("POST", "/config"),
        ("GET", "/assets/nothing"),
    ):
        status, headers, body = send(url, method, path)
        assert status == 401
        assert "inside" not in body
        assert "'self'" in headers["Content-Security-Policy"]


def test_the_password_opens_everything(url: str) -> None:
    """By a cookie that scripts cannot read and other sites cannot send."""
    status, headers, _ = sign_in(url, PASSWORD)
    cookie = headers["Set-Cookie"]
    assert status == 303
    assert headers["Location"] == "/"
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    crumb = cookie.split(";")[0]
    assert send(url, "GET", "/config", Cookie=crumb)[2] == '"inside"'
    assert send(url, "POST", "/logout", Cookie=crumb)[0] == 303
    assert send(url, "GET", "/config", Cookie=crumb)[0] == 401


def test_a_wrong_password_is_told_and_counted(url: str) -> None:
    """Neither echoed nor let through."""
    status, headers, body = sign_in(url, "<b>wrong</b>")
    assert status == 401
    assert "Set-Cookie" not in headers
    assert "not the password" in body
    assert "wrong</b>" not in body
    for _ in range(TRIES - 1):
        sign_in(url, "again and again")
    assert sign_in(url, PASSWORD)[0] == 429


def test_a_web_site_cannot_sign_in_for_its_visitor(url: str) -> None:
    """Its Origin gives it away."""
    assert sign_in(url, PASSWORD, Origin="https://evil.test")[0] == 403
    assert send(url, "POST", "/login", "x" * 1_000_001)[0] == 413


# As users meet it -----------------------------------------------------------------


def test_the_command_refuses_to_serve_others_without_a_password() -> None:
    """Before anything is served."""
    with pytest.raises(AssertionError, match="FOOTNOTE_PASSWORD"), serve("--host", "0.0.0.0"):
        pass


def test_signing_in_in_a_browser() -> None:
    """The page asks for the password, and works once it was given; paths cannot be added."""
    options = ("--name", "docs.example.org", "--port", "0")
    with serve(*options, password=PASSWORD) as served, chromium() as browser:
        assert "does not encrypt" in served.process.stdout.readline()  # type: ignore[union-attr]
        page = browser.new_page()
        page.goto(served.url)
        page.fill("input[name=password]", "not the password")
        page.click("button")
        page.wait_for_selector("text=not the password")
        page.fill("input[name=password]", PASSWORD)
        page.click("button")
        page.wait_for_selector("#question textarea")
        page.wait_for_selector("#state .ready")
        assert page.locator("#path").count() == 0
        page.fill("#question textarea", "Is anything in the library?")
        page.keyboard.press("Enter")
        page.wait_for_selector("#now .exchange:not([aria-busy])")
        page.click(".views a[data-view=settings]")
        page.click("text=Sign out")
        page.wait_for_selector("input[name=password]")
