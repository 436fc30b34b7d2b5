"""What answering takes: seconds of single calls, tokens a second of batches, memory, dollars, and when tuning pays.

Shapes: `n` timed examples or answers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from evalgate.core.results import Prediction
from evalgate.core.serving import TOKENS_PER_PRICE, Amount, BreakEven, Cost, LatencyPair, ServingNumber, TokenPrices
from evalgate.stats.interval import N_RESAMPLES, bootstrap_interval, factorize, mean_interval
from evalgate.stats.quantile import min_pairs
from evalgate.store import RunData

Array = NDArray[np.float64]
LEVEL = 0.95
QUANTILES = (0.5, 0.95, 0.99)
HOUR_S = 3600.0
PER_REQUESTS = 1_000


def serving_table(data: RunData) -> tuple[ServingNumber, ...]:
    """Every measured number of serving by system and task.

    `latency_pNN_s` and `ttft_pNN_s` are of single calls, one at a time; `tokens_per_second` those of the same calls.
    `batch_tokens_per_second` and `peak_memory_bytes` are of the batches that answered the held-out set.
    `usd_per_1000` is by token prices, else by the seconds of those batches on a machine paid by the hour.
    """
    rows = [*_single_calls(data), *_batches(data), *_dollars(data)]
    order = {name: i for i, name in enumerate(data.run.systems)}
    return tuple(sorted(rows, key=lambda row: (row.task, order.get(row.system, len(order)))))


def break_even_table(data: RunData, best: Mapping[str, str]) -> tuple[BreakEven, ...]:
    """For each candidate and each task with its best baseline: how many requests repay the training."""
    found = []
    for candidate in data.run.candidates:
        training = _training_usd(data, candidate)
        for task, baseline in best.items():
            saved = _saved(data, candidate, baseline, task)
            if training is not None and saved is not None:
                found.append(_break_even(candidate, baseline, task, training, saved))
    return tuple(found)


def _single_calls(data: RunData) -> Iterable[ServingNumber]:
    for (system, task), pairs in _calls(data).items():
        items = factorize([example for example, *_ in pairs])
        for kind, values in (("latency", [p[1] for p in pairs]), ("ttft", [p[2] for p in pairs])):
            known = [v for v in values if v is not None]
            if len(known) == len(values):
                for quantile in QUANTILES:
                    yield _row(system, task, f"{kind}_p{100 * quantile:g}_s", _quantile(known, items, quantile))
        sums = np.array([[tokens, seconds] for _, seconds, _, tokens in pairs], dtype=np.float64)
        if sums[:, 0].sum() > 0:
            yield _row(system, task, "tokens_per_second", _rate(sums, items), better="higher")


Timed = tuple[str, float, float | None, int]


def _calls(data: RunData) -> dict[tuple[str, str], list[Timed]]:
    """Uncached single calls of each system and task: (example, seconds, to the first token, tokens).

    Candidates share the calls of a baseline, so those are taken from the candidate with the most pairs.
    """
    found: dict[tuple[str, str], list[Timed]] = {}
    for pairs in sorted(data.latency.values(), key=len, reverse=True):
        sides: dict[tuple[str, str], list[Timed]] = {}
        for p in pairs:
            if not p.cached:
                for side in _sides(p):
                    sides.setdefault((side[0], p.task), []).append(side[1])
        found |= {key: calls for key, calls in sides.items() if key not in found}
    return found


def _sides(p: LatencyPair) -> tuple[tuple[str, Timed], tuple[str, Timed]]:
    return (
        (p.baseline, (p.example_id, p.baseline_s, p.baseline_first_s, p.baseline_tokens)),
        (p.candidate, (p.example_id, p.candidate_s, p.candidate_first_s, p.candidate_tokens)),
    )


def _quantile(values: Sequence[float], items: NDArray[np.int64], quantile: float) -> Amount:
    """A quantile of `values[n]`; without an interval below the pairs that a gate needs for it."""
    column, n_items = np.asarray(values, dtype=np.float64)[:, None], int(items.max()) + 1
    if n_items < min_pairs(quantile):
        why = f"{min_pairs(quantile)} examples are the least for an interval"
        return Amount(value=float(np.quantile(column, quantile)), n=n_items, method=why)
    value, low, high = bootstrap_interval(
        column, lambda parts: np.quantile(parts[..., 0], quantile, axis=-1), items, level=LEVEL, seed=0
    )
    return _with(value, low, high, n_items, f"percentile bootstrap, {N_RESAMPLES} resamples of examples")


def _rate(sums: Array, items: NDArray[np.int64]) -> Amount:
    """Tokens a second over `sums[n, 2]` of tokens and seconds."""
    value, low, high = bootstrap_interval(
        sums, lambda parts: parts[..., 0].sum(axis=-1) / parts[..., 1].sum(axis=-1), items, level=LEVEL, seed=0
    )
    n = int(items.max()) + 1
    return _with(value, low, high, n, f"percentile bootstrap, {N_RESAMPLES} resamples of examples")


def _batches(data: RunData) -> Iterable[ServingNumber]:
    for (system, task), costs in _spent(data).items():
        n, seconds = sum(c.n for c in costs), sum(c.seconds for c in costs)
        tokens = [p.completion_tokens for p in _answers(data, system, task) if p.completion_tokens]
        if tokens and seconds > 0:
            speed = sum(tokens) / len(tokens) * n / seconds
            amount = Amount(value=speed, n=n, method=f"one timing of {n} answers in batches")
            yield _row(system, task, "batch_tokens_per_second", amount, better="higher")
        peaks = [c.peak_memory_bytes for c in costs if c.peak_memory_bytes is not None]
        if peaks:
            yield _row(system, task, "peak_memory_bytes", Amount(value=max(peaks), n=n, method="the highest seen"))


def _spent(data: RunData) -> dict[tuple[str, str], list[Cost]]:
    found: dict[tuple[str, str], list[Cost]] = {}
    for cost in data.costs:
        if cost.system in data.run.systems and cost.task in data.examples and cost.n > 0:
            found.setdefault((cost.system, cost.task), []).append(cost)
    return found


def _dollars(data: RunData) -> Iterable[ServingNumber]:
    for system in data.run.systems:
        for task in data.examples:
            usd = _request_usd(data, system, task)
            dear = PER_REQUESTS * np.array(list(usd.values()))
            amount = _mean(dear, "t over answers' tokens") if usd else _by_the_hour(data, system, task)
            if amount is not None:
                yield _row(system, task, "usd_per_1000", amount)


def _request_usd(data: RunData, system: str, task: str) -> dict[str, float]:
    """Example -> dollars of its answer by token prices; empty where none are known."""
    prices = _prices(data, system)
    if prices is None:
        return {}
    return {
        p.example_id: (p.prompt_tokens * prices.input_usd + p.completion_tokens * prices.output_usd) / TOKENS_PER_PRICE
        for p in _answers(data, system, task)
        if p.prompt_tokens is not None and p.completion_tokens is not None and p.repeat == 0
    }


def _by_the_hour(data: RunData, system: str, task: str) -> Amount | None:
    prices, costs = data.run.suite.prices, _spent(data).get((system, task), [])
    if prices is None or prices.machine_hour_usd is None or not costs or _prices(data, system) is not None:
        return None
    n = sum(c.n for c in costs)
    usd = PER_REQUESTS * sum(c.seconds for c in costs) / n * prices.machine_hour_usd / HOUR_S
    return Amount(value=usd, n=n, method=f"one timing of {n} answers in batches, by the machine's hour")


def _training_usd(data: RunData, candidate: str) -> float | None:
    """What training a candidate cost: by trained tokens if the host has a price for them, else by the hour."""
    card, prices, own = data.cards.get(candidate), data.run.suite.prices, _prices(data, candidate)
    if card is None or prices is None or card.elsewhere:  # what a training elsewhere took is unknown, not nothing
        return None
    if own is not None and own.training_usd is not None:
        return card.trained_tokens * own.training_usd / TOKENS_PER_PRICE
    return None if prices.machine_hour_usd is None else card.duration_s * prices.machine_hour_usd / HOUR_S


def _saved(data: RunData, candidate: str, baseline: str, task: str) -> Amount | None:
    """Dollars a request by which the baseline is dearer, over the examples that both answered."""
    ours, theirs = _request_usd(data, candidate, task), _request_usd(data, baseline, task)
    both = [i for i in ours if i in theirs]
    if both:
        return _mean(np.array([theirs[i] - ours[i] for i in both]), "paired t over answers' tokens")
    mine, other = _by_the_hour(data, candidate, task), _by_the_hour(data, baseline, task)
    if mine is None or other is None:
        return None
    value = (other.value - mine.value) / PER_REQUESTS
    return Amount(value=value, n=min(mine.n, other.n), method="one timing of each, by the machine's hour")


def _break_even(candidate: str, baseline: str, task: str, training: float, saved: Amount) -> BreakEven:
    requests = None if saved.value <= 0 else math.ceil(training / saved.value)
    if requests is None:
        reason = f"{candidate} costs no less a request than {baseline}: its training is never repaid by serving"
    elif saved.low is None or saved.high is None:
        reason = f"about {requests:,} requests repay the training; one timing, so no interval"
    else:
        least = f"{math.ceil(training / saved.high):,}"
        most = f"{math.ceil(training / saved.low):,}" if saved.low > 0 else "no number"
        reason = f"about {requests:,} requests repay the training (95% interval {least} to {most})"
    return BreakEven(
        candidate=candidate, baseline=baseline, task=task, training_usd=training, saved=saved, requests=requests,
        reason=reason,
    )  # fmt: skip


def _prices(data: RunData, system: str) -> TokenPrices | None:
    prices = data.run.suite.prices
    return None if prices is None else prices.of(system, tuned=data.run.systems[system].kind == "tuned")


def _answers(data: RunData, system: str, task: str) -> list[Prediction]:
    return data.predictions.get(system, {}).get(task, [])


def _mean(values: Array, method: str) -> Amount:
    value, low, high, _ = mean_interval(values, None, LEVEL, fraction=False)
    return _with(value, low, high, values.size, method)


def _with(value: float, low: float, high: float, n: int, method: str) -> Amount:
    known = math.isfinite(low) and math.isfinite(high)
    return Amount(
        value=value, low=low if known else None, high=high if known else None, level=LEVEL, n=n, method=method
    )


def _row(
    system: str, task: str, metric: str, amount: Amount, better: Literal["higher", "lower"] = "lower"
) -> ServingNumber:
    return ServingNumber(system=system, task=task, metric=metric, amount=amount, better=better)
