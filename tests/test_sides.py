"""What other documents answer, beside an answer: in a whole library, with the real models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rag import Answer, Assistant, Settings
from tests.fakes import ScriptedModel
from tests.homes import BRIDGE, HARBOUR, ORCHARD, write_files

QUESTION = "Who designed the Anders Bridge?"
FALSE = "Who designed the Anders Bridge? The Anders Bridge was designed by Edgar Moss."


@contextmanager
def library(
    folder: Path, texts: dict[str, str], model: ScriptedModel | None
) -> Iterator[Assistant]:
    """Yield an assistant over three small documents and these."""
    files = write_files(folder / "files", bridge=BRIDGE, harbour=HARBOUR, orchard=ORCHARD, **texts)
    with Assistant(Settings(home=folder / "home", llm="none"), model=model) as assistant:
        assistant.add(files)
        yield assistant


def ask(folder: Path, texts: dict[str, str], *, model: ScriptedModel | None = None) -> Answer:
    """Return the answer to the question about the bridge."""
    with library(folder, texts, model) as assistant:
        return assistant.ask(QUESTION)


@pytest.mark.parametrize("copies", [1, 5])
def test_a_false_passage_stands_beside_the_true_one(tmp_path: Path, copies: int) -> None:
    """However often it was put there; each with the document that says so."""
    answer = ask(tmp_path, {f"letter{n}": f"{FALSE} Copy {n}." for n in range(copies)})
    assert "Edgar Moss" in answer.text
    assert "Clara Holt, an engineer, designed" in answer.text
    cited = {citation.document.title for citation in answer.citations}
    assert "bridge" in cited
    assert len(cited) > 1


def test_what_a_model_writes_from_a_false_passage_is_no_exception(tmp_path: Path) -> None:
    """Its sentence is supported, and so is what contradicts it."""
    model = ScriptedModel("The Anders Bridge was designed by Edgar Moss.")
    answer = ask(tmp_path, {"letter": FALSE}, model=model)
    assert answer.text.startswith("The Anders Bridge was designed by Edgar Moss. [1]")
    assert "Elsewhere (“bridge”): Clara Holt, an engineer, designed" in answer.text
    assert answer.timings["elsewhere"] > 0


@pytest.mark.parametrize(
    "beside",
    [
        "Clara Holt designed the Anders Bridge when she was thirty.",
        "Edgar Moss designed the town hall of Vessel Bay.",
    ],
)
def test_what_agrees_or_is_on_something_else_is_left_out(tmp_path: Path, beside: str) -> None:
    """Nothing is said otherwise, so nothing is added."""
    answer = ask(tmp_path, {"letter": beside})
    assert "Clara Holt" in answer.text
    assert "Elsewhere" not in answer.text
