"""The shape of the code itself: who imports whom, how long things are, what is headed.

Read from the source, without importing it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import rag

ROOT = Path(__file__).parent.parent
PACKAGES = ("rag", "ui", "eval")
LONGEST_FUNCTION, LONGEST_FILE = 60, 400

# From the top of the house down; a room not named here is one of the third floor.
FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"__init__"}),
    frozenset({"assistant", "llamaindex"}),
    frozenset({"searching", "several"}),
    frozenset(
        {
            "adding",
            "answering",
            "confidence",
            "doctor",
            "drafting",
            "repairing",
            "retrieval",
            "sides",
        }
    ),
    frozenset(),
    frozenset({"errors", "schema", "settings"}),
)
THIRD = 4

VENDORS = (
    "charset_normalizer",
    "chromadb",
    "docx",
    "gradio",
    "huggingface_hub",
    "inscriptis",
    "jinja2",
    "markdown_it",
    "matplotlib",
    "onnxruntime",
    "openai",
    "pathspec",
    "pypdfium2",
    "pytrec_eval",
    "rich",
    "snowballstemmer",
    "sqlite3",
    "tiktoken",
    "tokenizers",
    "tqdm",
    "uvicorn",
    "xllamacpp",
)


@dataclass(frozen=True)
class Import:
    """One imported name: `from module import name`, or `import module` with no name."""

    module: str
    name: str | None
    line: int
    end: int
    function: str | None
    """The docstring of the function it stands in, None outside of functions."""
    for_types: bool
    """Read by the type checker alone."""


def files(*packages: str) -> list[Path]:
    """Return the modules of these packages."""
    return sorted(path for package in packages for path in (ROOT / package).rglob("*.py"))


def name_of(path: Path) -> str:
    """Return the dotted name of a module."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def ids(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports(path: Path) -> tuple[Import, ...]:
    """Return everything a file imports, wherever in the file."""
    return tuple(_imports(tree_of(path), function=None, for_types=False))


def _imports(node: ast.AST, *, function: str | None, for_types: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            whence = child.module if isinstance(child, ast.ImportFrom) else None
            for alias in child.names:
                module, name = (alias.name, None) if whence is None else (whence, alias.name)
                end = child.end_lineno or child.lineno
                yield Import(module, name, child.lineno, end, function, for_types)
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(child) or ""
            yield from _imports(child, function=docstring, for_types=for_types)
        else:
            typing = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
            yield from _imports(child, function=function, for_types=for_types or typing)


def rooms(path: Path, *, types_too: bool = True) -> set[str]:
    """Return the modules of our own that a file imports, by dotted name."""
    found = set()
    for item in imports(path):
        if item.module.split(".")[0] not in PACKAGES or (item.for_types and not types_too):
            continue
        whole = f"{item.module}.{item.name}"
        is_module = (ROOT / whole.replace(".", "/")).with_suffix(".py").exists()
        found.add(whole if is_module and whole != "rag.doctor" else item.module)
    return found


def floor_of(module: str) -> int:
    """Return the floor of a module of rag, counted from the top."""
    room = module.removeprefix("rag").removeprefix(".").split(".")[0] or "__init__"
    return next((n for n, names in enumerate(FLOORS) if room in names), THIRD)


@pytest.mark.parametrize("path", files("rag"), ids=ids)
def test_rag_imports_downwards(path: Path) -> None:
    """No room knows of one above it, and none of rag knows of ui or eval."""
    floor = floor_of(name_of(path))
    for module in rooms(path, types_too=False):
        assert module.split(".")[0] == "rag"
        assert floor_of(module) >= floor, f"{module} is above {name_of(path)}"


def test_no_two_rooms_import_each_other() -> None:
    """The modules of all packages, without what only the type checker reads, form no circle."""
    graph = {name_of(p): rooms(p, types_too=False) - {name_of(p)} for p in files(*PACKAGES)}
    done: set[str] = set()

    def visit(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, " -> ".join((*above, module))
        if module not in done:
            for below in graph.get(module, ()):
                visit(below, (*above, module))
            done.add(module)

    for module in graph:
        visit(module, ())


@pytest.mark.parametrize("path", files("ui", "eval"), ids=ids)
def test_ui_and_eval_use_only_public_names(path: Path) -> None:
    """They import names of rag.__all__ and their own package, and never each other."""
    own = path.relative_to(ROOT).parts[0]
    for item in imports(path):
        package = item.module.split(".")[0]
        if package == "rag":
            assert item.module == "rag", f"{item.module} is not public"
            assert item.name in rag.__all__, f"rag.{item.name} is not public"
        elif package in PACKAGES:
            assert package == own, f"{own} imports {item.module}"


@pytest.mark.parametrize("vendor", VENDORS)
def test_vendor_has_one_importer(vendor: str) -> None:
    """A package of others is known to one file, which hides it from the rest."""
    users = [path for path in files(*PACKAGES) if _uses(path, vendor)]
    assert len(users) <= 1, [ids(path) for path in users]


def test_llama_index_has_few_importers() -> None:
    """A file of rag attaches to it; eval has its evaluators, its engine, and a model for both."""
    users = [path for path in files(*PACKAGES) if _uses(path, "llama_index", types_too=False)]
    assert {name_of(path) for path in users} == {
        "rag.llamaindex",
        "eval.judge",
        "eval.llm",
        "eval.peer",
    }


def _uses(path: Path, vendor: str, *, types_too: bool = True) -> bool:
    return any(
        item.module.split(".")[0] == vendor and (types_too or not item.for_types)
        for item in imports(path)
    )


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function of a file."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("path", files(*PACKAGES, "tests"), ids=ids)
def test_module_is_short_and_headed(path: Path) -> None:
    """At most 400 lines, functions of at most 60, and a docstring that says what it is."""
    if tree_of(path).body or path.relative_to(ROOT).parts[0] in PACKAGES:
        assert ast.get_docstring(tree_of(path)), "the module needs a docstring"
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE
    for function in functions(path):
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        assert lines <= LONGEST_FUNCTION, f"{function.name} has {lines} lines"


@pytest.mark.parametrize("path", files(*PACKAGES), ids=ids)
def test_import_in_a_function_gives_its_reason(path: Path) -> None:
    """A comment stands on it, above it or the imports before it, or the docstring tells."""
    lines = path.read_text(encoding="utf-8").splitlines()
    starts = {item.end: item.line for item in imports(path)}
    for item in imports(path):
        if item.function is None or "import" in item.function:
            continue
        line = item.line
        while line - 1 in starts:
            line = starts[line - 1]
        above = lines[line - 2].strip()
        assert above.startswith("#") or "#" in lines[item.end - 1], f"line {item.line}"


@pytest.mark.parametrize("path", files("tests"), ids=ids)
def test_every_test_states_its_behaviour(path: Path) -> None:
    """A test has a docstring: what must hold, in a sentence."""
    for function in functions(path):
        if function.name.startswith("test_"):
            assert ast.get_docstring(function), function.name
