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


@given(st.lists(st.integers(1, 500), max_size=60), st.integers(1, 17), st.integers(1, 9), st.integers(2, 5))
@settings(max_examples=200, deadline=None)
def test_processes_that_are_dealt_packs_in_turn_have_like_shares_of_the_same_step(
    lengths: list[int], per_step: int, n_packs: int, n: int
) -> None:
    n_packs = min(n_packs, -(-per_step // n))  # a plan has no more
    found = packs(lengths, per_step, n_packs, n)
    assert sorted(i for pack in found for i in pack) == list(range(len(lengths)))
    assert len(found) % n == 0, "nothing is left for accelerate to fill up with rows from the beginning"
    shards = [found[p::n] for p in range(n)]
    for step in range(-(-len(lengths) // per_step)):
        mine = [shard[step * n_packs : (step + 1) * n_packs] for shard in shards]
        rows = range(step * per_step, min(len(lengths), (step + 1) * per_step))
        assert sorted(i for shard in mine for pack in shard for i in pack) == list(rows)
        assert len(mine[0]) == min(n_packs, -(-len(rows) // n))
        sizes = [[sum(lengths[i] for i in pack) for pack in shard] for shard in mine]
        longest = max(lengths[i] for i in rows)
        totals = [sum(shard) for shard in sizes]
        assert max(totals) - min(totals) <= longest
        assert all(max(slot) - min(slot) <= longest for slot in zip(*sizes, strict=True))
        assert sum(not pack for shard in mine for pack in shard) < n, "no process waits where there are rows for it"


@given(st.lists(st.integers(1, 500), max_size=40), st.integers(1, 9), st.integers(1, 9))
def test_one_process_has_its_packs_as_before(lengths: list[int], per_step: int, n_packs: int) -> None:
    assert packs(lengths, per_step, n_packs, 1) == packs(lengths, per_step, n_packs)


def test_each_of_two_gpus_is_planned_for_half_a_step_and_the_copies_that_are_exchanged() -> None:
    one, two = (Recipe(name="r", prompts={}, batch_size=16, num_gpus=n) for n in (None, 2))
    half = Recipe(name="r", prompts={}, batch_size=8)
    whole, shared, alone = (plan(recipe, SEVEN, ROWS, 24 * GB) for recipe in (one, two, half))
    assert (shared.n_packs, shared.setup.n_processes) == (1, 2)
    assert shared.setup.length < 0.55 * whole.setup.length
    assert shared.n_checkpointed < whole.n_checkpointed
    buckets = {term.name: term.n_bytes for term in predict(SEVEN, shared.setup).terms}
    assert buckets["gradient buckets"] == buckets["gradients"] == 4 * 39_976_960
    assert "gradient buckets" not in {term.name for term in predict(SEVEN, alone.setup).terms}
    tight = plan(two, SEVEN, ROWS, GB)
    assert (tight.n_packs, tight.n_checkpointed) == (8, 32)


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


@pytest.mark.slow
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
        ({"num_gpus": 2}, {}, ""),
        ({"num_gpus": 2, "accelerate_config": "f.yaml"}, {}, "its accelerate_config may share out a model's layers"),
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


def test_the_work_of_two_gpus_is_that_of_one_in_half_the_micro_batches_each() -> None:
    for more in ({}, {"overrides": {"packing": False}}):
        one, two = (Recipe(name="r", prompts={}, memory_gb=7.0, num_gpus=n, **more) for n in (None, 2))
        (_, alone, _, _), (setup, shared, _, why) = (planned(r, SEVEN, None, 40, LLAMA) for r in (one, two))
        assert (shared.n_steps, shared.n_tokens) == (alone.n_steps, alone.n_tokens) == (3, 40 * 512)
        assert shared.n_per_step * 2 == alone.n_per_step
        assert (setup.n_processes, setup.fused) == (2, not why)
