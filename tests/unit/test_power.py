"""How many held-out examples: against scipy's noncentral t, published tables, and the product's own verdicts."""

import json
from pathlib import Path

import numpy as np
import pytest
from desk_candidates import desk_backend, pretend_trained, write_desk
from recorder import Recorder
from scipy import stats as scipy_stats
from small_suite import write_suite

from evalgate import check_floor, compare, pipeline
from evalgate.cli import run_cli
from evalgate.core.data import GateSpec, RunOptions
from evalgate.core.errors import UsageError
from evalgate.power.plan import Asked, power_of_question, power_of_run, power_of_suite
from evalgate.power.rows import plan_gate
from evalgate.power.spread import Spread
from evalgate.stats import power

GAIN = GateSpec(name="gain", metric="t.rouge_l", rule="better_than_baselines", min_gain=0.03, collapse_guard=False)
DROP = GateSpec(name="drop", metric="t.accuracy", rule="not_worse_than_baseline", margin=0.02)


def graded(sd: float, n_base: float = 0.5) -> Spread:
    return Spread(sd=sd, binary=False, base_mean=n_base, source="given")


@pytest.mark.parametrize("n", [20, 100, 275, 1999, 5000])
@pytest.mark.parametrize("alpha", [0.05, 0.005])
def test_the_power_of_t_is_scipys_noncentral_t(n: int, alpha: float) -> None:
    sd, effect = 0.2, 0.03
    expected = scipy_stats.nct.sf(scipy_stats.t.isf(alpha, n - 1), n - 1, effect * n**0.5 / sd)
    assert power.MeanPlan(sd=sd, alpha=alpha).chance(effect, n) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(
    ("sd", "alpha", "points"),
    [(0.15, 0.05, [3.76, 2.65, 2.16, 1.67, 1.18]), (0.25, 0.005, [8.69, 6.09, 4.96, 3.83, 2.71])],
)
def test_detectable_effects_are_the_published_table(sd: float, alpha: float, points: list[float]) -> None:
    plan = power.MeanPlan(sd=sd, alpha=alpha)
    assert [100 * plan.effect(n, 0.8) for n in (100, 200, 300, 500, 1000)] == pytest.approx(points, abs=0.006)


def test_needed_n_is_the_published_table() -> None:
    normal = power.MeanPlan(sd=0.2**0.5, alpha=0.05, normal=True)
    assert [normal.n(d, p) for d in (0.02, 0.05) for p in (0.8, 0.9)] == [3092, 4282, 495, 686]
    t = power.MeanPlan(sd=0.2, alpha=0.05)
    # Two more than the normal formula's 275 and 381: Student's t costs z^2/2.
    assert [t.n(0.03, p) for p in (0.8, 0.9)] == [277, 382]
    assert t.n(0.0, 0.8) is None


def test_n_and_effect_are_inverse_also_with_guard_and_clusters() -> None:
    for plan in (
        power.MeanPlan(sd=0.2, alpha=0.01, collapse=0.5),
        power.MeanPlan(sd=0.3, alpha=0.05, per_cluster=5.0),
        power.MeanPlan(sd=0.3, alpha=0.05, normal=True),
    ):
        n = plan.n(0.04, 0.8)
        assert n is not None
        assert plan.effect(n, 0.8) <= 0.04 < plan.effect(n - 1, 0.8)


@pytest.mark.parametrize(("n", "floor", "allowed"), [(298, 0.99, -1), (299, 0.99, 0), (472, 0.99, 0), (473, 0.99, 1)])
def test_allowed_failures_are_the_published_table(n: int, floor: float, allowed: int) -> None:
    assert power.failures_allowed(n, floor, 0.05) == allowed
    assert (check_floor(n - max(allowed, 0), n, floor=floor).outcome == "pass") == (allowed >= 0)
    assert check_floor(n - allowed - 1, n, floor=floor).outcome != "pass"


