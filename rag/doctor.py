"""Checks the installation, the models and one home, and says what to do; changes nothing.

Knows nothing of how the checks are shown. A home that is broken, locked or not there is a
finding, never an error.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import socket
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import urlsplit

from rag import examining
from rag.errors import FootnoteError, ModelRejected
from rag.models.addresses import place_of
from rag.schema import Check
from rag.settings import Settings

PACKAGES = ("llama-index-core", "chromadb", "openai", "gradio", "onnxruntime", "xllamacpp")
_OLDEST_PYTHON = (3, 11)
_REINSTALL = "Run `make clean setup`."
# Below this, adding documents would soon fail half-way.
_LEAST_FREE_BYTES = 200_000_000
_CONNECT_SECONDS = 2.0


def doctor(settings: Settings) -> list[Check]:
    """Return every check, in the order a person would go through them."""
    checks: dict[str, Callable[[Settings], Check]] = {
        "Python": _python,
        "packages": _packages,
        "embedding model": _embedding_model,
        "reranker": _reranker,
        "language model": _language_model,
        "home": _home,
        "disk": _disk,
        "library": examining.library,
        "words": examining.words,
        "vectors": examining.vectors,
        "embedding": _embedding,
        "index": _index,
        "lock": examining.lock,
        "unfinished files": examining.unfinished,
    }
    return [checked(name, check, settings) for name, check in checks.items()]


def checked(name: str, check: Callable[[Settings], Check], settings: Settings) -> Check:
    """Return what a check finds; one that fails to find out is a finding as well."""
    try:
        return check(settings)
    except FootnoteError as error:
        # The messages say what is wrong first, and then what to do.
        detail, _, fix = str(error).partition(". ")
        return Check(name, False, detail, fix or _REINSTALL)
    except (OSError, ValueError, ImportError) as error:
        return Check(name, False, f"cannot be checked: {error}", _fix_for(error, settings))


def _fix_for(error: Exception, settings: Settings) -> str:
    if isinstance(error, ImportError):
        return _REINSTALL
    return f"Check that {settings.home} is a folder you may read and write."


# Installation ---------------------------------------------------------------------


def _python(_settings: Settings) -> Check:
    ok = sys.version_info[:2] >= _OLDEST_PYTHON
    oldest = ".".join(map(str, _OLDEST_PYTHON))
    fix = None if ok else f"Install Python {oldest} or later, then run `make clean setup`."
    return Check("Python", ok, f"{platform.python_version()} ({sys.executable})", fix)


def _packages(_settings: Settings) -> Check:
    found, missing = [], []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return Check("packages", False, f"missing: {', '.join(missing)}", "Run `make setup`.")
    return Check("packages", True, ", ".join(found))


# Models ---------------------------------------------------------------------------


def _embedding_model(settings: Settings) -> Check:
    if settings.embedding == "embedded" and settings.embedding_url is None:
        # Heavy: brings ONNX Runtime. That it loads at all is part of the check.
        from rag.models.minilm import SHA256

        return _packaged("embedding model", "all-MiniLM-L6-v2", SHA256)
    # Heavy: the clients of models.
    from rag.models.chat import build_openai_embedder

    build_openai_embedder(settings).close()  # raises for settings that cannot work
    return _endpoint(
        "embedding model", settings.embedding, settings.embedding_url, "FOOTNOTE_EMBEDDING_URL"
    )


def _reranker(_settings: Settings) -> Check:
    # Heavy, as above.
    from rag.models.cross_encoder import SHA256

    return _packaged("reranker", "ms-marco-MiniLM-L-12-v2", SHA256)


def _packaged(name: str, model: str, sha256: Mapping[tuple[str, str], str]) -> Check:
    # Heavy, as above.
    from rag.models.onnx_encoder import checked

    for file in sha256:
        checked(file, sha256)  # raises for one that is missing or damaged
    return Check(name, True, f"embedded ({model}), checksums right")


def _language_model(settings: Settings) -> Check:
    # Heavy, as above.
    from rag.models import weights
    from rag.models.chat import build_chat_model

    model = build_chat_model(settings)  # raises for settings that cannot work
    if model is None:
        return Check("language model", True, "none: answers are quotes")
    model.close()
    name = settings.llm
    if name == "embedded":
        return _embedded_model(settings)
    if name.lower().startswith("hf:"):
        repository, file_name = weights.parse_hub_name(name)
        place = settings.models_folder / "hub" / repository.replace("/", "--") / file_name
        state = "downloaded" if place.is_file() else "downloaded at the first question"
        return Check("language model", True, f"{name}, {state}")
    if name.lower().endswith(".gguf"):
        return Check("language model", True, str(weights.local_gguf(Path(name))))
    return _endpoint("language model", name, settings.llm_url, "FOOTNOTE_LLM_URL")


def _embedded_model(settings: Settings) -> Check:
    # As above.
    from rag.models import weights

    name, size = weights.EMBEDDED_NAME, weights.EMBEDDED.size
    parts = weights.EMBEDDED.find_parts()
    have = sum(part.stat().st_size for part in parts if part.is_file())
    if have != size:
        raise ModelRejected(
            f"The installed parts of {name} have {have:,} bytes instead of {size:,}. {_REINSTALL}"
        )
    folder = settings.models_folder
    joined = folder / weights.EMBEDDED.name
    if _has_stamp(joined, weights.EMBEDDED.sha256):
        return Check("language model", True, f"{name}, ready in {folder}")
    needed, free = size + weights.SPARE_BYTES, shutil.disk_usage(_existing(folder)).free
    if free < needed:
        return Check(
            "language model",
            False,
            f"{name} needs {needed / 1e9:.1f} GB in {folder}, {free / 1e9:.1f} GB are free",
            "Free some space, or set FOOTNOTE_MODELS to a folder on another disk.",
        )
    state = "checked again" if joined.is_file() else "joined"
    return Check("language model", True, f"{name}, {state} at the first question")


def _has_stamp(joined: Path, sha256: str) -> bool:
    """Tell whether the joined file was verified and has not changed since."""
    try:
        stamp = json.loads(joined.with_name(joined.name + ".json").read_text(encoding="utf-8"))
        status = joined.stat()
    except (OSError, ValueError):
        return False
    return bool(stamp == {"size": status.st_size, "mtime_ns": status.st_mtime_ns, "sha256": sha256})


def _endpoint(check: str, model: str, url: str | None, variable: str) -> Check:
    if url is None:
        return Check(check, True, f"{model}, at OpenAI (not tried, so as not to be charged)")
    trouble = _unreachable(url)
    if trouble is not None:
        fix = f"Start the server, or correct {variable}."
        return Check(check, False, f"{model}: {place_of(url)} does not answer ({trouble})", fix)
    return Check(check, True, f"{model}, at {place_of(url)}")


def _unreachable(url: str) -> str | None:
    """Return why no connection to the host of this address can be made, None if one can."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), _CONNECT_SECONDS).close()
    except OSError as error:
        return error.strerror or str(error)
    return None


