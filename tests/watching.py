"""Runs a program and sees whom it, and all it starts, speaks to, and what it leaves behind.

Python's own connections are refused unless they stay on this machine, and told. Those of
native code are seen by strace, where it is installed and allowed.
"""

from __future__ import annotations

import ipaddress
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.conftest import MODELS, ROOT

_PATIENCE = 300
_GUARD = """
import ipaddress, os, sys

def _is_here(host):
    host = host.decode() if isinstance(host, bytes) else host
    if host in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

def _watch(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
    else:
        return
    if not _is_here(host):
        with open(os.environ["TEST_REFUSED"], "a") as told:
            told.write(f"{event} {host}\\n")
        raise OSError(f"a test tried to reach {host}")

sys.addaudithook(_watch)
"""
_ADDRESS = re.compile(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')
# By these, programs tell that they are tested, and some then do not report to anyone.
_OF_TESTS = re.compile(
    "CI|ORT_.*|PYTEST_.*|GITHUB_.*|GITLAB_.*|TF_BUILD|CIRCLECI|TRAVIS|JENKINS_.*|CODEBUILD_.*|"
    "BUILDKITE.*|DO_NOT_TRACK|HF_.*|XDG_.*|FOOTNOTE_.*|OPENAI_.*"
)


@dataclass(frozen=True)
class Watched:
    """What a program did."""

    said: str
    refused: tuple[str, ...]
    """Connections and look-ups that Python code tried."""
    reached: tuple[str, ...] | None
    """Addresses that any code spoke to, None where strace is missing."""
    left: tuple[str, ...]
    """Files in the user's folder afterwards."""


def watched(folder: Path, program: str, *arguments: str, **environment: str) -> Watched:
    """Run a Python program in `folder`, as on a machine where nothing was ever run."""
    user, guard, refused = folder / "user", folder / "guard", folder / "refused"
    trace = folder / "trace"
    for made in (user, guard):
        made.mkdir()
    (guard / "sitecustomize.py").write_text(_GUARD, encoding="utf-8")
    kept = {k: v for k, v in os.environ.items() if not _OF_TESTS.fullmatch(k)}
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(
        [*_strace(trace), *command] if can_trace() else command,
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        timeout=_PATIENCE,
        env=kept
        | {
            "HOME": str(user),
            "FOOTNOTE_MODELS": str(MODELS),
            "PYTHONPATH": os.pathsep.join((str(guard), str(ROOT))),
            "TEST_REFUSED": str(refused),
        }
        | environment,
    )
    assert done.returncode == 0, done.stderr
    return Watched(
        done.stdout,
        tuple(refused.read_text(encoding="utf-8").splitlines()) if refused.exists() else (),
        _reached(trace.read_text(encoding="utf-8")) if can_trace() else None,
        tuple(str(path.relative_to(user)) for path in user.rglob("*") if path.is_file()),
    )


@cache
def can_trace() -> bool:
    """Tell whether strace is installed and may be used."""
    if shutil.which("strace") is None:
        return False
    tried = subprocess.run([*_strace(Path(os.devnull)), "true"], capture_output=True, check=False)
    return tried.returncode == 0


def _strace(to: Path) -> list[str]:
    calls = "trace=connect,sendto,sendmsg,sendmmsg"
    return ["strace", "-f", "-qq", "--seccomp-bpf", "-e", calls, "-o", str(to)]


def _reached(trace: str) -> tuple[str, ...]:
    hosts = {found[1] or found[2] for found in _ADDRESS.finditer(trace)}
    return tuple(sorted(host for host in hosts if not ipaddress.ip_address(host).is_loopback))
