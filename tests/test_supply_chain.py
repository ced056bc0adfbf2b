"""What is locked: by hash, under known licences, with every known advisory met, and listed."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rag.models import cross_encoder, minilm, weights
from tests.conftest import ROOT
from tests.supply_chain.__main__ import main
from tests.supply_chain.advisories import findings
from tests.supply_chain.licences import is_allowed, licences
from tests.supply_chain.lock import Locked, read_lock
from tests.supply_chain.table import Advisory, Read, read_table

LOCKS = ["requirements.lock", "requirements-dev.lock"]
DIGEST = "0" * 64
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return the command, which returns its exit code and what it printed."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Return a lock file with one package, which is installed."""
    return lock_file(tmp_path, packaging_line())


def packaging_line() -> str:
    version = next(p.version for p in real_lock() if p.name == "packaging")
    return f"packaging=={version} \\\n    --hash=sha256:{DIGEST}\n"


def lock_file(folder: Path, text: str) -> Path:
    path = folder / "made.lock"
    path.write_text(text, encoding="utf-8")
    return path


def real_lock() -> tuple[Locked, ...]:
    return read_lock(ROOT / "requirements.lock").packages


def made(name: str, version: str = "1.0") -> Locked:
    return Locked(name, version, None, (DIGEST,))


def described(**fields: str | list[str]) -> Message:
    """Return metadata of a package."""
    message = Message()
    for name, value in fields.items():
        for one in value if isinstance(value, list) else [value]:
            message[name.replace("_", "-")] = one
    return message


# The lock files ------------------------------------------------------------------


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_hashes_and_no_address(name: str) -> None:
    """Nothing else than these files is installed, from whatever index."""
    lock = read_lock(ROOT / name)
    assert lock.problems == ()
    assert len(lock.packages) > 150
    assert all(package.hashes for package in lock.packages)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a==1 \\\n    # via b\n", "a 1 has no hash"),
        ("--index-url https://host.example/simple\n", "line 1: it names an address"),
        ("--find-links wheels\n", "line 1: it names an address"),
        (f"a @ https://host.example/a.whl \\\n    --hash=sha256:{DIGEST}\n", "names an address"),
        (f"a>=1 \\\n    --hash=sha256:{DIGEST}\n", "neither NAME==VERSION nor a hash"),
        (f"a==1 \\\n    --hash=md5:{DIGEST[:32]}\n", "neither NAME==VERSION nor a hash"),
    ],
)
def test_a_lock_that_leaves_something_open_is_noticed(
    tmp_path: Path, run: Run, text: str, words: str
) -> None:
    """With its line, and as an exit code."""
    code, _, errors = run("--lock", lock_file(tmp_path, text))
    assert code == 1
    assert words in errors


def test_everything_is_installed_by_hash() -> None:
    """Each line of the Makefile that installs packages into the environment asks for hashes."""
    lines = map(str.strip, (ROOT / "Makefile").read_text(encoding="utf-8").splitlines())
    installing = [line for line in lines if re.search(r"(pip|\$\(PIP\)) install", line)]
    assert installing
    for line in installing:
        # The project itself is not fetched: its build runs with what is installed already.
        own = "--no-deps --no-build-isolation --editable ." in line
        assert own or "--require-hashes -r requirements" in line, line


@pytest.mark.parametrize("name", LOCKS)
def test_what_must_stay_away_is_not_locked(name: str) -> None:
    """Torch, what reports on users, and parsers that fetch."""
    table = read_table()
    assert {"torch", "posthog", "sentence-transformers"} <= set(table.absent)
    locked = {package.name for package in read_lock(ROOT / name).packages}
    assert locked.isdisjoint(table.absent)


# Licences ------------------------------------------------------------------------


def test_all_licences_are_known_and_allowed() -> None:
    """As the installed packages state them, or as somebody read them."""
    found, problems = licences(real_lock(), read_table())
    assert problems == []
    assert len(found) == len(real_lock())
    assert all(one.expression for one in found)


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("MIT OR GPL-3.0-only", True),
        ("GPL-3.0-only OR MIT", True),
        ("MIT AND GPL-3.0-only", False),
        ("ISC AND (GPL-3.0-only OR MIT)", True),
        ("MIT OR GPL-3.0-only AND ISC", True),
        ("(MIT OR GPL-3.0-only) AND GPL-3.0-only", False),
        ("MIT WITH Some-exception AND ISC", True),
    ],
)
def test_an_expression_is_read_as_it_is_meant(expression: str, allowed: bool) -> None:
    """AND binds before OR, and an exception only adds rights."""
    assert is_allowed(expression, frozenset({"MIT", "ISC"})) is allowed


