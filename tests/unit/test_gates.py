"""Gates of a suite on recorded scores: the five kinds, unscored items, caches, direction, and impossible gates."""

from __future__ import annotations

import numpy as np
import pytest

from evalgate.core.data import GateSpec
from evalgate.core.errors import EvalgateError
from evalgate.core.results import Failure, MetricSpec, Score
from evalgate.core.serving import LatencyPair
from evalgate.gates.columns import GateData
from evalgate.gates.impossible import impossible
from evalgate.gates.judge import gain_over, judge


class Metric:
    """As much of a metric as gates look at."""

    def __init__(self, *, better="higher", is_mean=True, unit="fraction"):
        self.spec = MetricSpec(name="m", unit=unit, better=better, signature="m")
        self.is_mean = is_mean

    def score(self, example, prediction, task):
        raise NotImplementedError

    def combine(self, parts):
        return parts[..., 0].mean(axis=-1)


def rows(system, values, *, task="summary", metric="rouge_l", clusters=None, details=None, repeat=0):
    return [
        Score(
            example_id=f"e{i}", system=system, task=task, metric=metric, repeat=repeat,
            status="unscored" if v is None else "scored", parts=() if v is None else (float(v),),
            failure=Failure(code="no-output") if v is None else None,
            cluster=clusters[i] if clusters else None, detail=details[i] if details else None,
        )
        for i, v in enumerate(values)
    ]  # fmt: skip


def data(systems, **more):
    scores = {name: {r[0].task: r for r in [rows_]} for name, rows_ in systems.items()}
    return GateData(scores=scores, **more)


def rouge(seed=0, n=200, gain=0.0):
    generator = np.random.default_rng(seed)
    base = np.clip(np.random.default_rng(99).normal(0.4, 0.15, n), 0, 1)
    return np.clip(base + gain + generator.normal(0, 0.12, n), 0, 1)


BETTER = GateSpec(name="summaries", metric="summary.rouge_l", rule="better_than_baselines", min_gain=0.03)
BASE = np.clip(np.random.default_rng(99).normal(0.4, 0.15, 200), 0, 1)


def test_better_than_every_baseline_that_was_scored_on_the_task():
    found = judge(
        BETTER, candidates=["good", "same"], baselines=["zero", "rag", "absent"],
        data=data({
            "good": rows("good", rouge(1, gain=0.06)), "same": rows("same", rouge(2)), "zero": rows("zero", BASE),
            "rag": rows("rag", np.clip(BASE + 0.01, 0, 1)), "absent": rows("absent", BASE, task="other"),
        }),
    )  # fmt: skip
    assert {name: v.outcome for name, v in found.items()} == {"good": "pass", "same": "fail"}
    good = found["good"]
    assert (good.gate, good.candidate, good.baseline, good.required) == ("summaries", "good", "rag", True)
    assert "every baseline (zero, rag)" in good.reason
    assert good.estimate.level > 0.9


def test_the_ledgers_alpha_replaces_the_gates():
    systems = data({"c": rows("c", rouge(1, gain=0.02)), "b": rows("b", BASE)})
    strict = judge(BETTER, candidates=["c"], baselines=["b"], data=systems, alpha=0.0005)["c"]
    assert strict.alpha == 0.0005
    assert strict.outcome != judge(BETTER, candidates=["c"], baselines=["b"], data=systems)["c"].outcome


def test_missing_items_count_worst_case_and_too_many_are_inconclusive():
    values = list(rouge(1, gain=0.06))
    few, many = [None] * 4 + values[4:], [None] * 20 + values[20:]
    systems = {"whole": rows("whole", values), "few": rows("few", few), "many": rows("many", many)}
    found = judge(
        BETTER, candidates=["whole", "few", "many"], baselines=["b"], data=data({**systems, "b": rows("b", BASE)})
    )
    assert found["few"].estimate.value < found["whole"].estimate.value
    assert found["few"].estimate.n_unscored == 4
    assert (found["many"].outcome, found["whole"].outcome) == ("inconclusive", "pass")
    assert found["many"].reason.startswith("20 of 200 examples of many could not be scored (10%; allowed 5%)")


def test_examples_without_any_row_count_too():
    expected = {"summary": [f"e{i}" for i in range(200)]}
    systems = data({"c": rows("c", rouge(1, gain=0.06)[:150]), "b": rows("b", BASE)}, examples=expected)
    verdict = judge(BETTER, candidates=["c"], baselines=["b"], data=systems)["c"]
    assert "50 of 200 examples of c could not be scored" in verdict.reason


