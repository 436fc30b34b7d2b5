"""Times, memory and dollars of serving, from recorded calls and answers; quantiles against NumPy on repeated rows."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures_report import build_run
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from small_suite import write_suite

from evalgate import compare_latency
from evalgate.config import load_suite_spec
from evalgate.core.data import GateSpec
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.core.serving import Cost, LatencyPair, Prices, TokenPrices
from evalgate.gates.columns import GateData
from evalgate.gates.judge import judge
from evalgate.report.serving import serving_view
from evalgate.serving import break_even_table, serving_table
from evalgate.stats.quantile import _weighted

SMALL = TokenPrices(input_usd=1.0, output_usd=4.0)
TUNED = TokenPrices(input_usd=2.0, output_usd=4.0, training_usd=8.0)


@given(
    st.lists(st.floats(0.01, 10), min_size=1, max_size=12).flatmap(
        lambda values: st.tuples(
            st.just(values), st.lists(st.integers(0, 4), min_size=len(values), max_size=len(values)).filter(any)
        )
    ),
    st.floats(0.01, 0.99),
)
def test_a_weighted_quantile_is_numpys_of_the_values_written_out(
    drawn: tuple[list[float], list[int]], q: float
) -> None:
    values, counts = np.sort(drawn[0]), np.array([drawn[1]])
    assert _weighted(values, counts, q)[0] == pytest.approx(np.quantile(np.repeat(values, counts[0]), q), rel=1e-9)


def times(n_items: int, n_repeats: int, seed: int = 1) -> tuple[Any, Any, list[str]]:
    """Both sides slow on the same examples; the candidate slower on some of them, every time that they are asked."""
    rng = np.random.default_rng(seed)
    work, own = rng.lognormal(0, 0.5, n_items), rng.lognormal(0, 0.2, n_items)
    noise = rng.lognormal(0, 0.02, (2, n_items, n_repeats))
    candidate, baseline = (work * own)[:, None] * noise[0], work[:, None] * noise[1]
    return candidate.ravel(), baseline.ravel(), [f"x{i}" for i in range(n_items) for _ in range(n_repeats)]


def test_repeats_of_an_example_are_no_new_evidence() -> None:
    candidate, baseline, items = times(40, 10)
    alone = compare_latency(candidate[::10], baseline[::10], quantile=0.5, limit=1.2)
    nested = compare_latency(candidate, baseline, quantile=0.5, limit=1.2, items=items)
    naive = compare_latency(candidate, baseline, quantile=0.5, limit=1.2)
    width = [v.estimate.high - v.estimate.low for v in (alone, nested, naive) if v.estimate]
    assert width[2] < 0.6 * width[1] < 0.8 * width[0]
    assert nested.n == 40
    assert (
        nested.method
        == "paired percentile bootstrap of the p50 ratio, 3999 resamples of 40 examples with their repeats"
    )


def test_one_call_an_example_is_judged_as_without_names() -> None:
    candidate, baseline, items = times(60, 1)
    named = compare_latency(candidate, baseline, quantile=0.5, limit=1.1, items=items)
    assert named == compare_latency(candidate, baseline, quantile=0.5, limit=1.1)


def test_ten_calls_of_twelve_examples_are_twelve_for_a_p95() -> None:
    candidate, baseline, items = times(12, 10)
    verdict = compare_latency(candidate, candidate * 0 + baseline, quantile=0.95, limit=100.0, items=items)
    assert (verdict.outcome, verdict.n) == ("inconclusive", 12)


def test_names_that_do_not_match_the_pairs_are_refused() -> None:
    with pytest.raises(UsageError, match="there are 2 pairs and 1 names of examples"):
        compare_latency([1.0, 2.0], [1.0, 2.0], quantile=0.5, limit=1.0, items=["a"])


def pair(i: int, candidate: float, baseline: float, **other: Any) -> LatencyPair:
    return LatencyPair(
        example_id=f"x{i}", task="t", baseline="zero", candidate="qlora", candidate_s=candidate, baseline_s=baseline,
        **other,
    )  # fmt: skip


FIRST = GateSpec(name="first", metric="ttft.p50", rule="not_worse_than_baseline", limit=1.5)


def first_token(pairs: list[LatencyPair]) -> Any:
    data = GateData(scores={}, metrics={}, latency={"qlora": pairs})
    return judge(FIRST, candidates=["qlora"], baselines=["zero"], data=data)["qlora"]


def test_the_first_token_has_a_gate_of_its_own() -> None:
    """The whole answers take ten times as long; their first tokens come at once."""
    pairs = [pair(i, 10.0, 1.0, candidate_first_s=0.1 + i / 1e4, baseline_first_s=0.1) for i in range(40)]
    verdict = first_token(pairs)
    assert (verdict.gate, verdict.outcome, verdict.baseline) == ("first", "pass", "zero")
    assert verdict.estimate.value == pytest.approx(1.0195, abs=1e-3)


def test_a_first_token_that_was_never_told_is_not_judged() -> None:
    with pytest.raises(EvalgateError) as raised:
        first_token([pair(i, 1.0, 1.0) for i in range(40)])
    assert str(raised.value) == (
        "error[not-measured]: gate 'first' judges the time to the first token, which the backend does not tell\n\n"
        "hint: use a backend that does, or judge `latency` in its place"
    )


def run_with(prices: Prices | None, **changed: Any) -> Any:
    data = build_run(6, hostile=False)
    suite = replace(data.run.suite, prices=prices)
    return replace(data, run=replace(data.run, suite=suite), **changed)


def numbers(data: Any) -> dict[tuple[str, str, str], Any]:
    return {(row.task, row.system, row.metric): row.amount for row in serving_table(data)}


def test_single_calls_by_task_and_system() -> None:
    pairs = [pair(i, 2.0 + i / 100, 1.0 + i / 100, candidate_tokens=10, baseline_tokens=5) for i in range(100)]
    found = numbers(run_with(None, latency={"qlora": pairs}))
    median = found["t", "qlora", "latency_p50_s"]
    assert median.value == pytest.approx(np.quantile([p.candidate_s for p in pairs], 0.5))
    assert median.low < median.value < median.high
    assert found["t", "zero", "latency_p95_s"].value == pytest.approx(1.9405)
    p99 = found["t", "zero", "latency_p99_s"]
    assert (p99.low, p99.method) == (None, "500 examples are the least for an interval")
    assert found["t", "qlora", "tokens_per_second"].value == pytest.approx(1000 / sum(p.candidate_s for p in pairs))
    assert ("t", "qlora", "ttft_p50_s") not in found


def test_cached_calls_have_no_speed() -> None:
    assert not [k for k in numbers(run_with(None, latency={"qlora": [pair(0, 1, 1, cached=True)]})) if k[0] == "t"]


def test_batches_and_memory() -> None:
    cost = Cost(system="few-shot", task="summarize", n=6, seconds=3.0, peak_memory_bytes=2**30)
    data = run_with(None, costs=[cost, replace(cost, n=2, seconds=1.0, peak_memory_bytes=5)])
    found = numbers(with_tokens(data, TOKENS))
    speed = found["summarize", "few-shot", "batch_tokens_per_second"]
    assert speed.value == pytest.approx(50 * 8 / 4)
    assert (speed.low, speed.method) == (None, "one timing of 8 answers in batches")
    assert found["summarize", "few-shot", "peak_memory_bytes"].value == 2**30


def with_tokens(data: Any, tokens: dict[str, tuple[int, int]]) -> Any:
    """Every answer of a system takes the same prompt and completion tokens."""
    answers = {
        system: {
            task: [replace(p, prompt_tokens=tokens[system][0], completion_tokens=tokens[system][1]) for p in rows]
            for task, rows in tasks.items()
        }
        for system, tasks in data.predictions.items()
        if system in tokens
    }
    return replace(data, predictions=answers)


TOKENS = {"few-shot": (1000, 50), "qlora": (100, 50)}


def test_dollars_by_tokens_and_when_the_training_is_repaid() -> None:
    data = with_tokens(run_with(Prices(base=SMALL, tuned=TUNED)), TOKENS)
    found = numbers(data)
    assert found["summarize", "few-shot", "usd_per_1000"].value == pytest.approx(1000 * (1000 * 1 + 50 * 4) / 1e6)
    assert found["summarize", "qlora", "usd_per_1000"].value == pytest.approx(1000 * (100 * 2 + 50 * 4) / 1e6)
    (row,) = (r for r in break_even_table(data, {"summarize": "few-shot"}) if r.candidate == "qlora")
    training = data.cards["qlora"].trained_tokens * 8 / 1e6
    saved = (1000 - 200) / 1e6
    assert row.training_usd == pytest.approx(training)
    assert row.saved.value == pytest.approx(saved)
    assert row.requests == math.ceil(training / row.saved.value)
    assert row.reason.startswith(f"about {row.requests:,} requests repay the training (95% interval")


def test_a_dearer_candidate_never_repays_its_training() -> None:
    data = with_tokens(run_with(Prices(base=SMALL, tuned=TUNED)), {"few-shot": (10, 5), "qlora": (100, 50)})
    (row,) = (r for r in break_even_table(data, {"summarize": "few-shot"}) if r.candidate == "qlora")
    assert row.requests is None
    assert row.reason == "qlora costs no less a request than few-shot: its training is never repaid by serving"


def test_dollars_by_the_hour_of_the_machine() -> None:
    costs = [
        Cost(system="few-shot", task="summarize", n=10, seconds=36.0),
        Cost(system="qlora", task="summarize", n=10, seconds=18.0),
    ]
    data = run_with(Prices(machine_hour_usd=2.0), costs=costs)
    assert numbers(data)["summarize", "few-shot", "usd_per_1000"].value == pytest.approx(2.0)
    (row,) = (r for r in break_even_table(data, {"summarize": "few-shot"}) if r.candidate == "qlora")
    assert row.saved.value == pytest.approx(0.001)
    assert row.training_usd == pytest.approx(data.cards["qlora"].duration_s * 2 / 3600)
    assert row.reason.endswith("requests repay the training; one timing, so no interval")


def test_without_prices_nothing_is_said_of_dollars() -> None:
    data = run_with(None)
    assert not [k for k in numbers(data) if k[2] == "usd_per_1000"]
    assert break_even_table(data, {"summarize": "few-shot"}) == ()


def test_the_page_shows_each_number_with_its_n_and_method() -> None:
    data = with_tokens(run_with(Prices(base=SMALL, tuned=TUNED)), TOKENS)
    assert data.decision is not None
    even = break_even_table(data, {"summarize": "few-shot"})
    data = replace(data, decision=replace(data.decision, serving=serving_table(data), break_even=even))
    view = serving_view(data)
    row = next(r for r in view["rows"] if (r["task"], r["system"]) == ("summarize", "few-shot"))
    cell = row["cells"][view["columns"].index("1,000 requests")]
    assert cell["value"] == "$1.2"
    assert cell["tip"] == "n = 6; 95% interval, t over answers' tokens"
    assert [r["task"] for r in view["break_even"]] == ["summarize"] * len(even)


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_suite(tmp_path)
    monkeypatch.chdir(tmp_path)
    return Path("suites/desk")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def test_prices_and_repeats_are_read_and_do_not_change_a_frozen_suite(small: Path) -> None:
    before = load_suite_spec(small)
    edit(
        small / "suite.yaml",
        "latency: {n_pairs: 20}",
        "latency: {n_pairs: 20, repeats: 1}\nprices: {machine_hour_usd: 2}",
    )
    after = load_suite_spec(small)
    assert after.latency == before.latency
    assert after.prices == Prices(machine_hour_usd=2.0)
    edit(small / "suite.yaml", "repeats: 1", "repeats: 4")
    spec = load_suite_spec(small).latency
    assert spec is not None
    assert (spec.n_repeats, spec.n_timed) == (4, 5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prices: {}", "prices: give `base:` with input_usd and output_usd a million tokens, or `machine_hour_usd:`"),
        ("prices: {base: {input_usd: -1, output_usd: 1}}", "prices.base.input_usd"),
        ("prices: {machine_hours_usd: 1}", "unknown key; did you mean 'machine_hour_usd'?"),
    ],
)
def test_prices_that_say_nothing_are_refused_with_their_line(small: Path, text: str, message: str) -> None:
    edit(small / "suite.yaml", "latency: {n_pairs: 20}", f"latency: {{n_pairs: 20}}\n{text}")
    with pytest.raises(EvalgateError) as raised:
        load_suite_spec(small)
    assert message in str(raised.value)
