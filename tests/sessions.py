"""Chat pages without a browser: they speak to the server as the page's own script does.

A browser is too heavy to open fifty times on two cores.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import unescape
from typing import Any

import httpx

API = "/gradio_api"
# Places of the parts in the list that an answer fills (ui.app, `_Parts.outputs`).
TALK, PAST, NOW = 0, 1, 2


@dataclass(frozen=True)
class Turn:
    """What came of one question: the page's last words, and seconds until then."""

    now: str
    seconds: float
    told: tuple[str, ...]
    """All that the exchange looked like meanwhile."""


class Session:
    """One open page; use it as `async with session(url)`."""

    def __init__(self, client: httpx.AsyncClient, ask: int) -> None:
        self._client, self._ask = client, ask
        self._hash = uuid.uuid4().hex[:10]
        self._heart: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Tell the server that somebody is there, for as long as this is."""
        beats = asyncio.Event()
        self._heart = asyncio.create_task(self._beat(beats))
        await asyncio.wait_for(beats.wait(), 30)

    async def _beat(self, beats: asyncio.Event) -> None:
        async with self._client.stream("GET", f"{API}/heartbeat/{self._hash}") as reply:
            async for _ in reply.aiter_lines():
                beats.set()

    async def close(self) -> None:
        """Go away, as a tab that is closed does."""
        if self._heart is not None:
            self._heart.cancel()
            await asyncio.wait([self._heart])

    async def ask(self, question: str) -> Turn:
        """Ask, and wait for the end of the answer."""
        started = time.monotonic()
        told: list[str] = []
        async for values in self.views(question):
            now = values[NOW]
            if isinstance(now, str) and (not told or told[-1] != now):
                told.append(now)
        return Turn(unescape(told[-1]), time.monotonic() - started, tuple(told))

    async def views(self, question: str) -> AsyncIterator[list[Any]]:
        """Ask, and yield what the page would show, whenever that changes."""
        body = {
            "data": [question, None, None],
            "fn_index": self._ask,
            "trigger_id": None,
            "event_data": None,
            "session_hash": self._hash,
        }
        joined = await self._client.post(f"{API}/queue/join", json=body)
        joined.raise_for_status()
        values: list[Any] = []
        path = f"{API}/queue/data?session_hash={self._hash}"
        async with self._client.stream("GET", path) as reply:
            async for line in reply.aiter_lines():
                if not line.startswith("data:"):
                    continue
                message = json.loads(line[5:])
                if message["msg"] in ("process_generating", "process_completed"):
                    if not message["success"]:
                        raise AssertionError(f"the page failed: {message['output']}")
                    values = _updated(values, message["output"]["data"])
                    if values:
                        yield values
                if message["msg"] == "process_completed":
                    return


def _updated(values: list[Any], sent: list[Any]) -> list[Any]:
    """Return the values after a message: whole ones at first, then what changed of each."""
    if len(values) != len(sent):
        return list(sent)
    return [_patched(value, change) for value, change in zip(values, sent, strict=True)]


def _patched(value: Any, change: Any) -> Any:
    if not isinstance(change, list):
        return change
    for step in change:
        action, path, new = step
        if action == "append" and not path:
            value += new
        elif not path:
            value = new
        else:
            value = _at(value, action, path, new)
    return value


def _at(value: Any, action: str, path: list[Any], new: Any) -> Any:
    """Return the value with a part of it changed; the script of the page does the same."""
    place, rest = path[0], path[1:]
    if rest:
        value[place] = _at(value[place], action, rest, new)
    elif action == "append":
        value[place] += new
    elif action == "delete":
        del value[place]
    elif isinstance(value, list) and action == "add":
        value.insert(place, new)
    else:
        value[place] = new
    return value


@asynccontextmanager
async def clients(url: str) -> AsyncIterator[tuple[httpx.AsyncClient, int]]:
    """Give a client of a served page, and the number of its action that asks."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=url, timeout=httpx.Timeout(120), limits=limits, trust_env=False
    ) as client:
        config = (await client.get("/config")).raise_for_status().json()
        parts = {part["props"].get("elem_id"): part["id"] for part in config["components"]}
        ask = next(
            action["id"]
            for action in config["dependencies"]
            if [parts["question"], "submit"] in action["targets"]
        )
        yield client, ask
