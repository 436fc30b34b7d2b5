"""False passes of a latency gate when each example is asked several times: repeats as pairs, or nested in examples.

    python -m benchmarks.sim_latency_repeats

The candidate's true p50 is exactly the limit: every pass is false. Work differs between examples, and so does how much
longer the candidate takes on each of them; only the noise of a call is new with every repeat.
"""

from __future__ import annotations

import numpy as np

from evalgate import compare_latency

N_RUNS, N_ITEMS, N_REPEATS, LIMIT = 400, 100, 5, 1.10
OWN = (0.0, 0.1, 0.3)  # sd of the log ratio between examples


def false_passes(own: float, *, nested: bool) -> float:
    """The share of suites that pass although the median of both sides' calls differs by the limit."""
    random = np.random.default_rng(7)
    names = [f"x{i}" for i in range(N_ITEMS) for _ in range(N_REPEATS)]
    passed = 0
    for _ in range(N_RUNS):
        work = random.lognormal(0, 0.4, N_ITEMS)
        sides = [work, work * random.lognormal(0, own, N_ITEMS) * LIMIT]
        calls = [(side[:, None] * random.lognormal(0, 0.1, (N_ITEMS, N_REPEATS))).ravel() for side in sides]
        items = names if nested else None
        passed += compare_latency(calls[1], calls[0], quantile=0.5, limit=LIMIT, items=items).outcome == "pass"
    return passed / N_RUNS


def main() -> None:
    """Print one line for each spread."""
    print(f"{N_ITEMS} examples, {N_REPEATS} calls each, {N_RUNS} suites; nominal 5%")
    for own in OWN:
        naive, nested = (100 * false_passes(own, nested=way) for way in (False, True))
        print(f"  sd between examples {own:.1f}: repeats as pairs {naive:.1f}%, nested {nested:.1f}%")


if __name__ == "__main__":
    main()