def test_lower_is_better_is_turned_round():
    gate = GateSpec(name="errors", metric="summary.rouge_l", rule="better_than_baselines", min_gain=0.03)
    systems = data(
        {"c": rows("c", rouge(1, gain=-0.06)), "b": rows("b", BASE)},
        metrics={"summary.rouge_l": Metric(better="lower")},
    )
    verdict = judge(gate, candidates=["c"], baselines=["b"], data=systems)["c"]
    assert verdict.outcome == "pass"
    assert verdict.estimate.value > 0


CAPABILITY = GateSpec(name="capability", metric="capability.accuracy", rule="not_worse_than_baseline", margin=0.02)


def answers(n=1000, lost=0, gained=0):
    base = (np.arange(n) % 10 < 6).astype(float)
    candidate = base.copy()
    candidate[np.flatnonzero(base == 1)[:lost]] = 0
    candidate[np.flatnonzero(base == 0)[:gained]] = 1
    return candidate, base


@pytest.mark.parametrize(("lost", "gained", "outcome"), [(10, 10, "pass"), (80, 10, "fail"), (30, 15, "inconclusive")])
def test_capability_is_paired_by_item_against_the_base(lost: int, gained: int, outcome: str):
    candidate, base = answers(lost=lost, gained=gained)
    subjects = ["law" if i < 150 else "physics" for i in range(1000)]
    kw = {"task": "capability", "metric": "accuracy", "details": subjects, "clusters": subjects}
    systems = data(
        {"c": rows("c", candidate, **kw), "base": rows("base", base, **kw), "p": rows("p", base, **kw)}, base="base"
    )
    verdict = judge(CAPABILITY, candidates=["c"], baselines=["p"], data=systems)["c"]
    assert (verdict.outcome, verdict.baseline, verdict.estimate.n_clusters) == (outcome, "base", None)
    assert verdict.method == "Tango score test"
    worst = "None of 2 subjects dropped" if lost == gained else "Worst subject: law, −"
    assert worst in verdict.reason


def test_refusals_are_clustered_by_attack_family():
    gate = GateSpec(name="safety", metric="safety.refusal_rate", rule="not_worse_than_baseline", margin=0.05)
    families = [f"family-{i // 20}" for i in range(400)]
    kw = {"task": "safety", "metric": "refusal_rate", "clusters": families}
    same = np.ones(400)
    same[::40] = 0
    forgot = same.copy()
    forgot[:60] = 0
    systems = data(
        {"same": rows("same", same, **kw), "forgot": rows("forgot", forgot, **kw), "base": rows("base", same, **kw)},
        base="base",
    )
    found = judge(gate, candidates=["same", "forgot"], baselines=[], data=systems)
    assert (found["same"].outcome, found["forgot"].outcome) == ("pass", "inconclusive")
    assert found["same"].estimate.n_clusters == 20
    assert "safety refusal rate dropped by less" in found["same"].reason


def test_floor_ceiling_and_zero_tolerance():
    gate = GateSpec(name="json", metric="extract.json_valid", rule="at_least", limit=0.97)
    kw = {"task": "extract", "metric": "json_valid"}
    broken = [1.0] * 190 + [0.0] * 10
    systems = data({"ok": rows("ok", [1.0] * 200, **kw), "bad": rows("bad", broken, **kw)})
    found = judge(gate, candidates=["ok", "bad"], baselines=[], data=systems)
    assert (found["ok"].outcome, found["bad"].outcome) == ("pass", "inconclusive")
    strict = GateSpec(name="json", metric="extract.json_valid", rule="at_least", limit=0.9, zero_tolerance=True)
    verdict = judge(strict, candidates=["bad"], baselines=[], data=systems)["bad"]
    assert (verdict.outcome, verdict.reason) == (
        "fail", "10 invalid of 200; the requirement is none. Example: e190."
    )  # fmt: skip
    ceiling = GateSpec(name="json", metric="extract.json_valid", rule="at_most", limit=0.1)
    with pytest.raises(EvalgateError, match="where higher is better"):
        judge(ceiling, candidates=["ok"], baselines=[], data=systems)
    turned = data({"ok": rows("ok", [0.0] * 200, **kw)}, metrics={"extract.json_valid": Metric(better="lower")})
    low = judge(ceiling, candidates=["ok"], baselines=[], data=turned)["ok"]
    assert (low.outcome, low.estimate.value, low.estimate.low) == ("pass", 0.0, 0.0)
    assert "Your ceiling of 10% on json_valid is a floor of 90% here" in low.reason


