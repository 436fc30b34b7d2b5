"""Predicted memory and time: the terms by hand, laws of what must not shrink, and shapes that are refused. No torch."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from evalgate.core.data import Recipe
from evalgate.core.errors import UsageError
from evalgate.training.cost import CARDS_GB, fits, flops
from evalgate.training.data import Encoded
from evalgate.training.memory import Setup, base_bytes, layer_bytes, optimizer_bytes, predict, trained_tensors
from evalgate.training.setup import planned
from evalgate.training.shape import FAMILIES, shape_of

LLAMA = {
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "vocab_size": 32000,
}
SEVEN = shape_of(LLAMA)
SETUP = Setup(method="qlora", n_rows=4, length=512, n_supervised=500)
SETTINGS = settings(max_examples=100, deadline=None)
sizes = st.integers(1, 64)
setups = st.builds(
    Setup,
    method=st.sampled_from(["full", "lora", "qlora"]),
    n_rows=sizes,
    length=st.integers(2, 4096),
    n_supervised=sizes,
    rank=sizes,
    dropout=st.sampled_from([0.0, 0.1]),
    checkpointing=st.booleans(),
    optimizer=st.sampled_from(["sgd", "adamw_torch", "adamw_8bit", "paged_adamw_8bit"]),
    padded=st.booleans(),
    tiled_logits=st.booleans(),
)
shapes = st.builds(
    lambda family, heads, groups, layers, inner, tied: shape_of(
        {
            "model_type": family,
            "hidden_size": 64 * heads * groups,
            "intermediate_size": inner,
            "num_hidden_layers": layers,
            "num_attention_heads": heads * groups,
            "num_key_value_heads": heads,
            "vocab_size": 1000,
            "tie_word_embeddings": tied,
        }
    ),
    st.sampled_from(FAMILIES),
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(1, 40),
    st.integers(1, 20_000),
    st.booleans(),
)


def terms(setup: Setup) -> dict[str, int]:
    return {term.name: term.n_bytes for term in predict(SEVEN, setup).terms}


def test_the_7b_shape_has_its_parameters_and_its_adapters() -> None:
    assert SEVEN.n_parameters == 6_738_415_616
    assert sum(trained_tensors(SEVEN, SETUP)) == 39_976_960  # PEFT's own count for rank 16 on all matrices
    assert sum(trained_tensors(SEVEN, replace(SETUP, method="full"))) == SEVEN.n_parameters


def test_a_4_bit_base_is_a_bit_over_half_a_byte_a_weight_and_a_bf16_base_two() -> None:
    assert base_bytes(SEVEN, "lora") == 2 * SEVEN.n_parameters
    per_weight = (base_bytes(SEVEN, "qlora") - 2 * (SEVEN.n_embedding + SEVEN.n_other)) / SEVEN.n_linear
    assert per_weight == pytest.approx(0.5 + 1 / 64 + 4 / 64 / 256, rel=1e-4)


def test_what_a_layer_keeps_by_hand() -> None:
    h, i, r = 4096, 11008, 16
    plain = replace(SETUP, dropout=0.0, padded=False)
    # Two norms' fp32 copies and roots; query, key, value, output; log-sums; gates; inputs once each; ranks.
    token = 2 * 4 * h + 8 + 4 * 2 * h + 4 * 32 + 6 * i + (2 * h + 2 * h + 2 * i) + 7 * 2 * r
    assert layer_bytes(SEVEN, plain) == plain.n_tokens * token
    dropped = replace(plain, dropout=0.05)
    assert layer_bytes(SEVEN, dropped) - layer_bytes(SEVEN, plain) == plain.n_tokens * (
        6 * 3 * h + 3 * i - 4 * h - 2 * i
    )
    assert layer_bytes(SEVEN, replace(plain, padded=True)) - layer_bytes(SEVEN, plain) == plain.n_tokens * 2 * 512


def test_checkpointing_keeps_layers_inputs_and_one_layer() -> None:
    one = layer_bytes(SEVEN, SETUP)
    assert terms(SETUP)["activations"] == 32 * 2 * 4096 * SETUP.n_tokens + one
    without = terms(replace(SETUP, checkpointing=False))["activations"]
    assert without > 31 * one


def test_whole_logits_weigh_more_than_anything_else_of_a_small_model_with_many_words() -> None:
    small = {"hidden_size": 512, "intermediate_size": 1024, "num_hidden_layers": 4, "num_attention_heads": 8}
    wide = shape_of(LLAMA | small | {"vocab_size": 150_000})
    whole = predict(wide, replace(SETUP, tiled_logits=False))
    assert whole.terms[-2].name == "work of the peak"
    assert whole.terms[-2].n_bytes > 14 * SETUP.n_tokens * 150_000
    assert predict(wide, SETUP).peak_bytes < whole.peak_bytes / 3


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("adamw_torch", (8 * 4_104_096, 0)),
        ("sgd", (0, 0)),
        # 4,000,000 entries page, 100,000 and 4,096 entries do not page or only just; block maxima never do.
        ("adamw_8bit", (2 * 4_104_096 + 8 * (15_625 + 391 + 16), 0)),
        ("paged_adamw_8bit", (2 * 4_096 + 8 * (15_625 + 391 + 16), 2 * 4_100_000)),
    ],
)
def test_optimizer_states(name: str, held: tuple[int, int]) -> None:
    assert optimizer_bytes([4_000_000, 100_000, 4_096], name) == held


def test_tensors_too_small_for_8_bits_keep_fp32_moments() -> None:
    assert optimizer_bytes([4_095], "paged_adamw_8bit") == (8 * 4_095, 0)


def test_a_7b_model_on_cards() -> None:
    found = {fit.method: fit for fit in fits(SEVEN, replace(SETUP, length=1024, n_supervised=1024))}
    assert found["full"].rows == (0, 0, 0, 0)
    assert found["full"].least_bytes > 16 * SEVEN.n_parameters
    assert found["lora"].rows[0] <= 1 < found["qlora"].rows[0]
    assert 1 < found["lora"].rows[1] < found["qlora"].rows[1]
    assert all(list(fit.rows) == sorted(fit.rows) for fit in found.values())


@SETTINGS
@given(shape=shapes, setup=setups)
def test_more_rows_longer_rows_and_higher_ranks_never_need_less(shape: Any, setup: Setup) -> None:
    at = predict(shape, setup).card_bytes
    changes = [{"n_rows": setup.n_rows + 1}, {"length": setup.length + 1}]
    if "8bit" not in setup.optimizer:  # a tensor that grows past 4,096 entries has its states in 8 bits from there on
        changes.append({"rank": setup.rank + 1})
    for more in changes:
        assert predict(shape, replace(setup, **more)).card_bytes >= at


@SETTINGS
@given(shape=shapes, setup=setups)
def test_every_term_is_positive_and_the_peak_is_their_sum(shape: Any, setup: Setup) -> None:
    memory = predict(shape, setup)
    assert all(term.n_bytes > 0 for term in memory.terms)
    assert memory.peak_bytes == sum(term.n_bytes for term in memory.terms)
    assert memory.card_bytes > memory.peak_bytes + memory.paged_bytes


@SETTINGS
@given(shape=shapes, setup=setups)
def test_the_most_rows_that_fit_do_fit_and_one_more_does_not(shape: Any, setup: Setup) -> None:
    for fit in fits(shape, replace(setup, n_supervised=setup.n_rows * setup.length)):
        optimizer = "adamw_torch_fused" if fit.method == "full" else setup.optimizer
        for rows, gb in zip(fit.rows, CARDS_GB, strict=True):
            at = replace(setup, method=fit.method, checkpointing=True, optimizer=optimizer)

            def needs(n: int, at: Setup = at) -> int:
                return predict(shape, replace(at, n_rows=n, n_supervised=n * at.length)).card_bytes

            assert rows == 0 or needs(rows) <= gb * 1e9
            assert rows == 1024 or needs(rows + 1) > gb * 1e9


def test_flops_of_a_7b_model_by_hand() -> None:
    plain = replace(SETUP, checkpointing=False)
    n = SEVEN.n_linear
    adapters = sum(trained_tensors(SEVEN, plain))
    attention = 2 * 512 * 4096 * 32
    token = 4 * n + 6 * adapters + 3.5 * attention
    head = 6 * 32000 * 4096
    found = flops(SEVEN, plain, n_tokens=1000, n_supervised=100, length=512)
    assert found == pytest.approx(1000 * token + 100 * head)
    again = flops(SEVEN, SETUP, n_tokens=1000, n_supervised=100, length=512)
    assert again - found == pytest.approx(1000 * (2 * n + 2 * adapters + attention))


def encoded(lengths: list[int]) -> Encoded:
    return Encoded(ids=[[7] * n for n in lengths], prompt_lengths=[n // 2 for n in lengths], n_dropped=0)


def test_the_largest_micro_batch_and_all_work_come_from_the_rows() -> None:
    recipe = Recipe(name="r", prompts={}, batch_size=8, epochs=2)
    setup, work = planned(recipe, SEVEN, encoded([10] * 8 + [100] * 8), 16, {})[:2]
    assert planned(recipe, SEVEN, encoded([10] * 8 + [100] * 7 + [90]), 16, {})[0].padded
    assert (setup.n_rows, setup.length, setup.n_supervised, setup.method) == (4, 100, 200, "qlora")
    assert (setup.checkpointing, setup.optimizer, setup.padded) == (True, "paged_adamw_8bit", False)
    assert (work.n_steps, work.n_per_step, work.n_tokens, work.n_supervised) == (4, 2, 2 * 880, 880)
    assert work.mean_length == 55


def test_without_rows_each_is_as_long_as_allowed() -> None:
    setup, work = planned(Recipe(name="r", prompts={}, batch_size=6, method="lora"), SEVEN, None, 13, {})[:2]
    assert (setup.n_rows, setup.length, setup.n_supervised) == (3, 512, 1536)
    assert (work.n_steps, work.n_tokens, work.n_supervised) == (3, 13 * 512, 13 * 512)


def test_overrides_that_change_memory_count() -> None:
    overrides: dict[str, Any] = {
        "per_device_train_batch_size": 2, "gradient_accumulation_steps": 1, "activation_checkpointing": False,
        "optim": "adamw_torch", "packing": True, "target_modules": ".*q_proj",
    }  # fmt: skip
    setup, work = planned(Recipe(name="r", prompts={}, overrides=overrides), SEVEN, encoded([256] * 10), 10, {})[:2]
    assert (setup.n_rows, setup.length, setup.checkpointing, setup.optimizer) == (2, 512, False, "adamw_torch")
    assert setup.adapted == ("self_attn.q_proj",)
    assert not setup.padded
    assert work.n_steps == 3
    assert sum(trained_tensors(SEVEN, setup)) == 32 * 16 * 8192


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"model_type": "mamba"}, f"memory is predicted for {', '.join(FAMILIES)}, not for `model_type: mamba`"),
        ({"hidden_size": "4096"}, "`hidden_size` is '4096', not a size"),
        ({"vocab_size": 1 << 40}, "`vocab_size` is 1099511627776, not a size"),
        ({"num_key_value_heads": 5}, "32 heads cannot share 5 of keys and values of size 128"),
    ],
)
def test_shapes_that_are_not_known_are_refused(change: dict[str, Any], what: str) -> None:
    with pytest.raises(UsageError) as caught:
        shape_of(LLAMA | change, "m/config.json")
    assert str(caught.value) == (
        f"error[unknown-architecture]: {what}\n  at: m/config.json\n\n"
        "hint: give the config.json of such a model with `--model FILE`; others can be trained, but not planned"
    )
