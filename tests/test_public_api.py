"""What `rag` offers: all of it, in order, and without work at import."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import rag

ROOT = Path(__file__).parent.parent
# What a program may rely on, whatever else is offered.
CONTRACT = {
    "REFUSAL",
    "AddReport",
    "Answer",
    "Assistant",
    "ChatModel",
    "Check",
    "Citation",
    "Document",
    "DocumentResult",
    "Embedder",
    "Event",
    "Hit",
    "Passage",
    "Sentence",
    "Settings",
    "Turn",
    "doctor",
}
HEAVY = {
    "chromadb",
    "gradio",
    "huggingface_hub",
    "llama_index",
    "nltk",
    "numpy",
    "onnxruntime",
    "openai",
    "pypdfium2",
    "rich",
    "tokenizers",
    "xllamacpp",
}


def order(name: str) -> tuple[int, str]:
    """Sort constants first, then types, then functions, each by name."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


def loaded_by(statement: str) -> set[str]:
    """Return the heavy packages in memory after a statement in a fresh process."""
    program = f"{statement}; import json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True, timeout=60
    )
    return HEAVY & set(json.loads(done.stdout))


def test_names_are_sorted_and_once() -> None:
    """The list reads like a table of contents."""
    assert rag.__all__ == sorted(set(rag.__all__), key=order)


def test_every_name_is_there() -> None:
    """What is listed can be imported."""
    assert [name for name in rag.__all__ if not hasattr(rag, name)] == []


def test_every_public_name_is_listed() -> None:
    """What can be imported, but for the modules themselves, is listed."""
    public = {
        name
        for name, value in vars(rag).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert public <= set(rag.__all__)


def test_contract_is_kept() -> None:
    """The names of the contract, and every error there is, are offered."""
    errors = {name for name, value in vars(rag.errors).items() if isinstance(value, type)}
    assert set(rag.__all__) >= CONTRACT | errors


def test_doctor_is_the_function() -> None:
    """The module of the same name does not stand before it."""
    import rag.doctor  # the import that could put it there

    assert callable(rag.doctor)


def test_import_is_light() -> None:
    """`import rag` loads nothing heavy: that waits until it is used."""
    assert loaded_by("import rag") == set()


def test_command_line_is_light() -> None:
    """`footnote` shows its help without what only some commands need."""
    assert loaded_by("import ui.cli") <= {"rich"}
