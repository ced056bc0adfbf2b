"""Small homes with few documents, for tests of the library and of what stands on it."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from rag import Assistant, Settings
from rag.index import VectorIndex
from rag.library import Library
from tests.fakes import ScriptedModel, WordEmbedder

ROOT = Path(__file__).parent.parent

BRIDGE = (
    "Clara Holt, an engineer, designed the Anders Bridge. It opened on 4 May 1931.\n\n"
    "Its longest span measures 312 metres. Trains crossed it until 1968.\n"
)
HARBOUR = (
    "The harbour of Vessel Bay froze twice in the last century. Fishermen kept axes aboard.\n\n"
    "A lighthouse keeper, Jonas Reed, wrote down the weather every evening.\n"
)
ORCHARD = (
    "Pear trees in the Lower Orchard were grafted in 1874. The cider press stands in a barn.\n\n"
    "Wasps ruined the crop of 1901, as the parish clerk reports.\n"
)


def write_files(folder: Path, **texts: str) -> Path:
    """Write a .txt file per text into a folder; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    return folder


def three_files(folder: Path) -> Path:
    """Write the three documents above."""
    return write_files(folder, bridge=BRIDGE, harbour=HARBOUR, orchard=ORCHARD)


def open_home(
    home: Path,
    *,
    model: ScriptedModel | None = None,
    embedder: WordEmbedder | None = None,
    read_only: bool = False,
    **settings: Any,
) -> Assistant:
    """Open a home with fakes behind the two Protocols; what is found is answered."""
    wanted = {"llm": "none", "strictness": 0.0, **settings}
    return Assistant(
        Settings(home=home, **wanted),
        embedder=embedder or WordEmbedder(),
        model=model,
        read_only=read_only,
    )


def index_of(library: Library, *, fingerprint: str = "fake-words-64") -> VectorIndex:
    """Return the vector index of a library, not yet open."""
    return VectorIndex(library, library.home / "chroma", fingerprint)


def unfindable(home: Path, *, every: int = 1) -> list[str]:
    """Open a home's index; return the passages it does not find by their own vectors.

    All of them must be in it; with `every`, each so-many-th is looked for. An index that fails
    while it is searched has to be whole after it was opened once more.
    """
    library = Library(home)
    index = index_of(library)
    try:
        index.open()
        ids, vectors = library.vectors()
        lost = []
        for passage, vector in zip(ids[::every], vectors[::every], strict=True):
            found = index.search(vector, limit=min(len(ids), 20))
            if found is None:
                index.open()
                found = index.search(vector, limit=min(len(ids), 20))
            assert found is not None
            if passage not in [i for i, score in found if score > 0.999]:
                lost.append(passage)
        assert sorted(i for i, _ in index.search(vectors[0], limit=10_000) or []) == sorted(ids)
        return lost
    finally:
        index.close()
        library.close()


def run_python(code: str, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own, to its end."""
    return subprocess.run(
        _command(code, arguments), capture_output=True, text=True, timeout=100, env=_environment(),
        check=False, **options,
    )  # fmt: skip


def start_python(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a script in a process of its own, with pipes."""
    pipe = subprocess.PIPE
    return subprocess.Popen(
        _command(code, arguments), stdin=pipe, stdout=pipe, stderr=pipe, text=True,
        env=_environment(),
    )  # fmt: skip


def start_module(name: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a module in a process of its own; what it prints can be read."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-m", name, *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=pipe, stderr=pipe, text=True, env=_environment(), cwd=ROOT
    )


def words_of(count: int, *, seed: int) -> str:
    """Return a text of made-up words in sentences and paragraphs."""
    draw = random.Random(seed)
    vocabulary = ["".join(draw.choices("bcdfglmnprstaeiou", k=6)) for _ in range(60)]
    sentences = [
        " ".join(draw.choices(vocabulary, k=12)).capitalize() + "." for _ in range(count // 12)
    ]
    return "\n\n".join(" ".join(sentences[n : n + 5]) for n in range(0, len(sentences), 5))


def _command(code: str, arguments: tuple[object, ...]) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}
