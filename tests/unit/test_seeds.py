"""Several training seeds: the recipe must hold over seeds, and so must the one adapter that ships."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from small_suite import RECIPE, write_suite
from test_gates import BASE, data, rouge, rows

import evalgate
from evalgate.binding import seeds_of
from evalgate.config import load_project
from evalgate.core.data import GateSpec
from evalgate.core.errors import UsageError
from evalgate.gates.judge import judge
from evalgate.plugins import metric_names
from evalgate.stats.interval import estimate_recipe
from evalgate.stats.paired import MeanTest
from evalgate.stats.seeds import SeedTest
from evalgate.training.recipe import recipe_digest


def trained(effects, n=200, seed=0, sd=0.1):
    """A recipe's scores by seed with these true effects, and the baseline's."""
    generator = np.random.default_rng(seed)
    base = np.clip(generator.normal(0.4, 0.12, n), 0, 1)
    common = generator.normal(0, sd, n)
    sides = {
        s: np.clip(base + effect + 0.8 * common + generator.normal(0, 0.6 * sd, n), 0, 1)
        for s, effect in enumerate(effects, start=1)
    }
    return {s: as_ids(v) for s, v in sides.items()}, as_ids(base)


def as_ids(values):
    return {f"e{i}": float(v) for i, v in enumerate(values)}


def test_one_seed_has_the_numbers_of_its_adapter_and_says_what_it_does_not_say():
    recipe, base = trained([0.06])
    plain, one = evalgate.compare(recipe[1], base, min_gain=0.05), evalgate.compare(recipe, base, min_gain=0.05)
    note = " One training seed: this is about this one training and says nothing about its recipe."
    assert one.reason == plain.reason + note
    assert (one.p_pass, one.estimate, one.outcome) == (plain.p_pass, plain.estimate, plain.outcome)


def test_seeds_that_agree_pass_and_the_weaker_claim_is_shown():
    recipe, base = trained([0.07, 0.06, 0.065])
    verdict = evalgate.compare(recipe, base, min_gain=0.05)
    assert verdict.outcome == "pass"
    assert verdict.reason.endswith(
        "Judged on 3 training seeds, whose spread the margin of error allows for; the recipe and the seed that ships "
        "must both hold, and the weaker of the two is shown."
    )
    parts = [evalgate.compare(recipe[1], base).p_pass, verdict.p_pass]
    assert verdict.p_pass == max(parts)


@pytest.mark.parametrize("rule", ["better", "not_worse"])
def test_a_lucky_seed_cannot_ship(rule):
    lucky, base = trained([0.09, -0.03, -0.02] if rule == "better" else [0.05, -0.05, -0.06])
    options = {"rule": rule, "margin": 0.0 if rule == "better" else 0.02, "min_gain": 0.05}
    assert evalgate.compare(lucky[1], base, **options).outcome == "pass"
    verdict = evalgate.compare(lucky, base, **options)
    assert verdict.outcome == "inconclusive"
    assert verdict.needed_n is None
    assert "The 3 seeds differ too much for more examples to decide: train more seeds." in verdict.reason


def test_an_unlucky_first_seed_does_not_ship_on_its_sisters_merits():
    recipe, base = trained([0.0, 0.09, 0.09, 0.09, 0.09])
    assert evalgate.compare(recipe, base, min_gain=0.04).outcome == "fail"
    turned = {s: recipe[s] for s in (2, 3, 4, 5, 1)}
    assert evalgate.compare(turned, base, min_gain=0.04).p_pass < 0.05


def test_each_seed_as_a_candidate_of_its_own_is_in_holms_family():
    recipe, base = trained([0.0, 0.0, 0.0])
    found = evalgate.compare_many({f"s{s}": v for s, v in recipe.items()}, {"base": base}, min_gain=0.05)
    alone = evalgate.compare(recipe[1], base, min_gain=0.05)
    assert max(v.p_pass for v in found.values()) >= min(1.0, alone.p_pass)
    assert min(v.estimate.level for v in found.values()) == pytest.approx(1 - 2 * 0.05 / 3)


def test_what_any_seed_lacks_counts_worst_case():
    recipe, base = trained([0.06, 0.06])
    whole = evalgate.compare(recipe, base, min_gain=0.05)
    recipe[2] = {k: v for k, v in recipe[2].items() if k not in {"e0", "e1", "e2"}}
    holes = evalgate.compare(recipe, base, min_gain=0.05)
    assert holes.p_pass > whole.p_pass
    assert "3 examples lack a score and were counted as the worst case" in holes.reason


def test_identical_binary_seeds_prove_no_more_than_one():
    same = as_ids(np.ones(50))
    recipe = {1: same, 2: same, 3: same}
    assert evalgate.compare(recipe, same, rule="not_worse", margin=0.02).outcome == "inconclusive"
    assert evalgate.compare(recipe, same, min_gain=0.02).outcome == "inconclusive"
    few = {s: {f"e{i}": 1.0 for i in range(8)} for s in range(3)}
    worst = {f"e{i}": 0.0 for i in range(8)}
    assert evalgate.compare(few, worst, min_gain=0.02).outcome == "inconclusive"


def test_seeds_and_clusters():
    recipe, base = trained([0.08, 0.08, 0.07])
    few = evalgate.compare(recipe, base, clusters={f"e{i}": f"c{i % 7}" for i in range(200)})
    assert (few.outcome, few.estimate.n_clusters) == ("inconclusive", 7)
    many = evalgate.compare(recipe, base, clusters={f"e{i}": f"c{i // 4}" for i in range(200)}, min_gain=0.05)
    assert (many.outcome, many.estimate.n_clusters) == ("pass", 50)


def test_the_bound_is_cochran_and_coxs():
    test = SeedTest(MeanTest(0.04, 0.012, 199), MeanTest(0.04, 0.01, 2))
    t_n, t_s = stats.t.isf(0.05, 199), stats.t.isf(0.05, 2)
    half = (t_n * 0.012**2 + t_s * 0.01**2) / math.hypot(0.012, 0.01)
    assert (test.low(0.05), test.high(0.05)) == pytest.approx((0.04 - half, 0.04 + half))
    only = SeedTest(MeanTest(0.04, 0.012, 199), MeanTest(0.04, 0.0, 2))
    assert only.p_above(0.01) == pytest.approx(MeanTest(0.04, 0.012, 199).p_above(0.01), rel=1e-6)


@settings(max_examples=100, deadline=None)
@given(
    st.floats(-0.2, 0.2), st.floats(0, 0.1), st.floats(0, 0.1), st.integers(1, 6), st.floats(-0.2, 0.2),
    st.sampled_from([0.05, 0.01, 0.005]),
)  # fmt: skip
def test_p_values_and_bounds_agree_and_mirror(value, se, between, df, limit, alpha):
    test = SeedTest(MeanTest(value, se, 99), MeanTest(value, between, df))
    mirror = SeedTest(MeanTest(-value, se, 99), MeanTest(-value, between, df))
    assert test.p_above(limit) == pytest.approx(mirror.p_below(-limit), abs=1e-12)
    if abs(test.low(alpha) - limit) > 1e-9 and test.low(alpha) > -1:
        assert (test.p_above(limit) <= alpha) == (test.low(alpha) > limit)
    narrower = SeedTest(MeanTest(value, se, 99), MeanTest(value, 0.0, df))
    assert narrower.low(alpha) >= test.low(alpha) - 1e-12


BETTER = GateSpec(name="summaries", metric="summary.rouge_l", rule="better_than_baselines", min_gain=0.03)


def test_a_gate_judges_the_recipe_by_all_its_seeds():
    systems = {f"qlora@{s}": rows(f"qlora@{s}", rouge(s, gain=g)) for s, g in ((1, 0.08), (2, -0.02))}
    scores = {**systems, "few": rows("few", BASE)}
    one = judge(BETTER, candidates=["qlora@1"], baselines=["few"], data=data(scores))["qlora@1"]
    both = data(scores, seeds={"qlora@1": ("qlora@1", "qlora@2")})
    verdict = judge(BETTER, candidates=["qlora@1"], baselines=["few"], data=both)["qlora@1"]
    assert (one.outcome, verdict.outcome) == ("pass", "inconclusive")
    assert (verdict.candidate, verdict.baseline) == ("qlora@1", "few")
    holes = dict(scores)
    holes["qlora@2"] = rows("qlora@2", [None] * 40 + list(rouge(2, gain=0.1)[40:]))
    sick = data(holes, seeds={"qlora@1": ("qlora@1", "qlora@2")})
    verdict = judge(BETTER, candidates=["qlora@1"], baselines=["few"], data=sick)["qlora@1"]
    assert verdict.reason.startswith("40 of 200 examples of qlora@2 could not be scored")
    assert "seed" not in one.reason


def test_a_floor_is_about_the_adapter_that_ships():
    gate = GateSpec(name="floor", metric="summary.rouge_l", rule="at_least", limit=0.3)
    scores = data(
        {"q@1": rows("q@1", BASE), "q@2": rows("q@2", np.zeros(200))}, seeds={"q@1": ("q@1", "q@2")}
    )  # fmt: skip
    assert judge(gate, candidates=["q@1"], baselines=[], data=scores)["q@1"].outcome == "pass"


def test_the_score_table_shows_the_mean_and_the_spread():
    seeds = [rows(f"q@{s}", np.clip(BASE + e, 0, 1)) for s, e in ((1, 0.02), (2, -0.02), (3, 0.0))]
    found = estimate_recipe(seeds)
    assert found.value == pytest.approx(BASE.mean(), abs=0.002)
    assert found.method == (
        f"mean of 3 seeds from {100 * (BASE - 0.02).clip(0, 1).mean():.1f}% to "
        f"{100 * (BASE + 0.02).clip(0, 1).mean():.1f}%, Cochran-Cox t"
    )
    alone = stats.ttest_1samp(BASE, 0).confidence_interval(0.95)
    assert found.high - found.low > 1.3 * (alone.high - alone.low)
    lost = [*seeds[:2], rows("q@3", [None, *BASE[1:]])]
    assert (estimate_recipe(lost).n, estimate_recipe(lost).n_unscored) == (199, 1)
    assert estimate_recipe([[], []]) is None


def project(root: Path, recipe: str):
    suite = write_suite(root)
    (suite / "candidates" / "qlora.yaml").write_text(recipe)
    return load_project(suite, metric_names(), verify=False)


def test_a_recipe_with_seeds_is_one_training_each_and_one_candidate(tmp_path: Path):
    recipes = project(tmp_path, RECIPE + "seeds: [4, 2]\n").recipes
    assert [(r.name, r.seed, r.of) for r in recipes] == [("qlora@4", 4, "qlora"), ("qlora@2", 2, "qlora")]
    assert seeds_of(recipes) == {"qlora@4": ("qlora@4", "qlora@2")}
    (tmp_path / "suites" / "desk" / "candidates" / "qlora.yaml").write_text(RECIPE + "seed: 4\n")
    single = load_project(tmp_path / "suites" / "desk", metric_names(), verify=False).recipes
    assert seeds_of(single) == {"qlora": ("qlora",)}
    assert recipe_digest(single[0]) == recipe_digest(recipes[0]) != recipe_digest(recipes[1])


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("seeds: [1]", "seeds: must be two or more different seeds; for one write `seed`, found [1]"),
        ("seeds: [1, 1]", "seeds: must be two or more different seeds; for one write `seed`, found [1, 1]"),
        ("seeds: [1, -2]", "seeds[1]: input should be greater than or equal to 0, found -2"),
        ("seed: 3\nseeds: [1, 2]", "give `seed` or `seeds`, not both"),
    ],
)
def test_seeds_that_make_no_sense_are_refused(tmp_path: Path, lines: str, problem: str):
    with pytest.raises(UsageError) as caught:
        project(tmp_path, RECIPE + lines + "\n")
    assert problem in caught.value.what
