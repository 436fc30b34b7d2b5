"""What an early stop has saved: questions that were not asked, and the seconds that baselines took for as many."""

from __future__ import annotations

from evalgate.core.data import EarlyStop
from evalgate.core.results import Estimate
from evalgate.store import BASE, CAPABILITY, RunData


def savings(data: RunData) -> list[str]:
    """One sentence for each candidate that was not asked everything; counted from what is recorded."""
    if data.decision is None or data.run.early_stop is None:
        return []
    out = {v.candidate for v in data.decision.verdicts if v.outcome == "not_run" or v.look == "half"}
    return [text for name in data.run.candidates if name in out and (text := _sentence(name, data))]


def part_asked(estimate: Estimate, n_examples: int) -> str:
    """`150 of 300 asked` where a score rests on a part of the examples; else empty."""
    n = estimate.n + estimate.n_unscored
    return f"{n:,} of {n_examples:,} asked" if n < n_examples else ""


def policy_words(policy: EarlyStop | None) -> str:
    """A run's early stop in a few words."""
    if policy is None:
        return "none: everything was measured"
    look = "one look at half" if policy.futility else "no look at half"
    after = {"skip": "later stages are skipped", "measure": "later stages are measured all the same"}
    return f"{look}; after a failed required gate {after[policy.after_failure]}"


def _sentence(candidate: str, data: RunData) -> str:
    missing = {task: len(rows) - _answered(candidate, task, data) for task, rows in data.examples.items() if rows}
    n, total = sum(missing.values()), sum(map(len, data.examples.values()))
    timed = data.run.suite.latency
    n_calls = max(0, timed.n_pairs - len(data.latency.get(candidate, ()))) if timed else 0
    parts = [f"{n:,} of {total:,} questions were not asked{_seconds(missing, data)}"] if n else []
    parts += [f"{n_calls:,} pairs of timed calls were not made"] if n_calls else []
    return f"{candidate} was stopped early: {' and '.join(parts)}" if parts else ""


def _answered(candidate: str, task: str, data: RunData) -> int:
    rows = data.scores[candidate] if task == CAPABILITY else data.predictions[candidate]
    return len({row.example_id for row in rows.get(task, ())})


def _seconds(missing: dict[str, int], data: RunData) -> str:
    """The questions that were not asked at the mean pace of the baselines (of the base, for capability)."""
    known = {BASE, *data.run.baselines}
    total = 0.0
    for task, n in missing.items():
        rows = [cost for cost in data.costs if cost.task == task and cost.system in known]
        if n and not rows:
            return ""
        total += n * sum(row.seconds for row in rows) / max(1, sum(row.n for row in rows))
    return f" (about {total:,.0f} s at the baselines' measured pace)"