# Home -----------------------------------------------------------------------------


def _existing(path: Path) -> Path:
    """Return the path itself, or the nearest folder above it that is there."""
    return next(place for place in (path, *path.parents) if os.path.lexists(place))


def _home(settings: Settings) -> Check:
    home = settings.home
    place = _existing(home)
    fix = "Make it a folder you may write to, or choose another with --home or FOOTNOTE_HOME."
    if not place.is_dir():
        return Check("home", False, f"{home} cannot be made: {place} is no folder", fix)
    if not os.access(place, os.R_OK | os.W_OK | os.X_OK):
        return Check("home", False, f"{place} cannot be written", fix)
    return Check("home", True, f"{home}" if place == home else f"{home} (made at the first use)")


def _disk(settings: Settings) -> Check:
    free = shutil.disk_usage(_existing(settings.home)).free
    ok = free >= _LEAST_FREE_BYTES
    fix = None if ok else "Free some space, or choose a home on another disk."
    return Check("disk", ok, f"{free / 1e9:.1f} GB free", fix)


def _embedding(settings: Settings) -> Check:
    there = examining.is_there(settings)
    stored = examining.facts_of(settings).get("embedding") if there else None
    if stored is None:
        return Check("embedding", True, "nothing is embedded yet")
    if _made_by(stored, settings):
        return Check("embedding", True, f"{stored}, as the settings name it")
    return Check(
        "embedding",
        False,
        f"the library was embedded with {stored}, the settings name {settings.embedding}",
        "Set FOOTNOTE_EMBEDDING back, or run `footnote reembed`.",
    )


def _made_by(fingerprint: str, settings: Settings) -> bool:
    if settings.embedding == "embedded":
        # Heavy: brings ONNX Runtime.
        from rag.models.minilm import FINGERPRINT

        return fingerprint == FINGERPRINT
    # The rest of such a fingerprint, the length of the vectors, only the server knows.
    return f":{settings.embedding.removeprefix('openai/')}:" in fingerprint


def _index(settings: Settings) -> Check:
    if settings.chroma_url is None:
        return examining.index(settings)
    trouble = _unreachable(settings.chroma_url)
    if trouble is None:
        return Check("index", True, f"on the Chroma server at {place_of(settings.chroma_url)}")
    return Check(
        "index",
        False,
        f"the Chroma server at {place_of(settings.chroma_url)} does not answer ({trouble})",
        "Start it, or remove FOOTNOTE_CHROMA_URL. Search works meanwhile, more slowly.",
    )
