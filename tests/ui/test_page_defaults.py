"""What the page's framework does by default for public demonstrations is off for private texts.

Off it stays when variables of the environment, meant for other programs, would turn it on.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.conftest import ROOT
from tests.ui.served import Served, serve

ASKED_FOR = {
    "GRADIO_ALLOWED_PATHS": "/",
    "GRADIO_ANALYTICS_ENABLED": "True",
    "GRADIO_MCP_SERVER": "True",
    "GRADIO_PROFILING": "1",
    "GRADIO_RUN_HISTORY": "True",
    "GRADIO_SHARE": "True",
    "GRADIO_VIBE_MODE": "1",
}


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """Serve the page in an environment that asks for everything it should not do."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ASKED_FOR.items():
            patch.setenv(name, value)
        with serve() as page:
            yield page


def get(served: Served, path: str, *, method: str = "GET") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(served.url).netloc, timeout=30)
    try:
        connection.request(method, path)
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def config(served: Served) -> dict[str, Any]:
    found = json.loads(get(served, "/config")[1])
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    "path",
    [
        "/docs",
        "/redoc",
        "/monitoring",
        "/monitoring/summary",
        "/gradio_api/runs",
        "/gradio_api/run-history/buckets",
        "/gradio_api/run-history/records",
        "/gradio_api/mcp/",
        "/gradio_api/mcp/sse",
        "/gradio_api/mcp/schema",
        "/gradio_api/profiling/summary",
        "/gradio_api/vibe-code/",
        "/login/huggingface",
    ],
)
def test_what_is_for_demonstrations_is_not_there(served: Served, path: str) -> None:
    """Figures on who asks what, saved runs, tools for other programs, editors of the page."""
    assert get(served, path)[0] in (403, 404)


def test_runs_cannot_be_sent_anywhere(served: Served) -> None:
    """Not to a store at a model hub, which the framework offers."""
    status, _ = get(served, "/gradio_api/run-history/connect", method="POST")
    assert status in (403, 404, 405)
    assert config(served)["run_history"] is False


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd",
        f"/gradio_api/file={ROOT}/pyproject.toml",
        "/gradio_api/file=http://127.0.0.1:9/x",
        "/gradio_api/file=http://example.test/x.png",
        "/gradio_api/file/etc/passwd",
        "/gradio_api/proxy=https://someone.hf.space/x",
        "/gradio_api/proxy=http://127.0.0.1:9/x",
        "/static/../../../etc/passwd",
        "/page/..%2f..%2fapp.py",
    ],
)
def test_no_file_and_no_other_host_is_reached_through_the_page(served: Served, path: str) -> None:
    """Neither a path of this machine nor an address is looked up for who asks."""
    status, body = get(served, path)
    assert status in (403, 404)
    assert b"root:" not in body
    assert b"[project]" not in body


def test_other_programs_are_offered_nothing(served: Served) -> None:
    """No event has a name to be called by, and nothing links to a list of them."""
    shown = config(served)
    assert {event["api_visibility"] for event in shown["dependencies"]} == {"private"}
    assert shown["footer_links"] == []
    assert shown["mcp_server"] is False


@pytest.mark.parametrize(
    "path",
    [
        "/openapi.json",
        "/gradio_api/openapi.json",
        "/gradio_api/info",
        "/gradio_api/call/ask",
        "/gradio_api/run/ask",
        "/gradio_api/dev/reload",
        "/gradio_api/component_server",
        "/gradio_api/profiling/traces",
    ],
)
def test_what_the_framework_answers_to_programs_is_closed(served: Served, path: str) -> None:
    """The page needs none of it."""
    assert get(served, path)[0] == 403


def test_the_page_is_not_shared_and_reports_nothing(served: Served) -> None:
    """It is at this machine alone, no part of it uploads a conversation, no use is counted."""
    shown = config(served)
    assert shown["analytics_enabled"] is False
    assert urlsplit(served.url).hostname == "127.0.0.1"
    for part in shown["components"]:
        buttons = part["props"].get("buttons") or []
        assert "share" not in buttons
        assert not part["props"].get("show_share_button")
