"""Which checkpoint of a training is kept, when it is stopped early, and when it is called overfitting. Pure.

Two checkpoints are compared on the same dev items: `d` are an item's differences, tasks count alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, sqrt
from statistics import fmean, variance

from msgspec.structs import replace

from evalgate.core.drafts import Checkpoints
from evalgate.core.training import CurvePoint, Evaluation, Overfitting

# A dev loss that is this share above its least value has risen: its rows are the same at every checkpoint, so what is
# left of chance in it is small.
RISEN = 0.02


def evaluation_steps(n_steps: int, evaluations: int) -> tuple[int, ...]:
    """After which steps a training is looked at: evenly spread, the last one at its end."""
    return tuple(sorted({max(1, round(n_steps * k / evaluations)) for k in range(1, evaluations + 1)}))


def difference(a: Evaluation, b: Evaluation) -> tuple[float, float]:
    """By how much the score of `a` exceeds that of `b`, and its standard error, paired by item.

    The mean over tasks of mean d; its error is sqrt(sum of var(d) / n) / tasks. A task of one item shows no spread and
    adds none.
    """
    means, errors = [], []
    for task, mine in a.seen.scores.items():
        d = [x - y for x, y in zip(mine, b.seen.scores[task], strict=True)]
        if d:
            means.append(fmean(d))
            errors.append(variance(d) / len(d) if len(d) > 1 else 0.0)
    return (fmean(means), sqrt(sum(errors)) / len(means)) if means else (0.0, 0.0)


def best_of(evaluations: Sequence[Evaluation]) -> Evaluation | None:
    """The best score that may be kept, the earliest of equals; None if nothing may or has a score."""
    eligible = [e for e in evaluations if e.eligible and e.score is not None]
    return max(eligible, key=lambda e: (e.score or 0.0, -e.step), default=None)


def compared(evaluations: Sequence[Evaluation], settings: Checkpoints) -> tuple[Evaluation, ...]:
    """The evaluations with what they are worth: within the limit or not, and how far behind the best one."""
    held = [replace(e, within=e.seen.drift is None or e.seen.drift <= settings.max_drift) for e in evaluations]
    best = best_of(held)
    if best is None:
        return tuple(held)
    found = []
    for e in held:
        behind, se = difference(best, e)
        found.append(replace(e, behind=behind, se=se))
    return tuple(found)


def exhausted(evaluations: Sequence[Evaluation], settings: Checkpoints) -> bool:
    """Whether there is nothing more to gain: `patience` evaluations in a row without a better one within the limit."""
    if settings.keep == "last" or not evaluations or all(e.score is None for e in evaluations):
        return False
    best = best_of(evaluations)
    since = [e.step for e in evaluations].index(best.step) if best else -1
    return len(evaluations) - 1 - since >= settings.patience


def held(evaluations: Sequence[Evaluation], settings: Checkpoints) -> frozenset[int]:
    """Steps whose weights are there after these looks, where each is a whole model: two at most.

    After each look they are the best one and the one that would be kept, of the new one and those that were there. So
    the best of all looks is among them, and so is the last or the one that drifted least where that decides.
    """
    there: frozenset[int] = frozenset()
    for n, newest in enumerate(evaluations, start=1):
        seen = compared(evaluations[:n], settings)
        there |= {newest.step}
        best = best_of(seen)
        there = frozenset({chosen(seen, settings, there)[0].step, *([best.step] if best else [])})
    return there


def chosen(
    evaluations: Sequence[Evaluation], settings: Checkpoints, there: frozenset[int] | None = None
) -> tuple[Evaluation, str]:
    """The checkpoint to keep, and why: the earliest within the limit that is one standard error from the best.

    The one-standard-error rule (Breiman et al. 1984) prefers less training where dev items cannot tell two checkpoints
    apart. Where none is within the limit, the one that drifted least. With `there` only these steps can be kept.
    """
    last, best = evaluations[-1], best_of(evaluations)
    if there is not None:
        evaluations = [e for e in evaluations if e.step in there]
    if settings.keep == "last":
        return last, "`keep: last` asks for it"
    if best is not None:
        first = next(e for e in evaluations if e.eligible and e.score is not None and e.behind <= e.se)
        if first is best:
            return best, f"its dev score is the best{_within(evaluations)}: {_percent(best.score)}"
        return first, (
            f"its dev score, {_percent(first.score)}, is not more than one standard error ({_points(first.se)}) below "
            f"the best{_within(evaluations)}, {_percent(best.score)} at step {best.step}"
        )
    moved = [e for e in evaluations if e.moved] or [last]  # where none has moved, that is an error of its own
    within = [e for e in moved if e.within]
    if within:
        return within[-1], "no dev item was scored, so the last one within the drift limit is kept"
    least = min(moved, key=lambda e: e.seen.drift if e.seen.drift is not None else inf)
    return least, f"none keeps the drift within {settings.max_drift:g} nats a token, and this one drifted least"


def overfitting(points: Sequence[CurvePoint], evaluations: Sequence[Evaluation]) -> Overfitting | None:
    """From where on dev became worse although the training loss went on falling; None if it did not.

    Worse is a last dev score more than one standard error below the best one's, whatever its drift, or a last dev loss
    2% above the least one. Both losses and scores are those of one stage.
    """
    found: list[tuple[int, str]] = []
    scored = [e for e in evaluations if e.score is not None]
    if scored:
        best, last = max(scored, key=lambda e: (e.score or 0.0, -e.step)), scored[-1]
        fall, se = difference(best, last)
        if fall > se and _falls_on(points, best.step):
            found.append((best.step, f"the dev score fell from {_percent(best.score)} to {_percent(last.score)}"))
    losses = [(e.dev_loss, e.step) for e in evaluations if e.dev_loss is not None]
    if losses:
        (least, since), (end, _) = min(losses), losses[-1]
        if end > least * (1 + RISEN) and _falls_on(points, since):
            found.append((since, f"the dev loss rose from {least:.3f} to {end:.3f}"))
    if not found:
        return None
    return Overfitting(since=min(step for step, _ in found), what=" and ".join(text for _, text in found))


def _falls_on(points: Sequence[CurvePoint], step: int) -> bool:
    """Whether the training loss after a step is lower, on average, than over as many logs up to it."""
    losses = [(p.step, p.loss) for p in points if p.loss is not None]
    after = [loss for at, loss in losses if at > step]
    before = [loss for at, loss in losses if at <= step][-len(after) :] if after else []
    return bool(before) and fmean(after) < fmean(before)


def _within(evaluations: Sequence[Evaluation]) -> str:
    return "" if all(e.within for e in evaluations) else " within the drift limit"


def _percent(share: float | None) -> str:
    return f"{100 * (share or 0.0):.1f}%"


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"
