"""A local model as an encoder: batches and padding change no vector."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_model import save_tiny_model

from evalgate.backends import encoder
from evalgate.backends.encoder import PACKAGE, note_of, open_encoder
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


def save_sentence_model(folder: Path, pooling: str) -> Path:
    """A folder in the layout of sentence-transformers: a random BERT of two layers, and how its states are pooled."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    words = ["the", "lamp", "sofa", "red", "chair", "parcel", "is", "late"]
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]))
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words) + 5, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
    )
    BertModel(config).save_pretrained(folder)
    parts = [("", "sentence_transformers.models.Transformer"), ("1_Pooling", "sentence_transformers.models.Pooling")]
    modules = [{"idx": i, "name": str(i), "path": path, "type": kind} for i, (path, kind) in enumerate(parts)]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    ways = {f"pooling_mode_{way}": way == pooling for way in ("cls_token", "mean_tokens", "max_tokens")}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 16, **ways}))
    return folder


TEXTS = [f"the {w} is late " * n for n, w in enumerate(("lamp", "sofa", "red chair", "parcel"), 1)]


def states_of(folder: Path) -> list[Any]:
    """Each text's last hidden states, by transformers alone."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    with torch.inference_mode():
        return [model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].double().numpy() for text in TEXTS]


@pytest.mark.parametrize("pooling", ["cls_token", "mean_tokens", "max_tokens"])
@pytest.mark.skipif(find_spec(PACKAGE) is None, reason="sentence-transformers is not installed (the extra `dense`)")
def test_a_folder_of_sentence_transformers_pools_as_it_was_trained(tmp_path: Path, pooling: str) -> None:
    folder = save_sentence_model(tmp_path / "bert", pooling)
    encode, digest = open_encoder(folder)
    pool = {"cls_token": lambda s: s[0], "mean_tokens": lambda s: s.mean(0), "max_tokens": lambda s: s.max(0)}[pooling]
    rows = np.array([pool(states) for states in states_of(folder)])
    assert np.allclose(encode(TEXTS), rows / np.linalg.norm(rows, axis=1, keepdims=True), atol=1e-5)
    assert note_of(folder) == ""
    config = folder / "1_Pooling" / "config.json"
    config.write_text(config.read_text().replace("16", "16 "))
    assert open_encoder(folder)[1] != digest, "other modules are another encoder"


def test_without_the_package_the_mean_of_states_is_used_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder, "find_spec", lambda name: None)
    folder = save_sentence_model(tmp_path / "bert", "cls_token")
    rows = np.array([states.mean(0) for states in states_of(folder)])
    encode, _ = open_encoder(folder)
    assert np.allclose(encode(TEXTS), rows / np.linalg.norm(rows, axis=1, keepdims=True), atol=1e-5)
    assert note_of(folder) == (
        f"encoder {folder} is made for sentence-transformers, which is not installed: the mean of its last hidden "
        "states is used, whatever pooling it was trained with; `pip install 'evalgate-harness[dense]'` brings it"
    )
    assert note_of(save_tiny_model(tmp_path / "tiny")) == ""


def test_modules_that_name_nothing_are_told_of(tmp_path: Path) -> None:
    (tmp_path / "modules.json").write_text("[]")
    with pytest.raises(UsageError) as caught:
        open_encoder(tmp_path)
    assert str(caught.value) == (
        "error[bad-encoder]: the encoder's modules.json names no modules\n"
        f"  at: {tmp_path / 'modules.json'}\n\n"
        "hint: restore it, or delete it to use the mean of the model's last hidden states"
    )
