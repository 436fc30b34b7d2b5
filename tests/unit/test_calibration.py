"""The calibration page: its simulations against the product and independent oracles, and the page against its data."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from test_gates import data
from test_gates import rows as scored

from calibration import clusters, exact, families, gates, latency, looks, page, twins
from calibration.reading import Results, first_marked
from calibration.rivals import Suite as RivalSuite
from calibration.rivals import bootstrap_bounds, resampling_counts, ships, t_above
from calibration.rows import Row, Task
from calibration.shapes import ALL, GRADED, changes
from calibration.simulate import QUICK, run, tasks, work
from calibration.store import load, save
from evalgate import compare, compare_latency, compare_many
from evalgate.core.data import GateSpec
from evalgate.core.seeds import rng
from evalgate.decision import shares_of_alpha
from evalgate.gates.judge import judge
from evalgate.gates.stages import judge_in_stages
from evalgate.stats.paired import TangoTest

ROOT = Path(__file__).parents[2]
CELLS = [(shape, truth) for shape in ALL.values() for truth in shape.truths]


@pytest.mark.parametrize(("shape", "truth"), CELLS, ids=lambda x: getattr(x, "name", x))
def test_the_true_difference_of_every_shape_is_what_it_says(shape, truth):
    effect = shape.truths[truth]
    candidate, baseline = shape.pair(rng(7, shape.name, truth), 200, 500, effect)
    assert min(candidate.min(), baseline.min()) >= 0 and max(candidate.max(), baseline.max()) <= 1
    d = candidate - baseline
    assert abs(d.mean() - effect) <= 4.5 * d.std() / np.sqrt(d.size) + 1e-9


def test_impossible_changes_of_a_rate_are_none():
    assert changes(0.97, 0.04, 0.04) is None
    assert changes(0.97, 0.04, 0.02) == pytest.approx((0.03, 0.01))
    assert changes(0.99, 0.02, -0.02) == pytest.approx((0.0, 0.02))


@pytest.mark.parametrize("shape", GRADED, ids=lambda shape: shape.name)
def test_the_guarded_twin_is_the_product(shape):
    for truth in ("edge", "none", "gain"):
        c, b = shape.pair(rng(8, shape.name), 12, 60, shape.truths[truth])
        d = c - b
        for limit, ask in ((0.0, {"rule": "better"}), (-0.02, {"rule": "not_worse", "margin": 0.02})):
            mine = twins.guarded_t(d.sum(axis=1), (d**2).sum(axis=1), 60, b.mean(axis=1), limit)
            for alpha in (0.005, 0.05):
                verdicts = [compare(x, y, alpha=alpha, **ask) for x, y in zip(c, b, strict=True)]
                assert [p <= alpha for p in mine] == [verdict.outcome == "pass" for verdict in verdicts]
            spread = d.std(axis=1) > 1e-9  # without any the product's rule is another one, with the same outcome
            assert mine[spread] == pytest.approx(np.array([v.p_pass for v in verdicts])[spread], rel=1e-6, abs=1e-12)


def test_the_tango_twin_is_the_product():
    b, c = np.arange(0.0, 31.0)[:, None], np.arange(0.0, 31.0)[None, :]
    for limit in (0.0, -0.02, 0.05, 0.3):
        expected = [[TangoTest(int(i), int(j), 60).p_above(limit) for j in c[0]] for i in b[:, 0]]
        assert np.allclose(twins.tango_above(b, c, 60, limit), expected, atol=1e-12)


@pytest.mark.parametrize("setting", families.SETTINGS)
def test_the_family_twin_is_compare_many(setting):
    for truth in families.TRUTHS:
        family = families.scores(rng(9, setting, truth), setting, 4, 100, truth)
        passed, failed = family.verdicts(families.GAIN)
        for i in range(4):
            verdicts = compare_many(
                {str(k): family.candidates[i, k] for k in range(families.N_CANDIDATES)},
                {str(k): family.baselines[i, k] for k in range(families.N_BASELINES)},
                min_gain=families.GAIN,
            )
            mine = ["pass" if p else "fail" if f else "inconclusive" for p, f in zip(passed[i], failed[i], strict=True)]
            assert mine == [verdict.outcome for verdict in verdicts.values()]


@pytest.mark.parametrize("setting", families.SETTINGS)
def test_the_family_twin_is_the_ship_decision_over_one_gate(setting):
    gate = GateSpec(name="gain", metric="summary.rouge_l", rule="better_than_baselines", min_gain=families.GAIN)
    names, baselines = [f"c{k}" for k in range(families.N_CANDIDATES)], [f"b{k}" for k in range(families.N_BASELINES)]
    for truth in ("one-best", "gain"):
        family = families.scores(rng(22, setting, truth), setting, 2, 100, truth)
        for i in range(2):
            values = [*family.candidates[i], *family.baselines[i]]
            recorded = data({name: scored(name, v) for name, v in zip([*names, *baselines], values, strict=True)})
            found = judge_in_stages([gate], candidates=names, baselines=baselines, data=recorded)
            shares = shares_of_alpha(found, candidates=names, gates=[gate])
            ships = [
                judge(gate, candidates=[c], baselines=baselines, data=recorded, alpha=0.05 * shares[c])[c].outcome
                == "pass"
                for c in names
            ]
            assert ships == family.verdicts(families.GAIN)[0][i].tolist()


@pytest.mark.parametrize("kind", looks.KINDS)
def test_a_look_is_judged_as_the_product_judges(kind):
    world = looks.World.of(kind, rng(10, kind), 30, 80)
    candidate = world.outputs(rng(11, kind))
    expected = [compare(c, b).p_pass for c, b in zip(candidate, world.baseline, strict=True)]
    assert world.p(candidate)[0] == pytest.approx(expected, rel=1e-6)
    assert abs((candidate - world.baseline).mean()) < 0.03


def test_the_rule_with_one_collapse_differs_at_strict_levels_only():
    d = rng(21).normal(0.05, 0.15, (300, 60))
    sums = d.sum(axis=1), (d**2).sum(axis=1), 60, np.full(300, 0.4), 0.0
    once, product = twins.t_surviving(*sums, unseen=1), twins.guarded_t(*sums)
    assert [((once <= level) == (product <= level)).all() for level in (0.05, 0.025, 0.0125, 0.005)] == [
        True, True, True, False
    ]  # fmt: skip
    assert (once <= product).all()


def test_a_resampled_quantile_is_numpys():
    values = rng(12).lognormal(size=(3, 200))
    counts = resampling_counts(rng(13), 200, 50)
    for quantile in (0.5, 0.95):
        mine = latency.Resampled(counts).quantiles(values, quantile)
        for i in range(3):
            for b in range(50):
                resample = np.repeat(values[i], counts[:, b].astype(int))
                assert mine[i, b] == pytest.approx(np.quantile(resample, quantile), rel=1e-12)


def test_the_latency_twin_is_compare_latency():
    candidate, baseline = latency.times(rng(14), "interleaved", 6, 50)
    resampled = latency.Resampled(resampling_counts(rng(15), 50, 3_999))
    for i in range(6):
        mine = latency.verdicts(candidate[i : i + 1], baseline[i : i + 1], 0.5, resampled)
        for truth, factor in (("edge", 1.1), ("equal", 1.0), ("slower", 1.25)):
            product = compare_latency(candidate[i] * factor, baseline[i], quantile=0.5, limit=latency.LIMIT)
            if min(abs(product.p_pass - 0.05), abs(product.p_fail - 0.05)) > 0.02:  # other resamples, same answer
                assert mine[truth] == (product.outcome == "pass", product.outcome == "fail")


def test_percentile_and_bca_bounds_are_scipys():
    c, b = ALL["skew-left"].pair(rng(16), 3, 80, 0.02)
    percentile, bca = bootstrap_bounds(c - b, rng(17), 9_999)
    for i in range(3):
        for mine, method in ((percentile[i], "percentile"), (bca[i], "BCa")):
            oracle = stats.bootstrap(
                ((c - b)[i],), np.mean, n_resamples=9_999, confidence_level=0.9, method=method, rng=18
            )
            assert mine == pytest.approx(oracle.confidence_interval.low, abs=0.0025)  # 9,999 resamples each


def test_the_rules_do_what_their_names_say():
    baseline = np.full((2, 40), 0.5)
    candidate = baseline + np.array([[0.01], [-0.03]]) + 0.2 * np.resize([1.0, -1.0], 40)
    found = {rule: list(map(bool, yes)) for rule, yes in ships(RivalSuite.of(candidate, baseline), rng(19)).items()}
    assert found == {
        "mean": [True, False], "threshold": [True, False], "within": [True, False], "unless": [True, True],
        "t": [False, False], "percentile": [False, False], "bca": [False, False],
    }  # fmt: skip
    p = stats.ttest_1samp(candidate - baseline, 0, axis=1, alternative="greater").pvalue
    assert t_above(candidate - baseline) == pytest.approx(p)


def test_exact_shares_are_a_sum_over_the_products_verdicts():
    n, both = 30, (0.1, 0.15)
    passed = failed = 0.0
    for b in range(n + 1):
        for c in range(n + 1 - b):
            weight = stats.multinomial.pmf([b, c, n - b - c], n, [*both, 1 - sum(both)])
            if weight > 1e-9:
                ours, theirs = np.repeat([[1, 0, 1], [0, 1, 1]], [b, c, n - b - c], axis=1)
                outcome = compare(ours, theirs, min_gain=0.1).outcome
                passed, failed = passed + weight * (outcome == "pass"), failed + weight * (outcome == "fail")
    assert exact.tango_shares(n, both, 0.0, 0.1) == pytest.approx((passed, failed), abs=1e-6)


def test_clusters_have_members_and_the_truth_they_say():
    for setting, count in clusters.SETTINGS.items():
        sizes = np.bincount(clusters.members(setting, 200))
        assert sizes.size == count and sizes.min() >= 1 and sizes.sum() == 200
    codes = clusters.members("50", 200)
    for make in (clusters.graded, clusters.binary):
        c, b = make(rng(20), 500, codes, clusters.GAIN)
        means = (c - b).mean(axis=1)
        assert abs(means.mean() - clusters.GAIN) < 4.5 * means.std() / np.sqrt(500)


def test_simulated_0_1_cells_agree_with_the_exact_ones():
    rows = gates.simulate(Task("gates", "acc-80-10", 50, 250, 3))
    exactly = {(row.truth, row.rule): row.passed for row in exact.binary(Task("exact", "acc-80-10", 50, 0, 3))}
    for row in rows:
        if row.part == "gates":
            share = exactly[row.truth, row.rule]
            assert abs(row.passed - share) < 4 * np.sqrt(share * (1 - share) / 250)


def test_results_do_not_depend_on_order_or_number_of_processes():
    settings = (("gates", "sparse"), ("looks", "accuracy verdicts"), ("exact", "acc-80-10"))
    todo = [Task(part, setting, 50, 10, 4) for part, setting in settings]
    alone = [row for task in reversed(todo) for row in work(task)]
    assert sorted(alone) == sorted(run(todo, 1, lambda done, n: None))
    assert {task.n for task in tasks(1, 1)} == {50, 100, 200, 500, 2000}


def test_marks_allow_for_simulation_error_and_for_all_cells():
    cells = [Row("gates", name, n, "none", "better", share, 0.0, 5000)
             for name, share in (("noisy", 0.05), ("steady", 0.056), ("rare", 0.07)) for n in (50, 100)]  # fmt: skip
    results = Results([*cells, Row("rivals", "noisy", 50, "none", "mean", 0.5, 0.0, 5000)])
    assert [results.mark(row, row.passed) for row in cells[::2]] == ["", "△", "▲"]
    assert {row.shape for row in results.above()} == {"rare"}
    # The smallest count that the binomial law at 5% reaches with a chance of at most 1%.
    assert first_marked(5000, 0.01) == pytest.approx((stats.binom.isf(0.01, 5000, 0.05) + 1) / 5000)


def test_the_page_in_docs_is_made_of_the_results_beside_it(tmp_path):
    about, rows = load(ROOT / "docs" / "calibration.json")
    save(tmp_path / "calibration.json", about, rows)
    page.write(tmp_path, about, rows)
    made = [Path("calibration.json"), Path("calibration.md"), *(page.IMAGES / f"{name}.svg" for name in page.FIGURES)]
    for name in made:
        assert (tmp_path / name).read_text() == (ROOT / "docs" / name).read_text(), f"{name}: run make calibrate"
    assert about["replications"] == 5000
    assert {(row.part, row.shape, row.n) for row in rows if row.part != "rivals"} >= {
        (task.part, task.shape, task.n) for task in tasks(1, 1) if task.part not in ("worst",)
    }


def test_the_page_says_nothing_that_verdicts_may_not_say():
    text = (ROOT / "docs" / "calibration.md").read_text().lower()
    for phrase in ("no significant difference", "as good as proven", "100% compliant", "observed power"):
        assert phrase not in text


@pytest.mark.slow
def test_every_promised_cell_keeps_its_level_within_simulation_error(tmp_path):
    command = [sys.executable, "-m", "calibration", "--quick", "--workers", "1", "--out", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=280)
    about, rows = load(tmp_path / "calibration.json")
    results = Results(rows)
    assert about["replications"] == QUICK
    assert len([row for row in results.claimed if row.replications]) > 200
    assert [row for row in results.above() if row.replications] == []
    assert max(row.passed for row in results.claimed if row.part == "exact") < 0.056
    assert max(row.passed for row in results.claimed if row.part == "floor") <= 0.05