def test_floors_are_the_binomials() -> None:
    assert power.floor_chance(0.995, 500, 0.99, 0.05) == pytest.approx(scipy_stats.binom.cdf(1, 500, 0.005))
    n = power.floor_examples(0.995, 0.99, 0.05, 0.8)
    assert n is not None
    assert power.floor_chance(0.995, n, 0.99, 0.05) >= 0.8 > power.floor_chance(0.995, n - 1, 0.99, 0.05)
    rate = power.floor_rate(500, 0.99, 0.05, 0.8)
    assert rate is not None
    assert power.floor_chance(rate, 500, 0.99, 0.05) == pytest.approx(0.8, abs=1e-6)
    assert power.floor_rate(200, 0.99, 0.05, 0.8) is None
    assert power.floor_examples(0.99, 0.99, 0.05, 0.8) is None


def test_clusters_lessen_what_examples_are_worth() -> None:
    sizes = [10] * 20
    alone = plan_gate(GAIN, alpha=0.05, n=200, spread=graded(0.2))
    shared = plan_gate(GAIN, alpha=0.05, n=200, spread=graded(0.2), sizes=sizes)
    assert shared.n_effective == pytest.approx(200 / (1 + 9 * 0.2))
    assert shared.shows[0] > alone.shows[0] > 0  # type: ignore[operator]
    floor = GateSpec(name="f", metric="t.json_valid", rule="at_least", limit=0.9)
    found = plan_gate(floor, alpha=0.05, n=200, spread=Spread(sd=0.4, binary=True, source="s"), sizes=sizes)
    assert found.n_effective == pytest.approx(20), "as the gate itself counts them"
    assert found.shows == (None, None)
    few = plan_gate(GAIN, alpha=0.05, n=70, spread=graded(0.2), sizes=[10] * 7)
    assert (few.shows[0], few.chance, few.enough) == (None, 0.0, False)


def test_a_question_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["power", "--discordance", "0.2", "--gain", "0.05", "-n", "300"]) == 0
    assert capsys.readouterr().out == (
        "gate  asks                  alpha  n    shows 80%  shows 90%  least  needs 80%  needs 90%  chance\n"
        "gain  a gain of 5.0 points  0.05   300  6.4 pt     7.6 pt     20     495        686        61%     TOO SMALL\n"
        "\n"
        "gain: With 300 examples a gain of 6.4 points is seen 8 times in 10. To pass 8 times in 10 it needs 495 "
        "examples, 9 times in 10 686, if the gain is as declared. (given discordance 0.2)\n"
        "\n"
        "your question: `chance` supposes what each sentence says; `shows` is at the present n.\n"
        "A gain must show over every baseline: several equally good ones make it rarer than this.\n"
    )


def test_questions_share_the_error_rate_and_have_two_more_forms(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["power", "--floor", "0.99", "--ratio", "1.1", "--looks", "5", "--candidates", "2",
                    "--format", "json"]) == 0  # fmt: skip
    report = json.loads(capsys.readouterr().out)
    assert [gate["gate"] for gate in report["gates"]] == ["floor", "p50", "p95"]
    assert {gate["alpha"] for gate in report["gates"]} == {0.005}
    assert report["all_at_90"] == pytest.approx(0.9**3)
    assert report["each"] == pytest.approx(0.8 ** (1 / 3))
    assert run_cli(["power", "--metric-sd", "0.2", "--margin", "0.02", "--format", "md"]) == 0
    assert "| no drop | no drop of 2.0 points | 0.05 | ? |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([], "bad-setting"),
        (["--gain", "0.03"], "bad-setting"),
        (["--metric-sd", "0.2", "--gain", "3"], "bad-setting"),
        (["--metric-sd", "0.2", "--gain", "0.03", "--alpha", "0.5"], "bad-setting"),
        (["--discordance", "0.02", "--gain", "0.03"], "bad-setting"),
        (["--ratio", "0.9"], "bad-setting"),
        (["suites/desk", "--floor", "0.9"], "bad-usage"),
        (["suites/none"], "not-a-suite"),
        (["--floor", "0.9", "-n", "0"], "bad-usage"),
    ],
)
def test_wrong_usage_is_64(arguments: list[str], error: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["power", *arguments]) == 64
    assert capsys.readouterr().err.startswith(f"error[{error}]: ")


