"""The exact size of Tango's score test, and what four corrections of it cost in power.

Run: `python benchmarks/exact_tango.py` (about 2 CPU-minutes). Prints the tables of docs/log.md.
Every possible pair of counts has its probability: no simulation error. Truth lies at the limit, a drop of `margin`;
power is at the effect that a normal test finds in 80 of 100 cases. Shapes: counts gained[b, 1] and lost[1, c].
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtri, xlogy

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
MARGINS = (0.0, 0.01, 0.02, 0.05)
DISCORDANCES = (0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4)
SIZES = (*range(50, 100, 3), *range(100, 300, 17), 133, 149, 200, 300, 400, 500, 700, 1000, 1500, 2000)
RULES = ("Tango", "0.2 off the difference", "1 added to the variance", "both: 0.05 and 0.5", "unconditional")


def counts(n: int, most: float) -> tuple[Array, Array]:
    """Counts up to seven standard deviations above `n * most`."""
    k = np.arange(min(n, int(n * most + 7 * math.sqrt(n * most * (1 - most)) + 9)) + 1.0)
    return k[:, None], k[None, :]


def weights(b: Array, c: Array, n: int, gained: float, lost: float) -> Array:
    """The trinomial probability[b, c] of the counts."""
    rest = np.maximum(n - b - c, 0)
    log_p = gammaln(n + 1) - gammaln(b + 1) - gammaln(c + 1) - gammaln(rest + 1)
    log_p = log_p + xlogy(b, gained) + xlogy(c, lost) + xlogy(rest, 1 - gained - lost)
    return np.where(b + c <= n, np.exp(log_p), 0.0)


def z_with(b: Array, c: Array, n: int, limit: float, *, off: float = 0.0, more: float = 0.0) -> Array:
    """Tango's z with `off` taken from the difference of counts and `more` added to its variance."""
    linear = (2 * n - b + c) * limit - b - c
    root = np.sqrt(np.maximum(0.0, linear**2 + 8 * n * c * limit * (1 - limit)))
    variance = n * ((root - linear) / (2 * n) + limit * (1 - limit)) + more
    distance = b - c - n * limit - off
    flat = variance <= 1e-12
    return np.where(flat, np.sign(distance) * (np.abs(distance) > 1e-9) * 99, distance / np.sqrt(variance + flat))


def unconditional_level(z: Array, b: Array, c: Array, n: int, limit: float, alpha: float) -> float:
    """The least critical z whose rejections have at most `alpha` at every discordance (Suissa and Shuster 1991)."""
    level = float(ndtri(1 - alpha))
    for share in np.unique([-limit + 1e-9, *DISCORDANCES, *np.arange(0.01, 0.4, 0.03)]):
        if share < -limit:
            continue
        near = z > level - 1e-9
        found, weight = z[near], weights(b, c, n, (share + limit) / 2, (share - limit) / 2)[near]
        order = np.argsort(-found)
        found, total = found[order], np.cumsum(weight[order])
        last = np.append(found[:-1] - found[1:] > 1e-9, True)  # equal z are rejected together
        allowed = found[last][total[last] <= alpha]
        level = max(level, float(allowed[-1]) - 1e-9 if allowed.size else 98.0)
    return level


def rejections(n: int, b: Array, c: Array, limit: float, alpha: float) -> dict[str, Mask]:
    """What each rule rejects[b, c]."""
    level, z = float(ndtri(1 - alpha)) - 1e-12, z_with(b, c, n, limit)
    corrected = (z_with(b, c, n, limit, off=k, more=v) >= level for k, v in ((0.2, 0.0), (0.0, 1.0), (0.05, 0.5)))
    strict = z >= unconditional_level(z, b, c, n, limit, alpha)
    return dict(zip(RULES, (z >= level, *corrected, strict), strict=True))


def table(alpha: float) -> None:
    """Print the largest size at each margin and the power lost from 100 examples on: mean and most over the cells."""
    worst = {(rule, margin): (0.0, 0, 0.0) for rule in RULES for margin in MARGINS}
    losses: dict[str, list[float]] = {rule: [] for rule in RULES}
    z_sum = float(ndtri(1 - alpha) + ndtri(0.8))
    for n in SIZES:
        for margin in MARGINS:
            b, c = counts(n, (max(DISCORDANCES) + margin) / 2)
            rejected = rejections(n, b, c, -margin, alpha)
            for share in (s for s in DISCORDANCES if s >= margin):
                at_edge = weights(b, c, n, (share - margin) / 2, (share + margin) / 2)
                for rule, mask in rejected.items():
                    worst[rule, margin] = max(worst[rule, margin], (float(at_edge[mask].sum()), n, share))
                effect = z_sum * math.sqrt(share / n) - margin
                if n >= 100 and abs(effect) < share:
                    gain = weights(b, c, n, (share + effect) / 2, (share - effect) / 2)
                    for rule, mask in rejected.items():
                        losses[rule].append(float(gain[rejected["Tango"]].sum() - gain[mask].sum()))
    print(f"alpha {alpha}: rule | largest size at margin {MARGINS} (n, discordance) | power lost: mean, most, points")
    for rule in RULES:
        sizes = "; ".join(f"{100 * s:.3f} ({n}, {share})" for s, n, share in (worst[rule, m] for m in MARGINS))
        print(f"{rule} | {sizes} | {100 * np.mean(losses[rule]):.2f}, {100 * max(losses[rule]):.1f}")


if __name__ == "__main__":
    for each in (0.05, 0.005):
        table(each)
