"""BERTScore by a tiny random encoder: the numbers of the package `bert-score`, where that is installed."""

from pathlib import Path

import pytest

from evalgate import plugins
from evalgate.core.data import Example, MetricUse, Task, TaskSpec
from evalgate.core.errors import UsageError
from evalgate.core.results import Prediction
from evalgate.testing import check_metric

pytestmark = pytest.mark.slow
WORDS = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    *("the", "a", "cat", "dog", "sat", "on", "mat", "ran", "away", "lamp", "is", "late", "."),
]
PAIRS = [
    ("the cat sat on the mat .", "a dog sat on the mat"),
    ("the lamp is late", "the lamp is late"),
    ("ran", "the cat ran away from a dog ."),
    ("", "the cat"),
    ("unknown words here", "the cat is late ."),
]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    folder = tmp_path_factory.mktemp("encoder")
    torch.manual_seed(5)
    config = BertConfig(
        vocab_size=len(WORDS), hidden_size=24, num_hidden_layers=3, num_attention_heads=3, intermediate_size=32,
        max_position_embeddings=64,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    tokenizer = BertTokenizer(vocab={word: i for i, word in enumerate(WORDS)}, model_max_length=64)
    tokenizer.save_pretrained(folder)
    return folder


def digest_of(encoder: Path) -> str:
    from evalgate.backends.token_vectors import open_token_vectors

    return open_token_vectors(str(encoder), 2)[1]


def use(encoder: Path, **changes: str | int) -> MetricUse:
    return MetricUse(
        name="bert_score", options={"encoder": str(encoder), "layer": 2, "digest": digest_of(encoder), **changes}
    )


TASK = Task(spec=TaskSpec(name="t", kind="summarization", data="t", metrics=()), splits={})


def f1(asked: MetricUse, output: str, *references: str) -> float:
    answer = Prediction(example_id="e", system="s", task="t", output=output)
    return plugins.metric(asked).score(Example(id="e", inputs={}, references=references), answer, TASK).parts[0]


def test_it_keeps_the_protocol_and_names_its_weights(encoder: Path) -> None:
    metric = plugins.metric(use(encoder))
    check_metric(metric, Example(id="e", inputs={}, references=("the cat sat",)), TASK)
    assert metric.spec.signature == f"encoder:{digest_of(encoder)}|layer:2|idf:no|rescaled:no|refs:max|v1"


def test_a_text_fits_itself_best_and_the_best_reference_counts(encoder: Path) -> None:
    asked = use(encoder)
    same, other = f1(asked, "the cat sat", "the cat sat"), f1(asked, "the cat sat", "a dog ran away .")
    assert same == pytest.approx(1) and 0 <= other < same
    assert f1(asked, "the cat sat", "a dog ran away .", "the cat sat") == same
    assert f1(asked, "", "the cat sat") == 0


@pytest.mark.parametrize("layer", [1, 2, 3])
def test_the_numbers_are_the_packages(encoder: Path, layer: int) -> None:
    package = pytest.importorskip("bert_score", reason="the package bert-score is not installed")
    outputs, references = [a for a, _ in PAIRS if a], [b for a, b in PAIRS if a]
    wanted = package.score(outputs, references, model_type=str(encoder), num_layers=layer, device="cpu")[2]
    for output, reference, value in zip(outputs, references, wanted.tolist(), strict=True):
        assert f1(use(encoder, layer=layer), output, reference) == pytest.approx(value, abs=1e-5)


def test_other_weights_are_refused_whole_text(encoder: Path) -> None:
    digest = digest_of(encoder)
    with pytest.raises(UsageError) as caught:
        f1(use(encoder, digest="0" * 64), "the cat", "the dog")
    assert str(caught.value) == (
        f"error[encoder-differs]: the encoder of bert_score is another one than declared: expected 000000000000, found "
        f"{digest[:12]}\n  at: {encoder}\n\nhint: restore its files, or declare these: `digest: {digest}`"
    )


def test_it_needs_to_know_which_encoder_whole_text() -> None:
    with pytest.raises(UsageError) as caught:
        plugins.metric(MetricUse(name="bert_score"))
    assert str(caught.value) == (
        "error[bad-metric-option]: the metric bert_score needs the options encoder, layer and digest\n\n"
        "hint: e.g. `{encoder: models/encoder, layer: 8, digest: ...}`; a wrong digest is told the right one"
    )
