"""How many examples: from the spread of one difference and a declared effect, never from an observed effect."""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy.special import ndtr, ndtri

from evalgate.stats.paired import unseen_at

LARGEST_N = 1_000_000_000


def z_of(alpha: float) -> float:
    """The upper normal quantile: 1.645 at alpha 0.05."""
    return float(-ndtri(alpha))


def _smallest_n(z_plain: float, alpha: float, sd: float, gap: float, collapse: float) -> int | None:
    """The least n with `z_plain*sd/sqrt(n) + z_alpha*sqrt(sd^2 + u*collapse^2/n)/sqrt(n) + u*collapse/n <= gap`.

    `collapse` is how far an unseen collapsed answer lies below the mean, 0 without the guard; u is `unseen_at(alpha)`.
    """
    if gap <= 0:
        return None
    z_guarded, unseen = z_of(alpha), unseen_at(alpha)

    def enough(n: int) -> bool:
        guarded = z_guarded * math.sqrt((sd * sd + unseen * collapse * collapse / n) / n)
        return z_plain * sd / math.sqrt(n) + guarded + unseen * collapse / n <= gap * (1 + 1e-12)

    return least_n(enough)


def least_n(enough: Callable[[int], bool], *, start: int = 1) -> int | None:
    """The least n from `start` on with `enough(n)`, which must stay true once it is; None beyond a billion."""
    low, high = start - 1, start
    while not enough(high):
        low, high = high, high * 2
        if high > LARGEST_N:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def superiority_n(sd: float, gap: float, *, alpha: float, alpha_fail: float, collapse: float = 0.0) -> int | None:
    """The n at which "inconclusive" becomes impossible for a gap `min_gain - margin`; None if the gap is not positive.

    `((z_alpha + z_alpha_fail) * sd / gap)^2`, and somewhat more with the guard.
    """
    return _smallest_n(z_of(alpha_fail), alpha, sd, gap, collapse)


def paired_n(sd: float, effect: float, *, alpha: float, power: float, collapse: float = 0.0) -> int | None:
    """The n at which a true distance `effect` from the limit is shown with this power: `((z+z)*sd/effect)^2`."""
    return _smallest_n(z_of(1 - power), alpha, sd, effect, collapse)


def no_flip_n(margin: float, alpha: float) -> int:
    """The least n at which Tango's test can show a drop below `margin`, even if not one answer changes."""
    z = z_of(alpha)
    return math.ceil(z * z * (1 - margin) / margin - 1e-9)


def futility_alpha(alpha: float) -> float:
    """The level at which a look at half of the examples may stop with a fail: 0.0056 for alpha 0.05.

    What O'Brien-Fleming spending has spent by then; a pass is never given early. Source: Lan and DeMets 1983.
    """
    return 2 * float(ndtr(-z_of(alpha / 2) * math.sqrt(2)))


def detectable_effect(sd: float, n: int, *, alpha: float, power: float) -> float:
    """The smallest true effect that `n` pairs show with this power: `(z + z) * sd / sqrt(n)`."""
    return (z_of(alpha) + z_of(1 - power)) * sd / math.sqrt(n)


def ratio_n(n: int, low: float, high: float, *, limit: float, alpha: float, power: float = 0.8) -> int | None:
    """Pairs at which an unchanged latency passes `limit` > 1, from the interval [low, high] that `n` pairs gave."""
    if limit <= 1 or low <= 0:
        return None
    se = math.log(high / low) / (2 * z_of(alpha))
    return math.ceil(n * ((z_of(alpha) + z_of(1 - power)) * se / math.log(limit)) ** 2)
