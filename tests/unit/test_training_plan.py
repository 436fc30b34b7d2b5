"""Plans: rows shared out to packs, what is cut to which memory, and which trainings have a plan. No torch."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalgate.core.data import Recipe
from evalgate.training.memory import predict
from evalgate.training.packing import packs
from evalgate.training.plan import against, plan, rows_of
from evalgate.training.recipe import recipe_digest
from evalgate.training.setup import planned
from evalgate.training.shape import shape_of

LLAMA = {
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "vocab_size": 32000,
}
SEVEN, GB = shape_of(LLAMA), 10**9
ROWS = [(160 + 37 * i % 341, 100) for i in range(64)]
RECIPE = Recipe(name="r", prompts={})


@given(st.lists(st.integers(1, 500), max_size=60), st.integers(1, 17), st.integers(1, 17))
@settings(max_examples=200, deadline=None)
def test_every_row_is_in_one_pack_of_its_own_step(lengths: list[int], per_step: int, n_packs: int) -> None:
    found = packs(lengths, per_step, n_packs)
    assert sorted(i for pack in found for i in pack) == list(range(len(lengths)))
    steps: dict[int, list[list[int]]] = {}
    for pack in found:
        assert pack == sorted(pack) and len({i // per_step for i in pack}) == 1
        steps.setdefault(pack[0] // per_step, []).append(pack)
    assert list(steps) == sorted(steps)
    for step, shared in steps.items():
        rows = min(per_step, len(lengths) - step * per_step)
        assert len(shared) == min(n_packs, rows)
        sizes = [sum(lengths[i] for i in pack) for pack in shared]
        longest = max(lengths[step * per_step : step * per_step + rows])
        assert max(sizes) <= min(sizes) + longest  # the last row of the fullest pack went to the emptiest


@pytest.mark.parametrize(
    ("gb", "expected"),
    [(130, (1, 0)), (24, (1, 9)), (12, (1, 26)), (7, (2, 31))],
)
def test_the_7b_shape_is_cut_to_its_memory(gb: float, expected: tuple[int, int]) -> None:
    found = plan(RECIPE, SEVEN, ROWS, round(gb * GB))
    assert (found.n_packs, found.n_checkpointed) == expected
    assert found.card_bytes == predict(SEVEN, found.setup).card_bytes <= gb * GB


def test_what_fits_nowhere_is_cut_as_small_as_it_can_be() -> None:
    found = plan(RECIPE, SEVEN, ROWS, GB)
    assert (found.n_packs, found.n_checkpointed) == (16, 32)
    assert found.card_bytes > GB


@given(st.integers(5, 60), st.integers(1, 20))
@settings(max_examples=60, deadline=None)
def test_more_memory_never_makes_a_plan_slower(gb: int, more: int) -> None:
    small, large = (plan(RECIPE, SEVEN, ROWS[:32], n * GB) for n in (gb, gb + more))
    if small.card_bytes <= gb * GB:
        assert large.seconds <= small.seconds


def test_rows_that_are_not_rendered_are_as_long_as_allowed() -> None:
    assert rows_of(None, 2, 512) == [(512, 512)] * 2


@pytest.mark.parametrize(
    ("recipe", "config", "why"),
    [
        ({}, {}, ""),
        ({"method": "lora"}, {"model_type": "qwen3"}, ""),
        ({"method": "dora"}, {}, "method dora"),
        ({"overrides": {"packing": True}}, {}, "the recipe overrides packing"),
        ({}, {"model_type": "gemma"}, "no kernels for models of type gemma"),
        ({}, {"hidden_act": "gelu"}, "the model's activation, or dropout in its attention"),
        ({}, {"logit_scale": 2.0}, "the model scales its logits"),
        ({}, {"sliding_window": 256}, "rows longer than the model's sliding window"),
        ({}, {"sliding_window": 256, "use_sliding_window": False}, ""),
        ({}, {"sliding_window": 4096}, ""),
    ],
)
def test_which_trainings_have_a_plan(recipe: dict[str, Any], config: dict[str, Any], why: str) -> None:
    assert against(Recipe(name="r", prompts={}, **recipe), LLAMA | config) == why


def test_a_stated_memory_is_planned_for_and_is_no_part_of_what_a_recipe_does() -> None:
    small = Recipe(name="r", prompts={}, memory_gb=12.0)
    setup, work, found, why = planned(small, SEVEN, None, 32, LLAMA)
    assert found is not None and (found.budget_bytes, found.setup, why) == (12 * GB, setup, "")
    assert (work.n_steps, work.n_per_step, work.n_tokens) == (2, found.n_packs, 32 * 512)
    assert recipe_digest(small) == recipe_digest(RECIPE)
