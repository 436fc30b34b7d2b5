"""Rows that end leave the batch, and keys and values grow in place: neither changes what the others say."""

from pathlib import Path
from typing import Any

import pytest
from test_hf_backend import SHARED, WORDS, answers, open_backend, request
from tiny_model import save_adapter, save_tiny_model

from evalgate.backends import decoding
from evalgate.backends.hf import HFBackend
from evalgate.backends.kv_cache import growing_cache, select, spread
from evalgate.core.protocols import Request

pytestmark = pytest.mark.slow

# Most letters end an answer, so that rows end at all steps.
STOPS = tuple("abcdefghijklmnopqrstuvwxyz")
SCHEMA = '{"type": "object", "properties": {"n": {"type": "string", "maxLength": 9}}, "required": ["n"]}'


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> HFBackend:
    folder = save_tiny_model(tmp_path_factory.mktemp("tiny"))
    found = open_backend(folder)
    found.add_adapter("a", save_adapter(folder, tmp_path_factory.mktemp("adapter"), 1))
    return found


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows stayed, each time that some left."""
    seen: list[int] = []
    keep = decoding._keep

    def watched(stay: Any, *rest: Any) -> None:
        seen.append(len(stay))
        keep(stay, *rest)

    monkeypatch.setattr(decoding, "_keep", watched)
    return seen


@pytest.mark.parametrize("adapter", [None, "a"])
@pytest.mark.parametrize("shared", ["", SHARED], ids=["no-prefix", "prefix"])
@pytest.mark.parametrize(
    "sampling",
    [
        {"stop": STOPS},
        {"stop": tuple(a + b for a in STOPS for b in "aeiou")},
        {"constraint": "json_schema", "grammar": SCHEMA, "max_tokens": 40},
        {"constraint": "choices", "grammar": '["a", "bcd", "a long label"]'},
    ],
    ids=["letters", "pairs", "schema", "choices"],
)
def test_rows_that_leave_change_nothing(
    backend: HFBackend, left: list[int], sampling: dict[str, Any], shared: str, adapter: str | None
) -> None:
    asked: list[Request] = [
        request(f"{shared}{word} {k}", **{"max_tokens": 24, **sampling}) for word in WORDS for k in range(5)
    ]
    alone = [answers(backend, [r], adapter)[0] for r in asked]
    assert left == []
    found = answers(backend, asked, adapter)
    facts = [[(g.output, g.status, g.completion_tokens, g.failure) for g in each] for each in (found, alone)]
    assert facts[0] == facts[1]
    if sampling.get("stop") == STOPS:
        assert left, "some rows have left"
        assert len({g.completion_tokens for g in found}) > 1


def test_rows_under_a_constraint_leave_with_their_matchers(backend: HFBackend, left: list[int]) -> None:
    asked = [
        request(f"{word} {k}", constraint="json_schema", grammar=SCHEMA, max_tokens=40)
        for word in WORDS
        for k in range(5)
    ]
    answers(backend, asked)
    assert left, "some rows have left"


def test_sampled_rows_keep_their_places(backend: HFBackend, left: list[int]) -> None:
    asked = [request(w, temperature=1.0, stop=STOPS, max_tokens=24) for w in WORDS]
    assert [g.output for g in answers(backend, asked)] == [g.output for g in answers(backend, asked)]
    assert left == []


def grown(backend: HFBackend, ids: Any, cache: Any, n: int) -> Any:
    """Logits after each token, fed `n` at a time."""
    import torch

    with torch.inference_mode(), backend.using(None) as model:
        parts = [model(input_ids=part, past_key_values=cache).logits for part in ids.split(n, dim=1)]
    return torch.cat(parts, dim=1)


@pytest.mark.parametrize("room", [0, 5, 12, 40])
def test_a_cache_with_too_little_room_or_enough_gives_the_same_logits(backend: HFBackend, room: int) -> None:
    import torch
    from transformers import DynamicCache

    ids = torch.arange(3, 3 + 24).view(2, 12)
    config = backend.module.config
    wanted = grown(backend, ids, DynamicCache(config=config), 4)
    assert torch.allclose(grown(backend, ids, growing_cache(config, room), 4), wanted, atol=1e-5)


def test_rows_of_a_cache_are_copies_of_it(backend: HFBackend) -> None:
    import torch

    config = backend.module.config
    ids = torch.arange(3, 3 + 24).view(2, 12)
    cache, more = growing_cache(config, 20), torch.tensor([[50, 51, 52]])
    grown(backend, ids, cache, 12)
    before = [layer.keys.clone() for layer in cache.layers]
    rows = select(cache, config, torch.tensor([1, 1, 0]))
    after = grown(backend, more.expand(3, -1), rows, 3)
    for row, ids_of in zip(after, (ids[1], ids[1], ids[0]), strict=True):
        whole = grown(backend, torch.cat([ids_of[None], more], dim=1), growing_cache(config, 20), 15)
        assert torch.allclose(row, whole[0, 12:], atol=1e-4)
    assert all(torch.equal(layer.keys, keys) for layer, keys in zip(cache.layers, before, strict=True))
    one = growing_cache(config, 12)
    grown(backend, ids[:1], one, 12)
    many = spread(one, config, 4, 20)
    assert torch.allclose(grown(backend, more.expand(4, -1), many, 1), after[2].expand(4, -1, -1), atol=1e-4)
    assert one.get_seq_length() == 12


def test_layers_of_another_kind_are_left_as_they_are(tmp_path: Path) -> None:
    """Sliding windows: the window is shorter than the prompts."""
    import torch
    from transformers import MistralConfig, MistralForCausalLM

    folder = save_tiny_model(tmp_path)
    torch.manual_seed(0)
    config = MistralConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=259,
        max_position_embeddings=256,
        sliding_window=24,
        initializer_range=0.4,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    MistralForCausalLM(config).save_pretrained(folder)
    sliding = open_backend(folder)
    asked = [request(f"{SHARED}{word} {k}", stop=STOPS, max_tokens=24) for word in WORDS for k in range(3)]
    alone = [answers(sliding, [r])[0].output for r in asked]
    assert [g.output for g in answers(sliding, asked)] == alone
    pairs = [(f"{SHARED}{word}", end) for word in WORDS for end in (" a", " chair", "x")]
    single = [sliding.loglikelihood([pair])[0] for pair in pairs]
    assert sliding.loglikelihood(pairs) == pytest.approx(single, abs=1e-4)
