"""Decoding in slots against transformers' `generate` in float32: the same answers, or `generate` itself.

With graphs where there is a GPU, without them elsewhere.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_model import save_adapter, save_tiny_model

from evalgate.backends import slot_decoding as decoding
from evalgate.backends import ways
from evalgate.backends.hf import HFBackend
from evalgate.backends.model_files import locate
from evalgate.core.data import Message, ModelSpec, Sampling
from evalgate.core.protocols import Request
from evalgate.core.results import Generation

pytestmark = pytest.mark.slow

SHARED = "Answer the question of the customer in one word, please: "
WORDS = ("chair", "a lamp?", "where is my red sofa", "", "refund the table now", "é ü", "box 17", "is it late or not")
SCHEMA = {
    "type": "object",
    "properties": {"n": {"enum": [1, 22, 333]}},
    "required": ["n"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def adapters(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("adapters")
    return {name: save_adapter(folder, root / name, seed) for seed, name in enumerate("ab", 1)}


def open_backend(folder: Path, *, slots: bool) -> HFBackend:
    spec = ModelSpec(id=str(folder), dtype="float32")
    return HFBackend(spec, locate(spec), slots=slots)


Pair = tuple[HFBackend, HFBackend]


@pytest.fixture(scope="module")
def pair(folder: Path) -> Pair:
    return open_backend(folder, slots=True), open_backend(folder, slots=False)


def requests(prompts: list[str], **sampling: Any) -> list[Request]:
    settings = Sampling(**{"max_tokens": 24, **sampling})
    return [Request(messages=(Message(role="user", content=text),), sampling=settings) for text in prompts]


def answers(backend: HFBackend, asked: list[Request], adapter: str | None = None) -> list[Generation]:
    found = dict(backend.generate(asked, adapter=adapter))
    assert sorted(found) == list(range(len(asked)))
    return [found[i] for i in range(len(asked))]


def known(found: list[Generation]) -> list[tuple[str | None, str, int | None]]:
    return [(g.output, g.status, g.completion_tokens) for g in found]


def changed_settings(folder: Path, target: Path, **settings: Any) -> Path:
    """A copy of the model with other generation settings."""
    target.mkdir()
    for file in folder.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    file = target / "generation_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))
    return target


@pytest.mark.parametrize("shared", ["", SHARED], ids=["no-prefix", "prefix"])
@pytest.mark.parametrize(
    "sampling",
    [{}, {"max_tokens": 1}, {"stop": ("e",)}, {"stop": ("ga", "##", "\n\n")}, {"stop": ("o", "ga")}],
    ids=str,
)
def test_answers_are_those_of_generate(pair: Pair, shared: str, sampling: dict[str, Any]) -> None:
    slots, stock = pair
    asked = requests([f"{shared}{word}" for word in WORDS], **sampling)
    found = answers(slots, asked)
    assert known(found) == known(answers(stock, asked))
    assert len({g.output for g in found}) > 1, "the oracle is only worth something if texts differ"
    assert slots.identity["decoding"] == decoding.NAME
    assert "decoding_trouble" not in slots.identity


def test_one_prompt_alone_has_the_answer_that_it_has_in_a_batch(pair: Pair) -> None:
    asked = requests(list(WORDS))
    assert known(answers(pair[0], asked)) == [known(answers(pair[0], [r]))[0] for r in asked]


def test_stop_strings_are_found_in_every_row(pair: Pair) -> None:
    slots, stock = pair
    for free in answers(stock, requests(list(WORDS))):
        assert free.output is not None
        mark = next(free.output[k : k + 2] for k in range(2, 20) if free.output[k : k + 2].isascii())
        asked = requests(list(WORDS), stop=(mark,))
        stopped = answers(slots, asked)
        assert known(stopped) == known(answers(stock, asked))
        assert any(g.status == "ok" for g in stopped)


@pytest.mark.parametrize("order", [(None, "a", None), ("a", "b", "a", None)], ids=str)
def test_adapters_have_steps_of_their_own(
    folder: Path, adapters: dict[str, str], order: tuple[str | None, ...]
) -> None:
    slots, stock = open_backend(folder, slots=True), open_backend(folder, slots=False)
    asked = requests([f"{SHARED}{word}" for word in WORDS])
    base = known(answers(slots, asked))
    for name, path in adapters.items():
        slots.add_adapter(name, path)
        stock.add_adapter(name, path)
    wanted = {adapter: known(answers(stock, asked, adapter)) for adapter in (None, "a", "b")}
    assert wanted[None] == base
    assert len({str(texts) for texts in wanted.values()}) == 3
    for adapter in order:
        assert known(answers(slots, asked, adapter)) == wanted[adapter]


def test_several_end_tokens_each_end_an_answer(folder: Path, tmp_path: Path, pair: Pair) -> None:
    free = answers(pair[1], requests(list(WORDS)))
    ids = pair[1].tokenizer(free[0].output, add_special_tokens=False).input_ids
    other = changed_settings(folder, tmp_path / "ends", eos_token_id=[2, ids[3], ids[5]])
    asked = requests(list(WORDS))
    found = answers(open_backend(other, slots=True), asked)
    assert known(found) == known(answers(open_backend(other, slots=False), asked))
    assert any((g.completion_tokens or 0) < 24 for g in found)


def test_constrained_answers_are_those_of_generate(pair: Pair) -> None:
    pytest.importorskip("llguidance")
    for constraint, grammar in (("json_schema", SCHEMA), ("choices", ["sofa", "table", "tables"])):
        asked = requests(list(WORDS), constraint=constraint, grammar=json.dumps(grammar))
        found = answers(pair[0], asked)
        assert known(found) == known(answers(pair[1], asked))
        assert all(g.status == "ok" for g in found)


def test_the_models_repetition_penalty_counts_prompt_and_answer(folder: Path, tmp_path: Path, pair: Pair) -> None:
    other = changed_settings(folder, tmp_path / "penalty", repetition_penalty=1.7)
    for shared in ("", SHARED):
        asked = requests([f"{shared}{word}" for word in WORDS])
        slots = open_backend(other, slots=True)
        stock = open_backend(other, slots=False)
        assert [g.output for g in answers(slots, asked)] == [answers(stock, [r])[0].output for r in asked]
        assert known(answers(slots, asked)) != known(answers(pair[0], asked))
        assert slots.identity["decoding"] == decoding.NAME


def test_settings_that_only_generate_follows_are_left_to_it(folder: Path, tmp_path: Path) -> None:
    other = changed_settings(folder, tmp_path / "ngram", no_repeat_ngram_size=2)
    slots = open_backend(other, slots=True)
    asked = requests(list(WORDS))
    assert known(answers(slots, asked)) == known(answers(open_backend(other, slots=False), asked))
    assert slots.identity["decoding"] == "generate"
    assert slots.identity["decoding_trouble"] == "the model's generation settings have no_repeat_ngram_size"


def test_sampled_answers_are_those_of_generate(pair: Pair) -> None:
    asked = requests(list(WORDS), temperature=1.5, seed=3)
    assert known(answers(pair[0], asked)) == known(answers(pair[1], asked))
    assert "decoding_trouble" not in pair[0].identity


def test_a_step_that_fails_loses_no_example(pair: Pair, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slots = open_backend(folder, slots=True)
    assert slots.identity["decoding"] == decoding.NAME

    def fail(*_: Any) -> None:
        raise RuntimeError("operation not permitted\nwhen stream is capturing")

    monkeypatch.setattr(decoding.Step, "__call__", fail)
    for asked in (requests(list(WORDS)), requests(["x"], constraint="choices", grammar='["a", "b"]')):
        assert known(answers(slots, asked)) == known(answers(pair[1], asked))
    assert slots.identity["decoding"] == decoding.NAME, "what the run's record was begun with"
    assert slots.identity["decoding_trouble"] == "RuntimeError: operation not permitted when stream is capturing"


def test_a_batch_too_large_for_memory_is_halved(pair: Pair, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    slots = open_backend(folder, slots=True)
    whole, sizes = decoding.SlotDecoder.answer, []

    def at_most_two(self: Any, model: Any, adapter: Any, rows: list[list[int]], **more: Any) -> list[list[int]]:
        sizes.append(len(rows))
        if len(rows) > 2:
            raise torch.cuda.OutOfMemoryError("pretended")
        return whole(self, model, adapter, rows, **more)

    monkeypatch.setattr(decoding.SlotDecoder, "answer", at_most_two)
    asked = requests(list(WORDS))
    assert known(answers(slots, asked)) == known(answers(pair[1], asked))
    assert sizes[0] == 8
    assert 2 in sizes
    assert "decoding_trouble" not in slots.identity


def gemma(**fields: Any) -> Any:
    from transformers import Gemma2Config

    return Gemma2Config(head_dim=8, query_pre_attn_scalar=8, **fields)


def mistral(**fields: Any) -> Any:
    from transformers import MistralConfig

    return MistralConfig(sliding_window=20, **fields)


def save_other(folder: Path, target: Path, make: Callable[..., Any]) -> Path:
    """The tiny model's tokenizer with another architecture."""
    import torch
    from transformers import AutoModelForCausalLM

    changed_settings(folder, target)
    (target / "model.safetensors").unlink()
    torch.manual_seed(1)
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    ends = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    config = make(
        vocab_size=259, num_key_value_heads=2, initializer_range=0.4, max_position_embeddings=256, **shape, **ends
    )
    AutoModelForCausalLM.from_config(config).save_pretrained(target)
    return target