def test_a_fraction_out_of_range_whole_text() -> None:
    with pytest.raises(UsageError) as caught:
        power_of_question(Asked(metric_sd=0.2, gain=3.0))
    assert str(caught.value) == (
        "error[bad-setting]: --gain must be a fraction between 0 and 1, not 3\n\nhint: give 3 points as 0.03"
    )


def test_a_suite_before_it_is_frozen(tmp_path: Path) -> None:
    folder = write_suite(tmp_path, 60)
    text = (folder / "suite.yaml").read_text()
    (folder / "suite.yaml").write_text(text.replace("seed: 7", "seed: 7\nlooks: 5"))
    report = power_of_suite(folder, Asked())
    assert not (folder / "suite.lock").exists()
    rows = {row.gate: row for row in report.gates}
    assert list(rows) == ["summaries", "capability", "json", "latency", "refusal"]
    assert (report.looks, report.candidates, report.all_now) == (5, 1, None)
    assert {row.alpha for row in report.gates} == {0.01}
    assert rows["capability"].n is None, "known once lm-eval has loaded its tasks"
    assert rows["summaries"].enough is False
    assert rows["latency"].shows == (None, None)
    assert rows["json"].sentence.startswith("With 60 examples it cannot pass. ")
    more = {row.gate: row for row in power_of_suite(folder, Asked(examples=5000, looks=1)).gates}
    assert more["summaries"].enough is True
    assert more["latency"].n == 20, "pairs are no examples"


CURVED = [
    ("{better}", graded(0.2), [0.0, 0.025, 0.05, 0.075, 0.1]),
    ("{better}", Spread(sd=0.4, binary=True, source="given"), [0.0, 0.025, 0.05, 0.075, 0.1]),
    ("{not_worse}", Spread(sd=0.3, binary=True, source="given"), [-0.05, -0.025, 0.0]),
    ("{floor}", Spread(sd=0.4, binary=True, source="exact"), [0.8, 0.85, 0.9, 0.95, 1.0]),
    ("{latency}", Spread(sd=0.5, binary=False, source="given"), [1.21, 1.1, 1.0]),
]
RULES = {
    "{better}": {"metric": "t.accuracy", "rule": "better_than_baselines", "min_gain": 0.05},
    "{not_worse}": {"metric": "t.accuracy", "rule": "not_worse_than_baseline", "margin": 0.05},
    "{floor}": {"metric": "t.json_valid", "rule": "at_least", "limit": 0.8},
    "{latency}": {"metric": "latency.p95", "rule": "not_worse_than_baseline", "limit": 1.21},
}


@pytest.mark.parametrize(("rule", "spread", "truths"), CURVED)
def test_curves_begin_at_the_false_ship_rate_and_rise(rule: str, spread: Spread, truths: list[float]) -> None:
    row = plan_gate(GateSpec(name="g", **RULES[rule]), alpha=0.05, n=400, spread=spread)
    assert [curve.n for curve in row.curves] == [200, 400, 800]
    for curve in row.curves:
        assert curve.truths == pytest.approx(truths)
        assert curve.chances[0] <= 0.05 + 1e-9
        assert list(curve.chances) == sorted(curve.chances)
    powers = [curve.chances[-1] for curve in row.curves]
    assert powers == sorted(powers)
    assert row.least is not None
    few = plan_gate(GateSpec(name="g", **RULES[rule]), alpha=0.05, n=row.least - 1, spread=spread)
    enough = plan_gate(GateSpec(name="g", **RULES[rule]), alpha=0.05, n=row.least, spread=spread)
    assert few.curves[1].chances[-1] == 0 < enough.curves[1].chances[-1]


