"""Many at once on the page: sessions on a stub of a model, and on the embedded one.

`python -m tests.load page` or `model` measures at full size and prints what came of it;
tests/test_load.py runs a small size of each.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from tests.conftest import ROOT
from tests.load_library import percentile
from tests.models.endpoint import DONE, begin_stream, chunk, endpoint, usage
from tests.sessions import NOW, Session, Turn, clients
from tests.ui.served import Served, serve
from ui.handlers import BUSY

# Ships have other numbers than rounds: no two questions have the same ones.
_FIRST_SHIP = 100
_ASKED = re.compile(r"code word of ship (\d+) in round (\d+)")
# A language model's pace: until the first token, and from each to the next.
_FIRST, _NEXT = 0.3, 0.05
_QUESTIONS = (
    "Where did Tom Shannon meet his Russian counterpart?",
    "Where did the U.S. and Russian delegations meet?",
    "What did the Treasury Department announce in June 2025, and why?",
    "What would a decline in North American cooperation weaken?",
)


# Sessions on a stub of a model ----------------------------------------------------


def word(ship: int, turn: int) -> str:
    """Return the code word that only this session may see, and only in this round."""
    return f"w{random.Random(ship * 1000 + turn).randrange(10**8):08d}"


def write_facts(folder: Path, sessions: int, turns: int) -> None:
    """Write a document with a code word for each round of each session."""
    folder.mkdir(parents=True)
    for turn in range(turns):
        lines = [
            f"The code word of ship {ship} in round {turn} is {word(ship, turn)}."
            for ship in range(_FIRST_SHIP, _FIRST_SHIP + sessions)
        ]
        (folder / f"round{turn}.txt").write_text("\n\n".join(lines), encoding="utf-8")


@dataclass
class Stub:
    """Seconds that the stub of a model took for each question, by ship and round."""

    seconds: dict[tuple[int, int], float] = field(default_factory=dict)
    requests: int = 0

    def reply(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer the question that was asked last, token by token."""
        started = time.monotonic()
        self.requests += 1
        body = json.dumps(handler.asked)  # type: ignore[attr-defined]
        ship, turn = (int(number) for number in _ASKED.findall(body)[-1])
        begin_stream(handler)
        time.sleep(_FIRST)
        text = f"The code word of ship {ship} in round {turn} is {word(ship, turn)}. [1]"
        for token in re.findall(r"\s*\S+", text):
            handler.wfile.write(chunk(token).encode())
            handler.wfile.flush()
            time.sleep(_NEXT)
        handler.wfile.write((chunk(finish="stop") + usage(100, 14) + DONE).encode())
        self.seconds[ship, turn] = time.monotonic() - started


@dataclass(frozen=True)
class ChatFigures:
    """What came of many sessions; seconds are ours, without the model's."""

    questions: int
    failed: int
    mixed: int
    median: float
    p95: float
    growth: float
    """Memory after the last round by memory after the first, less 1."""

    def __str__(self) -> str:
        return (
            f"{self.questions} questions, {self.failed} failed, {self.mixed} mixed; our part: "
            f"median {self.median:.3f} s, p95 {self.p95:.3f} s; memory {self.growth:+.1%}"
        )


async def chat(
    served: Served, stub: Stub, *, sessions: int, turns: int, think: float
) -> ChatFigures:
    """Have so many sessions ask so many times, reading for `think` seconds on average between."""
    seen: dict[tuple[int, int], Turn] = {}
    memory: list[float] = []
    rounds = asyncio.Barrier(sessions)

    async def one(ship: int, session: Session) -> None:
        chance = random.Random(ship)
        for turn in range(turns):
            await asyncio.sleep(chance.uniform(0, 2 * think))
            question = f"What is the code word of ship {ship} in round {turn}?"
            seen[ship, turn] = await session.ask(question)
            if turn in (0, turns - 1):
                await rounds.wait()
                if ship == _FIRST_SHIP:
                    memory.append(memory_of(served.process.pid))

    async with clients(served.url) as (client, ask):
        tabs = [Session(client, ask) for _ in range(sessions)]
        await asyncio.gather(*(tab.open() for tab in tabs))
        await asyncio.gather(*(one(ship, tab) for ship, tab in enumerate(tabs, _FIRST_SHIP)))
        await asyncio.gather(*(tab.close() for tab in tabs))
    words = {word(*place): place for place in seen}
    failed = [place for place, turn in seen.items() if word(*place) not in turn.now]
    mixed = [
        place
        for place, turn in seen.items()
        if any(words.get(w, place) != place for w in re.findall(r"w\d{8}", turn.now))
    ]
    ours = [turn.seconds - stub.seconds.get(place, 0.0) for place, turn in seen.items()]
    return ChatFigures(
        len(seen),
        len(failed),
        len(mixed),
        statistics.median(ours),
        percentile(ours, 0.95),
        memory[-1] / memory[0] - 1,
    )