@pytest.mark.parametrize(
    ("fields", "expression"),
    [
        ({"License_Expression": "MIT", "License": "BSD-3-Clause"}, "MIT"),
        ({"License": "Apache License, Version 2.0"}, "Apache-2.0"),
        ({"License": "MIT License\n\nCopyright …"}, "MIT"),
        ({"Classifier": ["License :: OSI Approved :: MIT License"]}, "MIT"),
        ({"Classifier": ["Topic :: Text Processing"]}, None),
        ({"Classifier": ["License :: OSI Approved :: BSD License"]}, None),
        ({"License": "see file"}, None),
    ],
)
def test_metadata_are_read(fields: dict[str, str | list[str]], expression: str | None) -> None:
    """The expression first, then other words for the same; what is not clear is unknown."""
    table = replace(read_table(), read={}, accepted={})
    found, problems = licences([made("a")], table, lambda _: ("1.0", described(**fields)))
    assert found[0].expression == expression
    assert any("unknown" in problem for problem in problems) is (expression is None)


def test_a_licence_outside_the_list_needs_a_reason() -> None:
    """And a reason that is no longer needed is told as well."""
    bare = replace(read_table(), read={}, accepted={})
    of = {"a": ("1.0", described(License_Expression="AGPL-3.0-only"))}.get
    assert "AGPL-3.0-only is not allowed" in licences([made("a")], bare, of)[1][0]
    accepted = replace(bare, accepted={"a": "It is used alone."})
    assert licences([made("a")], accepted, of)[1] == []
    free = {"a": ("1.0", described(License_Expression="MIT"))}.get
    assert "needs no reason" in licences([made("a")], accepted, free)[1][0]


def test_what_somebody_read_stands_in_for_metadata() -> None:
    """For as long as the package is locked."""
    table = replace(read_table(), read={"a*": Read("ISC", "its file")}, accepted={})
    of = {"ab": ("1.0", described()), "c": ("1.0", described(License="MIT"))}.get
    found, problems = licences([made("ab")], table, of)
    assert (found[0].expression, found[0].note, problems) == ("ISC", "its file", [])
    assert "a*, which is not locked" in licences([made("c")], table, of)[1][0]


def test_other_packages_than_locked_are_noticed() -> None:
    """Licences of one version say nothing of another."""
    table = replace(read_table(), read={}, accepted={})
    of = {"a": ("2.0", described(License="MIT"))}.get
    problems = licences([made("a"), made("gone")], table, of)[1]
    assert any("a: 1.0 is locked, 2.0 installed" in problem for problem in problems)
    assert any("gone 1.0 is locked, not installed" in problem for problem in problems)


# Advisories ----------------------------------------------------------------------


def test_all_known_advisories_are_met() -> None:
    """By the locked version, or by a reason that is recorded."""
    found, problems = findings(real_lock(), read_table())
    assert problems == []
    assert all(one.is_met for one in found)
    chroma = [one for one in found if one.advisory.id == "CVE-2026-45829"]
    assert [(one.is_affected, one.is_met) for one in chroma] == [(True, True)]


def test_the_table_of_advisories_is_consistent() -> None:
    """Each name once, no fixed version among the affected, looked up in the past."""
    table = read_table()
    names = Counter(name for advisory in table.advisories for name in advisory.names)
    assert [name for name, times in names.items() if times > 1] == []
    assert date(2026, 11, 1) <= table.checked <= date.today()  # noqa: DTZ011  # a day, wherever
    for advisory in table.advisories:
        assert advisory.fixed is None or not advisory.affects(advisory.fixed), advisory.id
        assert advisory.fixed or advisory.met or not advisory.affects("99999"), advisory.id


@pytest.mark.parametrize(
    ("version", "met", "problems"),
    [
        ("1.4", None, 1),
        ("1.4", "The part is never used.", 0),
        ("1.5", None, 0),
        ("1.5rc1", None, 1),
    ],
)
def test_an_affected_version_needs_a_reason(version: str, met: str | None, problems: int) -> None:
    """The range decides, pre-releases included."""
    advisory = Advisory("CVE-1", "a", "<1.5rc2", "Something", fixed="1.5", met=met)
    table = replace(read_table(), advisories=(advisory,))
    told = findings([made("a", version)], table)[1]
    assert len(told) == problems
    assert all("CVE-1" in words and "Lock 1.5 or later" in words for words in told)


def test_an_advisory_of_a_package_that_went_is_noticed() -> None:
    """The table does not gather dust."""
    table = replace(read_table(), advisories=(Advisory("CVE-1", "gone", ">=0", "Something"),))
    assert "is not locked" in findings([made("a")], table)[1][0]


def test_every_advisory_that_a_scanner_shows_is_explained() -> None:
    """In the page on security: those that concern a locked version, and no others."""
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    listed = {line.split()[1].strip(",") for line in page.splitlines() if line.startswith("| ")}
    affected = {
        one.advisory.id for one in findings(real_lock(), read_table())[0] if one.is_affected
    }
    known = {advisory.id for advisory in read_table().advisories}
    assert listed & known == affected


# The bill of materials -----------------------------------------------------------


