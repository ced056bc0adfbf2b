"""The embedded reranker, on its real weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rag.errors import ModelRejected
from rag.models import cross_encoder
from rag.models.cross_encoder import CrossEncoder
from tests.models.damaged import flip_a_byte

QUESTION = "Who designed the bridge?"
TEXTS = [
    "Bananas are yellow.",
    "The bridge was designed by Ada Morley, who never saw it finished.",
    "The bridge was opened in 1932.",
]


@pytest.fixture(scope="module")
def model() -> CrossEncoder:
    """Return the model, loaded once."""
    return CrossEncoder(threads=1)


def test_the_answer_is_most_relevant_and_what_is_beside_it_more_than_the_rest(
    model: CrossEncoder,
) -> None:
    """In the order of the texts, though they are batched by their length."""
    other, answer, beside = model.relevance(QUESTION, TEXTS)
    assert answer > 0 > other
    assert answer > beside > other


def test_other_words_than_those_of_the_text_are_understood(model: CrossEncoder) -> None:
    """That is what it is for: words alone would not tell."""
    texts = ["Holt was born in Lancaster in 1880.", "Holt wrote down what ships had carried."]
    first, second = model.relevance("Where does Holt come from?", texts)
    assert first > second + 2


def test_no_text_gives_no_score(model: CrossEncoder) -> None:
    """An empty list is not an error, nor is an empty text or a long question."""
    assert model.relevance(QUESTION, []).shape == (0,)
    assert np.isfinite(model.relevance("why " * 900, ["", "word " * 900])).all()


def test_a_batch_gives_nearly_what_single_texts_give(model: CrossEncoder) -> None:
    """Activations are quantised on the fly, so not exactly."""
    together = model.relevance(QUESTION, TEXTS * 5)
    alone = [model.relevance(QUESTION, [text])[0] for text in TEXTS * 5]
    assert together == pytest.approx(alone, abs=0.6)


@pytest.mark.parametrize("file", list(cross_encoder.SHA256))
def test_a_changed_byte_in_any_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: tuple[str, str]
) -> None:
    """Of the weights or of the tokenizer; with what to do."""
    flip_a_byte(file, tmp_path, monkeypatch)
    with pytest.raises(ModelRejected, match=rf"{file[1]}.*damaged or another version.*make"):
        CrossEncoder(threads=1)