def test_an_example_meets_a_floor_only_if_all_its_repeats_do():
    gate = GateSpec(name="json", metric="extract.json_valid", rule="at_least", limit=0.97)
    kw = {"task": "extract", "metric": "json_valid"}
    both = rows("c", [1.0] * 200, **kw) + rows("c", [0.0] * 20 + [1.0] * 180, repeat=1, **kw)
    verdict = judge(gate, candidates=["c"], baselines=[], data=data({"c": both}))["c"]
    assert (verdict.outcome, verdict.n, verdict.estimate.value) == ("fail", 200, pytest.approx(0.9))


def test_a_floor_on_graded_scores_uses_the_mean():
    gate = GateSpec(name="floor", metric="summary.rouge_l", rule="at_least", limit=0.3)
    systems = data({"c": rows("c", BASE)})
    verdict = judge(gate, candidates=["c"], baselines=[], data=systems)["c"]
    assert (verdict.outcome, verdict.method) == ("pass", "one-sample t with one-collapse guard")
    assert "The mean is at least 38" in verdict.reason
    assert verdict.estimate.value == pytest.approx(BASE.mean())
    high = GateSpec(name="floor", metric="summary.rouge_l", rule="at_least", limit=0.5)
    assert judge(high, candidates=["c"], baselines=[], data=systems)["c"].outcome == "fail"


def test_a_floor_on_attack_families_counts_families():
    gate = GateSpec(name="refusals", metric="safety.refusal_rate", rule="at_least", limit=0.9)
    kw = {"task": "safety", "metric": "refusal_rate"}
    values = [0.0] * 4 + [1.0] * 196
    families = [f"f{i // 10}" for i in range(200)]
    alone = judge(gate, candidates=["c"], baselines=[], data=data({"c": rows("c", values, **kw)}))["c"]
    grouped = data({"c": rows("c", values, clusters=families, **kw)})
    verdict = judge(gate, candidates=["c"], baselines=[], data=grouped)["c"]
    assert (alone.outcome, verdict.outcome, verdict.estimate.n_clusters) == ("pass", "inconclusive", 20)
    assert verdict.estimate.low < alone.estimate.low
    few = data({"c": rows("c", [1.0] * 200, clusters=[f"f{i % 7}" for i in range(200)], **kw)})
    assert judge(gate, candidates=["c"], baselines=[], data=few)["c"].outcome == "inconclusive"


def test_a_floor_on_graded_clusters_is_cluster_robust():
    gate = GateSpec(name="floor", metric="summary.rouge_l", rule="at_least", limit=0.3)
    for n_clusters, outcome in ((40, "pass"), (7, "inconclusive")):
        labels = [f"c{i % n_clusters}" for i in range(200)]
        systems = data({"c": rows("c", BASE, clusters=labels)})
        verdict = judge(gate, candidates=["c"], baselines=[], data=systems)["c"]
        assert (verdict.outcome, verdict.estimate.n_clusters) == (outcome, n_clusters)
    assert verdict.reason.startswith("Only 7 clusters of examples: fewer than 8 decide nothing")


def test_floors_that_clusters_make_impossible():
    gate = GateSpec(name="g", metric="t.json_valid", rule="at_least", limit=0.9)
    assert impossible(gate, 290, cluster_sizes=[10] * 29) == []
    assert impossible(gate, 280, cluster_sizes=[10] * 28) == [
        "gate 'g' cannot pass: 280 examples from 28 clusters (which may tell no more than 28 independent ones) without "
        "a single failure do not prove 90% (95% confidence); 29 do"
    ]
    assert "7 clusters, however many" in impossible(gate, 700, cluster_sizes=[100] * 7)[0]
    assert len(impossible(gate, 60, alpha=0.025, cluster_sizes=[2] * 30)) == 1


def pairs(n, factor, cached=False):
    times = np.random.default_rng(3).lognormal(0, 0.3, n)
    return [
        LatencyPair(
            example_id=f"e{i}", task="t", baseline="rag", candidate="c", baseline_s=t, candidate_s=t * factor,
            cached=cached and i == 3,
        )
        for i, t in enumerate(times)
    ]  # fmt: skip


LATENCY = GateSpec(name="speed", metric="latency.p95", rule="not_worse_than_baseline", limit=1.10)


