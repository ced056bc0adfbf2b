"""Runs a transformer of an installed package with ONNX Runtime, batches of like length at once.

Knows nothing of what its outputs mean. Weights and tokenizer are files of installed
packages; no code of theirs is run, and each is checked by SHA-256.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

# Read by ONNX Runtime when it begins: else it names this machine in a file of the user's, and
# tells its makers of each model it loads. Switching that off later would be too late.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from rag.errors import ModelRejected

PackagedFile = tuple[str, str]
"""A package and the path of a file in it."""


class OnnxEncoder:
    """A model and its tokenizer; inputs are cut at `max_tokens` word pieces.

    Batches are run side by side, with a thread each: of threads that share a batch the second
    gained a tenth. Larger batches than `batch` pad more than they save; smaller ones have threads
    wait for each other in Python.

    Raises:
        ModelRejected: a file is missing or not the one recorded in `sha256`.
    """

    def __init__(
        self,
        model: PackagedFile,
        tokenizer: PackagedFile,
        sha256: Mapping[PackagedFile, str],
        *,
        threads: int,
        max_tokens: int,
        batch: int,
    ) -> None:
        self._batch = batch
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="encoder")
        self._tokenizer = Tokenizer.from_str(checked(tokenizer, sha256).decode())
        self._tokenizer.enable_truncation(max_tokens)
        self._tokenizer.no_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            checked(model, sha256), options, providers=["CPUExecutionProvider"]
        )
        self._inputs = {i.name for i in self._session.get_inputs()}

    def run(
        self, inputs: Sequence[str] | Sequence[tuple[str, str]]
    ) -> Iterator[tuple[list[int], NDArray[np.int64], NDArray[np.float32]]]:
        """Yield, batch by batch, places in `inputs`, the mask of tokens and the first output.

        The mask has shape (batch, tokens); the output has the batch as its first axis.
        """
        encodings = self._tokenizer.encode_batch(list(inputs))
        # Texts of like length share a batch, so that little is padded.
        order = sorted(range(len(encodings)), key=lambda i: len(encodings[i].ids))
        batches = [order[n : n + self._batch] for n in range(0, len(order), self._batch)]
        # The longest first, so that no thread is left with them in the end.
        yield from self._pool.map(partial(self._output, encodings), reversed(batches))

    def _output(
        self, encodings: Sequence[Encoding], places: list[int]
    ) -> tuple[list[int], NDArray[np.int64], NDArray[np.float32]]:
        feed = _padded([encodings[place] for place in places])
        wanted = {name: rows for name, rows in feed.items() if name in self._inputs}
        output = np.asarray(self._session.run(None, wanted)[0], dtype=np.float32)
        return places, feed["attention_mask"], output


def find_file(file: PackagedFile) -> Path:
    """Return the path of a file inside an installed package, without importing the package."""
    package, name = file
    spec = importlib.util.find_spec(package)
    path = Path(spec.origin).parent / name if spec and spec.origin else None
    if path is None or not path.is_file():
        raise ModelRejected(
            f"The file {name} of the package {package} is missing. Run `make setup` again."
        )
    return path


def checked(file: PackagedFile, sha256: Mapping[PackagedFile, str]) -> bytes:
    """Return the bytes of a file whose recorded checksum they have; raises ModelRejected."""
    data = find_file(file).read_bytes()
    if hashlib.sha256(data).hexdigest() != sha256[file]:
        raise ModelRejected(
            f"The file {file[1]} of the package {file[0]} is damaged or another version: it has "
            "not the checksum that was recorded for it. Run `make clean setup`."
        )
    return data


def _padded(batch: Sequence[Encoding]) -> dict[str, NDArray[np.int64]]:
    shape = len(batch), max(len(encoding.ids) for encoding in batch)
    ids, mask, types = (np.zeros(shape, dtype=np.int64) for _ in range(3))
    for row, encoding in enumerate(batch):
        length = len(encoding.ids)
        ids[row, :length] = encoding.ids
        types[row, :length] = encoding.type_ids
        mask[row, :length] = 1
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