def memory_of(pid: int) -> float:
    """Return the resident memory of a process in megabytes."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1000


@contextmanager
def stubbed_page(sessions: int, turns: int) -> Iterator[tuple[Served, Stub]]:
    """Serve a page with the code words, whose model is a stub on this machine."""
    stub = Stub()
    with tempfile.TemporaryDirectory() as folder, endpoint(stub.reply) as model:
        write_facts(Path(folder) / "facts", sessions, turns)
        facts = str(Path(folder) / "facts")
        with serve("--add", facts, llm="stub", llm_url=model.url, llm_key="none") as served:
            yield served, stub


# Sessions on the embedded model ---------------------------------------------------


@dataclass(frozen=True)
class LineFigures:
    """What came of more questions at once than the embedded model takes."""

    answered: int
    told_place: int
    busy: int
    busy_seconds: float
    """Until the slowest of those that were turned away knew."""
    longest: float

    def __str__(self) -> str:
        return (
            f"{self.answered} answered, {self.told_place} saw their place in line, {self.busy} "
            f"told busy within {self.busy_seconds:.2f} s; the last after {self.longest:.0f} s"
        )


async def line(served: Served, *, tabs: int) -> LineFigures:
    """Ask in so many tabs at the same time."""
    async with clients(served.url) as (client, ask):
        sessions = [Session(client, ask) for _ in range(tabs)]
        await asyncio.gather(*(session.open() for session in sessions))
        asked = (_QUESTIONS[number % len(_QUESTIONS)] for number in range(tabs))
        turns = await asyncio.gather(
            *(session.ask(question) for session, question in zip(sessions, asked, strict=True))
        )
        await asyncio.gather(*(session.close() for session in sessions))
    busy = [turn for turn in turns if BUSY in turn.now]
    served_turns = [turn for turn in turns if BUSY not in turn.now]
    return LineFigures(
        sum("data-rate" in turn.now for turn in served_turns),
        sum(any("in line" in now for now in turn.told) for turn in served_turns),
        len(busy),
        max((turn.seconds for turn in busy), default=0.0),
        max(turn.seconds for turn in served_turns),
    )


async def freed(url: str, questions: Sequence[str]) -> float:
    """Return the seconds from closing one of four tabs to the turn of a fifth that waits."""
    waits, moved = asyncio.Event(), asyncio.Event()

    async def hold(session: Session, question: str, begun: asyncio.Event) -> None:
        async for _ in session.views(question):
            begun.set()

    async def wait(session: Session) -> None:
        async for values in session.views(questions[4]):
            if "in line" in values[NOW]:
                waits.set()
            elif waits.is_set():
                moved.set()
                return

    async with clients(url) as (client, ask):
        sessions = [Session(client, ask) for _ in questions]
        await asyncio.gather(*(session.open() for session in sessions))
        tasks = []
        for session, question in zip(sessions[:4], questions, strict=False):
            begun = asyncio.Event()
            tasks.append(asyncio.create_task(hold(session, question, begun)))
            await asyncio.wait_for(begun.wait(), 30)
        tasks.append(asyncio.create_task(wait(sessions[4])))
        await asyncio.wait_for(waits.wait(), 30)
        started = time.monotonic()
        tasks[0].cancel()
        await sessions[0].close()
        await asyncio.wait_for(moved.wait(), 60)
        seconds = time.monotonic() - started
        for task in tasks:
            task.cancel()
        await asyncio.gather(*(session.close() for session in sessions[1:]))
    return seconds


def main(part: str) -> None:
    """Measure a part at full size."""
    if part == "page":
        with stubbed_page(50, 10) as (served, stub):
            print(asyncio.run(chat(served, stub, sessions=50, turns=10, think=10)))
    else:
        with serve("--add", str(ROOT / "seeds"), llm="embedded") as served:
            print(asyncio.run(line(served, tabs=26)))
            # No two alike, and none asked before: nothing may be answered from memory.
            asked = [f"{_QUESTIONS[n % 4]} ({n})" for n in range(5)]
            seconds = asyncio.run(freed(served.url, asked))
            print(f"a closed tab made room after {seconds:.2f} s")


if __name__ == "__main__":
    main(sys.argv[1])