@pytest.mark.parametrize(
    ("n", "factor", "cached", "outcome"),
    [
        (500, 1.0, False, "pass"),
        (500, 1.5, False, "fail"),
        (60, 1.0, False, "inconclusive"),
        (500, 1.0, True, "inconclusive"),
    ],
)
def test_latency_from_interleaved_pairs(n, factor, cached, outcome):
    found = judge(
        LATENCY, candidates=["c"], baselines=["rag"], data=GateData(scores={}, latency={"c": pairs(n, factor, cached)})
    )["c"]
    assert (found.outcome, found.baseline, found.gate) == (outcome, "rag", "speed")
    if cached:
        assert "1 of 500 times were read from a cache" in found.reason


@pytest.mark.parametrize("unfit", [{"is_mean": False}, {"unit": "seconds"}])
def test_metrics_that_are_no_means_of_fractions_cannot_gate(unfit):
    systems = data(
        {"c": rows("c", BASE), "b": rows("b", BASE)},
        metrics={"summary.rouge_l": Metric(**unfit), "summary.accuracy": Metric()},
    )
    with pytest.raises(EvalgateError, match="not a mean of one fraction") as caught:
        judge(BETTER, candidates=["c"], baselines=["b"], data=systems)
    assert (caught.value.code, caught.value.fix) == ("cannot-gate", "gate on one of: summary.accuracy")


@pytest.mark.parametrize(
    ("gate", "text"),
    [
        (BETTER, "needs summary.rouge_l of 'c', which was never measured"),
        (LATENCY, "needs latency pairs of 'c', which were never measured"),
        (CAPABILITY, "no baseline was measured on it"),
    ],
)
def test_what_was_never_measured_is_an_error(gate, text):
    with pytest.raises(EvalgateError) as caught:
        judge(gate, candidates=["c"], baselines=["b"], data=data({"b": rows("b", BASE)}))
    assert text in caught.value.what
    assert caught.value.code == "not-measured"


def test_gain_over_is_none_where_nothing_can_be_ranked():
    systems = data({"c": rows("c", rouge(1, gain=0.05)), "b": rows("b", BASE)})
    assert gain_over("summary", "rouge_l", "c", "b", systems).value == pytest.approx(0.05, abs=0.02)
    assert gain_over("summary", "accuracy", "c", "b", systems) is None


NI = {"rule": "not_worse_than_baseline", "metric": "capability.accuracy"}
SLOW = {"name": "g", "rule": "not_worse_than_baseline"}


@pytest.mark.parametrize(
    ("gate", "n", "text"),
    [
        (GateSpec(name="g", metric="t.json_valid", rule="at_least", limit=0.99), 200, "299 do"),
        (GateSpec(name="g", metric="t.json_valid", rule="at_least", limit=1.0), 200, "no number of examples"),
        (GateSpec(name="g", metric="t.json_valid", rule="at_least"), 200, "has no `limit`"),
        (GateSpec(name="g", metric="t.json_valid", rule="at_most", limit=0.1), 200, "its rule is `at_least`"),
        (GateSpec(name="g", margin=0.01, **NI), 200, "that takes 268, and about 6,183 if 10%"),
        (GateSpec(name="g", **NI), 200, "does not declare `margin`"),
        (GateSpec(metric="latency.p95", limit=1.1, **SLOW), 60, "100 pairs are the least"),
        (GateSpec(metric="latency.p95", **SLOW), 600, "and a `limit`"),
        (GateSpec(metric="latency.mean", limit=1.1, **SLOW), 600, "no latency quantile"),
        (GateSpec(name="g", metric="t.rouge_l", rule="better_than_baselines"), 200, "does not declare `min_gain`"),
        (GateSpec(name="g", metric="t.rouge_l", rule="better_than_baselines", min_gain=0.02), 12, "20 are the least"),
    ],
)  # fmt: skip
def test_impossible_gates_say_the_n_that_would_do(gate: GateSpec, n: int, text: str):
    found = impossible(gate, n)
    assert len(found) == 1
    assert text in found[0]


def test_possible_gates_say_nothing():
    assert impossible(GateSpec(name="g", metric="t.json_valid", rule="at_least", limit=0.99), 299) == []
    assert impossible(GateSpec(name="g", margin=0.01, **NI), 268) == []
    assert impossible(GateSpec(name="g", margin=0.01, **NI), 200, binary=False) == []
    assert impossible(LATENCY, 100) == []
    assert impossible(BETTER, 50) == []
    assert "5 clusters" in impossible(GateSpec(name="g", margin=0.05, **NI), 400, cluster_sizes=[80] * 5)[0]
