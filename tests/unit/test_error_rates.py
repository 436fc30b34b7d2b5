"""How often the public calls ship what is no better, simulated on awkward data; three standard errors are allowed."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from test_gates import CAPABILITY, data, rows

import evalgate
from evalgate.gates.judge import judge

pytestmark = pytest.mark.slow

ALPHA = 0.05
R = 1_500
MOST = ALPHA + 3 * (ALPHA * (1 - ALPHA) / R) ** 0.5


def rated(generator, n, rate, changed):
    """0/1 answers of equal systems: the baseline right at `rate`, a share `changed` of answers flipped, both ways."""
    base = (generator.random(n) < rate).astype(float)
    u = generator.random(n)
    lost, gained = (base == 1) & (u < changed / 2 / rate), (base == 0) & (u < changed / 2 / (1 - rate))
    return np.where(lost, 0.0, np.where(gained, 1.0, base)), base, None


def ties(generator, n):
    base = generator.uniform(0.2, 0.8, n)
    return np.where(generator.random(n) < 0.7, base, base + generator.uniform(-0.2, 0.2, n)), base, None


def skewed(generator, n):
    """5% of the answers collapse, the rest are better by as much."""
    base = generator.uniform(0.4, 0.6, n)
    return np.where(generator.random(n) < 0.05, 0.0, base + 0.05 * 0.5 / 0.95), base, None


def rare_collapse(generator, n):
    """1% collapse, and nearly no other noise: most samples hold no collapse at all."""
    base = generator.uniform(0.7, 0.9, n)
    return np.where(generator.random(n) < 0.01, 0.0, base + 0.01 * 0.8 / 0.99), base, None


def clustered(generator, n):
    codes = np.arange(n) // 10
    base = generator.uniform(0.4, 0.6, n)
    shift = generator.normal(0, 0.08, codes.max() + 1)[codes]
    return np.clip(base + shift + generator.normal(0, 0.1, n), 0, 1), base, [f"c{c}" for c in codes]


def uneven_repeats(generator, n):
    """One to five repeats an example; those asked more often differ more between the systems."""
    base = generator.uniform(0.3, 0.7, n)
    counts = generator.integers(1, 6, n)
    true = np.clip(base + generator.normal(0, 0.04, n) * counts, 0, 1)
    candidate = [list(np.clip(t + generator.uniform(-0.2, 0.2, c), 0, 1)) for t, c in zip(true, counts, strict=True)]
    return candidate, list(base), None


def two_seeds(generator, n):
    """Two seeds whose true effects are three points apart around no gain."""
    base = generator.uniform(0.3, 0.7, n)
    common = generator.uniform(-0.2, 0.2, n)
    recipe = {
        s: {
            f"e{i}": v
            for i, v in enumerate(
                np.clip(base + generator.normal(0, 0.03) + common + generator.uniform(-0.1, 0.1, n), 0, 1)
            )
        }
        for s in (1, 2)
    }
    return recipe, {f"e{i}": v for i, v in enumerate(base)}, None


CASES = {
    "rate .97, n 100": lambda g: rated(g, 100, 0.97, 0.04),
    "rate .03, n 100": lambda g: rated(g, 100, 0.03, 0.04),
    "rate .99, n 200": lambda g: rated(g, 200, 0.99, 0.02),
    "rate .5, n 50": lambda g: rated(g, 50, 0.5, 0.4),
    "70% ties, n 50": lambda g: ties(g, 50),
    "skewed, n 50": lambda g: skewed(g, 50),
    "skewed, n 200": lambda g: skewed(g, 200),
    "rare collapse, n 50": lambda g: rare_collapse(g, 50),
    "rare collapse, n 200": lambda g: rare_collapse(g, 200),
    "rare collapse, n 800": lambda g: rare_collapse(g, 800),
    "clusters of ten, n 200": lambda g: clustered(g, 200),
    "uneven repeats, n 60": lambda g: uneven_repeats(g, 60),
    "two seeds, n 200": lambda g: two_seeds(g, 200),
}


def shipped(case, seed, *, rule="better", repeats=R, alpha=ALPHA):
    generator = np.random.default_rng(seed)
    n = 0
    for _ in range(repeats):
        candidate, base, clusters = case(generator)
        verdict = evalgate.compare(candidate, base, rule=rule, min_gain=0.05, clusters=clusters, alpha=alpha)
        n += verdict.outcome == "pass"
    return n / repeats


@pytest.mark.parametrize("name", CASES)
def test_an_equal_candidate_ships_at_most_alpha_of_the_time(name: str):
    assert shipped(CASES[name], seed=len(name)) <= MOST


@pytest.mark.parametrize("name", ["skewed, n 200", "rare collapse, n 800"])
def test_a_tenth_of_alpha_holds_where_a_few_answers_collapse(name: str):
    """What ten declared looks and Holm over ten candidates need; one unseen collapse alone gives about 1%."""
    level, repeats = ALPHA / 10, 8_000
    most = level + 3 * (level * (1 - level) / repeats) ** 0.5
    assert shipped(CASES[name], seed=len(name), repeats=repeats, alpha=level) <= most


def test_the_uncorrected_ways_do_ship_too_often():
    """What the clusters, the guard and the seeds are for: without them the same data pass far above alpha."""

    def first_seed(generator):
        recipe, base, _ = two_seeds(generator, 200)
        return max(recipe.values(), key=lambda scores: sum(scores.values())), base, None

    assert shipped(lambda g: (*clustered(g, 200)[:2], None), 1, repeats=600) > 2 * ALPHA
    assert shipped(first_seed, 2, repeats=600) > 2 * ALPHA


def test_subjects_that_move_apart_do_not_widen_capability_and_its_level_holds():
    """Strata: the same subjects are asked again, so a drop that differs between them is no noise.

    A gate that speaks of subjects like these counts it as noise, and passes such a candidate less often.
    """
    such = msgspec.structs.replace(CAPABILITY, subjects="clusters")
    generator = np.random.default_rng(7)
    subjects = [f"s{i // 50}" for i in range(1000)]
    drops = np.linspace(-0.08, 0.04, 20)  # points move by subject, -2 in the mean: just at the margin
    kw = {"task": "capability", "metric": "accuracy", "details": subjects, "clusters": subjects}
    passed = passed_such = 0
    for _ in range(600):
        base = (generator.random(1000) < 0.6).astype(float)
        u, drop = generator.random(1000), np.repeat(drops, 50)
        lost = (base == 1) & (u < (0.06 + np.maximum(-drop, 0)) / 0.6)
        gained = (base == 0) & (u < (0.06 + np.maximum(drop, 0)) / 0.4)
        candidate = np.where(lost, 0.0, np.where(gained, 1.0, base))
        systems = data({"c": rows("c", candidate, **kw), "base": rows("base", base, **kw)}, base="base")
        verdict = judge(CAPABILITY, candidates=["c"], baselines=[], data=systems)["c"]
        assert verdict.estimate.n_clusters is None
        passed += verdict.outcome == "pass"
        wider = judge(such, candidates=["c"], baselines=[], data=systems)["c"]
        assert wider.estimate.n_clusters == 20
        assert wider.estimate.low <= verdict.estimate.low
        passed_such += wider.outcome == "pass"
    assert passed_such < passed
    assert passed / 600 <= ALPHA + 3 * (ALPHA * (1 - ALPHA) / 600) ** 0.5


@pytest.mark.parametrize(("floor", "size", "icc"), [(0.9, 10, 0.6), (0.95, 5, 0.3), (0.95, 2, 0.1)])
def test_a_clustered_rate_below_its_floor_passes_at_most_alpha_of_the_time(floor: float, size: int, icc: float):
    generator = np.random.default_rng(size)
    weight = (1 - icc) / icc
    passed = 0
    for _ in range(R):
        rates = generator.beta(floor * weight, (1 - floor) * weight, 60)
        k = int(generator.binomial(size, rates).sum())
        passed += evalgate.check_floor(k, 60 * size, floor=floor, cluster_sizes=[size] * 60).outcome == "pass"
    assert passed / R <= MOST