def test_the_bill_is_complete_and_the_same_each_time(tmp_path: Path, run: Run) -> None:
    """Every package with its version, hashes and licence; every model with its checksums."""
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    assert run("--sbom", first)[0] == 0
    assert run("--sbom", second)[0] == 0
    assert first.read_bytes() == second.read_bytes()
    parts = {part["bom-ref"]: part for part in json.loads(first.read_text())["components"]}
    for package in real_lock():
        part = parts.pop(package.purl)
        assert (part["name"], part["version"]) == (package.name, package.version)
        assert part["purl"] == package.purl
        assert {h["content"] for h in part["hashes"]} == set(package.hashes)
        assert part["licenses"][0]["expression"]
    files = [file for part in parts.values() for file in part["components"]]
    expected = {weights.EMBEDDED.sha256, *minilm.SHA256.values(), *cross_encoder.SHA256.values()}
    assert {file["hashes"][0]["content"] for file in files} == expected
    assert {part["type"] for part in parts.values()} == {"machine-learning-model"}
    assert all(part["licenses"] for part in parts.values())


def test_the_bill_has_the_form_it_claims(tmp_path: Path, run: Run) -> None:
    """What CycloneDX 1.6 requires: its marks, unique references, hashes of the right length."""
    run("--sbom", tmp_path / "bill.json")
    bill = json.loads((tmp_path / "bill.json").read_text(encoding="utf-8"))
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.6", 1)
    components = [bill["metadata"]["component"], *bill["components"]]
    components += [inner for part in bill["components"] for inner in part.get("components", ())]
    references = [part["bom-ref"] for part in components]
    assert len(set(references)) == len(references)
    outer = [part["bom-ref"] for part in bill["components"]]
    assert outer == sorted(outer)
    for part in components:
        assert part["type"] in {"application", "library", "machine-learning-model", "file"}
        assert part["name"]
        digests = [entry["content"] for entry in part.get("hashes", ())]
        assert len(set(digests)) == len(digests)
        assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in digests)
    for fault in bill["vulnerabilities"]:
        assert {target["ref"] for target in fault["affects"]} <= set(references)
        assert fault["analysis"]["state"] == "not_affected"
        assert fault["analysis"]["detail"]
    assert "CVE-2026-45829" in {fault["id"] for fault in bill["vulnerabilities"]}


# Asking an index -----------------------------------------------------------------


@contextmanager
def index(reply: object, status: int = 200) -> Iterator[tuple[str, list[str]]]:
    """Serve an index that says the same of every package; yield its address and what is asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = json.dumps(reply).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/simple/", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def table_of_packaging(tmp_path: Path) -> Path:
    """Return a table with one advisory, of the package in `small`."""
    path = tmp_path / "table.toml"
    path.write_text(
        '[licences]\nallowed = ["Apache-2.0", "BSD-2-Clause"]\n[licences.spellings]\n'
        "[licences.read]\n[licences.accepted]\n[absent]\n"
        "[advisories]\nchecked = 2026-11-22\n"
        '[[advisories.known]]\nid = "CVE-1"\naliases = ["GHSA-1"]\npackage = "packaging"\n'
        'affected = "<1"\nfixed = "1"\nwhat = "Something"\n',
        encoding="utf-8",
    )
    return path


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({"id": "PYSEC-1", "aliases": ["CVE-1"], "summary": "Known"}, 0),
        ({"id": "PYSEC-2", "aliases": ["CVE-2"], "summary": "Something new"}, 1),
        ({"id": "PYSEC-2", "withdrawn": "2026-01-01T00:00:00Z"}, 0),
    ],
)
def test_what_an_index_reports_has_to_be_in_the_table(
    small: Path, table_of_packaging: Path, run: Run, entry: dict[str, object], code: int
) -> None:
    """By any of its names; what was withdrawn does not count."""
    with index({"vulnerabilities": [entry]}) as (address, asked):
        done = run("--lock", small, "--table", table_of_packaging, "--online", "--index", address)
    assert done[0] == code
    assert ("Something new" in done[2]) is bool(code)
    version = packaging_line().split()[0].removeprefix("packaging==")
    assert asked == [f"/pypi/packaging/{version}/json"]


@pytest.mark.parametrize(("reply", "status"), [({}, 200), ([], 200), ("no", 404), ("no", 500)])
def test_an_index_that_tells_nothing_is_no_clean_bill(
    small: Path, table_of_packaging: Path, run: Run, reply: object, status: int
) -> None:
    """Silence is told as what it is."""
    with index(reply, status) as (address, _):
        done = run("--lock", small, "--table", table_of_packaging, "--online", "--index", address)
    assert done[0] == 1
    assert "tells no vulnerabilities of packaging" in done[2]


def test_the_index_of_pip_is_asked_and_only_on_request(
    small: Path, table_of_packaging: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the flag nobody is."""
    with index({"vulnerabilities": []}) as (address, asked):
        monkeypatch.setenv("PIP_INDEX_URL", address)
        assert run("--lock", small, "--table", table_of_packaging)[0] == 0
        assert asked == []
        assert run("--lock", small, "--table", table_of_packaging, "--online")[0] == 0
        assert len(asked) == 1