def test_layers_that_look_back_only_so_far_do_so_in_slots(folder: Path, tmp_path: Path) -> None:
    other = save_other(folder, tmp_path / "window", mistral)
    asked = requests([f"{word} {SHARED}" for word in WORDS])
    slots = open_backend(other, slots=True)
    assert known(answers(slots, asked)) == known(answers(open_backend(other, slots=False), asked))
    assert slots.identity["decoding"] == decoding.NAME


def test_attention_that_slots_do_not_know_is_left_to_generate(folder: Path, tmp_path: Path) -> None:
    other = save_other(folder, tmp_path / "softcap", gemma)
    asked = requests(list(WORDS))
    slots = open_backend(other, slots=True)
    assert known(answers(slots, asked)) == known(answers(open_backend(other, slots=False), asked))
    assert slots.identity["decoding"] == "generate"
    assert slots.identity["decoding_trouble"] == "NotImplementedError: attention with softcap"


def test_a_model_that_answers_otherwise_in_slots_is_not_trusted_to_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = decoding.Step.place

    def one_too_far(self: decoding.Step, starts: list[int], lengths: list[int]) -> None:
        whole(self, starts, [n + 1 for n in lengths])

    monkeypatch.setattr(decoding.Step, "place", one_too_far)
    found = open_backend(folder, slots=True).identity
    assert found["decoding"] == "generate"
    assert found["decoding_trouble"].startswith("ArithmeticError: logits differ from the model's own by 0.")


def test_the_models_own_attention_comes_back(pair: Pair) -> None:
    import torch

    slots, stock = pair
    ids = torch.arange(3, 60, device=slots.module.device)[None]
    answers(slots, requests(list(WORDS)))
    with torch.inference_mode():
        assert torch.equal(slots.module(input_ids=ids).logits, stock.module(input_ids=ids).logits)
    assert slots.module.config._attn_implementation == stock.module.config._attn_implementation == "sdpa"


def test_large_buffers_are_given_back_and_small_ones_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slots, asked = open_backend(folder, slots=True), requests(list(WORDS))
    held = slots._ways._slots
    assert held is not None
    first = answers(slots, asked)
    assert held._buffers is not None
    monkeypatch.setattr(ways, "KEPT_BYTES", 1)
    again = answers(slots, asked)
    assert held._buffers is None
    assert not held._steps
    assert known(first) == known(again) == known(answers(slots, asked))


def test_many_long_prompts_are_computed_in_several_calls(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "PREFILL_TOKENS", 60)
    asked = requests([f"{word} " * (k + 1) for k, word in enumerate(WORDS * 5)])
    assert known(answers(pair[0], asked)) == known(answers(pair[1], asked))
