"""Several tests at once: Holm over candidates, Simes over baselines."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float], alpha: float) -> tuple[list[float], list[float]]:
    """Holm's adjusted p-values, and the level at which each one was judged (its interval uses that level).

    `adjusted <= alpha` and `p <= level` say the same. From the first p-value that is not rejected on,
    all share the level at which it stopped. Source: Holm 1979.
    """
    m = len(p_values)
    adjusted, levels = [1.0] * m, [alpha] * m
    running, stopped = 0.0, 0
    for rank, index in enumerate(sorted(range(m), key=lambda i: p_values[i])):
        remaining = stopped or m - rank
        running = max(running, min(1.0, p_values[index] * (m - rank)))
        if running > alpha:
            stopped = remaining
        adjusted[index], levels[index] = running, alpha / remaining
    return adjusted, levels


def simes(p_values: Sequence[float]) -> float:
    """Simes' p-value of "all these hypotheses hold", for tests that depend positively on one another.

    Differences between one candidate and several baselines do. Sources: Simes 1986, Sarkar 1998.
    """
    m = len(p_values)
    return min(1.0, *(m * p / rank for rank, p in enumerate(sorted(p_values), start=1)))
