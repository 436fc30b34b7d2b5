"""A local model as an encoder: batches and padding change no vector."""

from pathlib import Path

import numpy as np
import pytest
from tiny_model import save_tiny_model

from evalgate.backends.encoder import open_encoder
from evalgate.core.data import Passage
from evalgate.core.errors import UsageError
from evalgate.systems.retrieval import DenseRetriever

pytestmark = pytest.mark.slow


def test_vectors_do_not_depend_on_the_batch_and_find_the_text_itself(tmp_path: Path) -> None:
    encode, digest = open_encoder(save_tiny_model(tmp_path / "tiny"))
    texts = [f"the {w} is late " * n for n, w in enumerate(("lamp", "sofa", "red chair", "parcel"), 1)]
    together = encode(texts)
    assert together.shape == (4, 32)
    assert np.allclose(np.linalg.norm(together, axis=1), 1)
    assert np.allclose(together, np.concatenate([encode([text]) for text in texts]), atol=1e-5)
    passages = [Passage(id=f"p{i}", title="T", text=text) for i, text in enumerate(texts)]
    found = DenseRetriever(passages, encode, digest).search([f"T\n{text}" for text in texts], 1)
    assert [row[0].id for row in found] == ["p0", "p1", "p2", "p3"]


def test_an_encoder_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="base-model-missing"):
        open_encoder(tmp_path / "nothing")
