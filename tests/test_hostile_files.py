"""A folder of files made to do harm: each is added or refused with a reason, and hurts no other.

With FOOTNOTE_TEST_KILLS=300, as `make torture` sets it, all files of tests/hostile_files.py are
added; those that take long are left out otherwise.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rag.reading import show
from tests.adding_hostile import QuickEmbedder
from tests.conftest import KILLS
from tests.homes import ROOT, open_home
from tests.hostile.case import ADDED, EITHER, REFUSED, SECRET, Case
from tests.hostile_files import NEIGHBOURS, ROOM, all_cases, write_all

ALL = KILLS >= 300
CASES = [case for case in all_cases(Path("any", ROOM)) if ALL or not case.slow]
# For all of them together; each has its own minute.
DEADLINE_SECONDS = 3600 if ALL else 600
# A file is ended after sixty seconds; the process that read it has to be ended, too.
LONGEST_SECONDS = 60 + 5
MOST_MEGABYTES = 1000
PRINTABLE_SHARE = 0.95


@dataclass(frozen=True)
class Outcome:
    """What came of adding the folder."""

    home: Path
    written: dict[str | bytes, Path]
    report: dict
    files: dict[str, list[tuple[str, str | None]]]
    strays: list[str]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    """Write the files, and add their folder in a process of its own."""
    place = tmp_path_factory.mktemp("hostile")
    written = {case.name: path for path, case in write_all(place, slow=ALL)}
    own = place / "user"
    own.mkdir()
    before = _everything_in(place)
    home, report = place / "home", place / "report.json"
    ran = subprocess.run(
        [sys.executable, "-m", "tests.adding_hostile", place / ROOM, home, report],
        env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(own), "TMPDIR": str(own)},
        cwd=own, capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-3000:]
    after = _everything_in(place)
    found = json.loads(report.read_text())
    files: dict[str, list[tuple[str, str | None]]] = {}
    for uri, status, reason in found["files"]:
        files.setdefault(uri, []).append((status, reason))
    strays = sorted(f"{path}" for path in before.items() ^ after.items())
    _print_summary(found)
    yield Outcome(home, written, found, files, strays)
    for path in (written.get("closed.txt"), written.get("closed-folder")):
        if path is not None:
            path.chmod(0o700)  # so that it can be removed


def _everything_in(place: Path) -> dict[str, tuple[int, int]]:
    """Return mode and size of everything but the home and the report."""
    found = {}
    for folder, folders, files in os.walk(place):
        if Path(folder) == place:
            folders[:] = [name for name in folders if name != "home"]
        for name in [*folders, *(n for n in files if n != "report.json")]:
            # Paths may be longer than the system takes at once.
            try:
                status = Path(folder, name).lstat()
            except OSError:
                continue
            size = 0 if name in folders else status.st_size
            found[str(Path(folder, name))] = (status.st_mode, size)
    return found


def _print_summary(report: dict) -> None:
    """Print what `pytest -rP` shows: how many ended how, the slowest and the largest."""
    print(dict(Counter(status for _, status, _ in report["files"])), f"{report['total']:.0f} s")
    print(f"main process {report['memory']} MB; longest silence {report['silence']:.1f} s")
    for title, unit in (("seconds", "s"), ("peaks", "MB")):
        largest = sorted(report[title].items(), key=lambda item: -item[1])[:8]
        print(title, [f"{Path(uri).name[:40]} {value:.1f} {unit}" for uri, value in largest])


def _results_of(outcome: Outcome, case: Case) -> dict[str, list[tuple[str, str | None]]]:
    uri = os.fsencode(outcome.written[case.name]).decode("utf-8", "backslashreplace")
    return {u: r for u, r in outcome.files.items() if u == uri or u.startswith(uri + "/")}


@pytest.mark.parametrize("case", CASES, ids=lambda case: show(os.fsdecode(case.name))[:40])
def test_each_file_ends_in_one_state(outcome: Outcome, case: Case) -> None:
    """Added or updated without a reason, or refused with one that names the file and the cause."""
    results = _results_of(outcome, case)
    assert len(results) == 1, results
    ((uri, states),) = results.items()
    assert len(states) == 1, states
    status, reason = states[0]
    if status == "added":
        assert case.fate in (ADDED, EITHER)
        assert reason is None
    else:
        assert case.fate in (REFUSED, EITHER), reason
        assert status in ("rejected", "failed")
        name = show(Path(uri).name)
        assert reason is not None
        assert name in reason
        assert len(reason) > len(name) + 20
        assert reason.isprintable()


def test_there_are_many(outcome: Outcome) -> None:
    """Two hundred in all; every file of the folder has its result, and none has another."""
    assert len(list(all_cases(Path("any", ROOM)))) >= 200
    assert sum(map(len, outcome.files.values())) == len(CASES) + len(NEIGHBOURS)


def test_no_file_stalls_the_application(outcome: Outcome) -> None:
    """Each file is read, and each step of progress told, within a minute."""
    slow = {uri: s for uri, s in outcome.report["seconds"].items() if s > LONGEST_SECONDS}
    assert slow == {}
    assert outcome.report["silence"] <= LONGEST_SECONDS


def test_no_file_takes_a_gigabyte(outcome: Outcome) -> None:
    """Neither of the process that reads it, nor of the one that adds it."""
    peaks = outcome.report["peaks"]
    assert {uri: peak for uri, peak in peaks.items() if peak >= MOST_MEGABYTES} == {}
    assert max(peaks.values()) > 0
    before, after = outcome.report["memory"]
    assert after - before < MOST_MEGABYTES


def test_nothing_is_written_elsewhere(outcome: Outcome) -> None:
    """Beside the home, nothing is new, gone, or of another size: no file leads out of it."""
    assert outcome.strays == []


def test_good_files_are_added_and_found(outcome: Outcome) -> None:
    """Those before, between and after the others; each is the first to be found by its words."""
    with open_home(outcome.home, embedder=QuickEmbedder()) as assistant:
        for name, sentence in NEIGHBOURS.items():
            hits = assistant.search(sentence, k=5)
            assert name in [Path(hit.passage.document.uri).name for hit in hits[:1]], hits


def test_no_garbage_is_added(outcome: Outcome) -> None:
    """Passages are of printable characters; what a file says is in its text, and no secret is."""
    says = {str(outcome.written[case.name]): case.says for case in CASES if case.says}
    with open_home(outcome.home, embedder=QuickEmbedder()) as assistant:
        for document in assistant.documents():
            text = assistant.text_of(document.id)
            assert SECRET not in text
            assert (says.get(document.uri) or "") in text.replace("\n", " "), document.uri
            for passage in assistant.passages_of(document.id):
                assert _printable_share(passage.text) >= PRINTABLE_SHARE, passage


def _printable_share(text: str) -> float:
    """Return the share of characters that have a meaning of their own; U+FFFD has none."""
    bad = sum(unicodedata.category(c) in ("Cc", "Cn", "Co", "Cs") and c not in "\n\t" for c in text)
    return 1 - (bad + text.count("\ufffd")) / len(text)