def test_curves_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["power", "--floor", "0.9", "-n", "100", "--curves"]) == 0
    out = capsys.readouterr().out
    assert "floor with 100: passes 2.4% at 90%, 12.2% at 92.5%, 43.6% at 95%, 89.4% at 97.5%, 100.0% at 100%\n" in out


@pytest.mark.slow
def test_a_recorded_run_is_a_pilot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_desk(tmp_path)
    options = RunOptions(suite=str(folder), output=str(tmp_path / "run"), early_stop=False)
    pretend_trained(options)
    pipeline.run(options, Recorder(), desk_backend())
    report = power_of_run(tmp_path / "run", Asked())
    rows = {row.gate: row for row in report.gates}
    # The loser knows a quarter, the baselines half, of the same hundred: the rest differ in 25 or 45 answers.
    assert rows["routing"].spread.startswith("measured discordance 0.4")
    assert rows["routing"].n == 100
    assert rows["speed"].spread.endswith("(30 pairs)")
    assert report.candidates == 3
    assert run_cli(["power", str(folder), "--from-run", str(tmp_path / "run")]) == 0
    out = capsys.readouterr().out
    assert "measured discordance" in out
    assert "Assumed spreads" not in out


def passes(advised: int, draw, **question: object) -> float:
    generator = np.random.default_rng(11)
    n_rounds = 1500
    found = [compare(*draw(generator, advised), **question).outcome == "pass" for _ in range(n_rounds)]  # type: ignore[arg-type]
    return sum(found) / n_rounds


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [0.05, 0.005])
def test_the_advised_n_gives_its_power_on_graded_scores(alpha: float) -> None:
    def draw(generator: np.random.Generator, n: int):
        base = generator.uniform(0.3, 0.5, n)
        return np.clip(base + generator.normal(0.05, 0.15, n), 0, 1), base

    gate = GateSpec(name="g", metric="t.rouge_l", rule="better_than_baselines", min_gain=0.05)
    advised = plan_gate(gate, alpha=alpha, n=None, spread=graded(0.15, 0.4)).needs[0]
    assert advised is not None
    # Three standard errors of 1500 rounds are 3 points.
    assert passes(advised, draw, min_gain=0.05, alpha=alpha) == pytest.approx(0.8, abs=0.035)


@pytest.mark.slow
@pytest.mark.parametrize(("gain", "margin"), [(0.05, 0.0), (0.0, 0.04)])
def test_the_advised_n_gives_its_power_on_accuracy(gain: float, margin: float) -> None:
    def draw(generator: np.random.Generator, n: int):
        kind = generator.choice(4, n, p=[0.1 + gain / 2, 0.1 - gain / 2, 0.6, 0.2])
        return ((kind == 0) | (kind == 2)).astype(float), ((kind == 1) | (kind == 2)).astype(float)

    spread = Spread(sd=0.2**0.5, binary=True, source="given")
    rule = "better" if gain else "not_worse"
    gate = GateSpec(
        name="g", metric="t.accuracy", rule="better_than_baselines" if gain else "not_worse_than_baseline",
        min_gain=gain or None, margin=margin,
    )  # fmt: skip
    advised = plan_gate(gate, alpha=0.05, n=None, spread=spread).needs[0]
    assert advised is not None
    question = {"rule": rule, "margin": margin} | ({"min_gain": gain} if gain else {})
    assert passes(advised, draw, **question) == pytest.approx(0.8, abs=0.035)


@pytest.mark.slow
def test_the_advised_n_gives_its_power_on_a_floor() -> None:
    advised = power.floor_examples(0.975, 0.95, 0.05, 0.8)
    assert advised is not None
    right = np.random.default_rng(3).binomial(advised, 0.975, 2000)
    share = np.mean([check_floor(int(k), advised, floor=0.95).outcome == "pass" for k in right])
    assert share == pytest.approx(power.floor_chance(0.975, advised, 0.95, 0.05), abs=0.03)
    assert share >= 0.77
