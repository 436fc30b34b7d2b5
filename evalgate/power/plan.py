"""The power of a whole suite, or of a question without one; data need not be frozen, and nothing is run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from evalgate.binding import seeds_of
from evalgate.config.load import load_candidates, load_suite_spec
from evalgate.config.project import CANDIDATES
from evalgate.core.data import GateSpec, Suite, SuiteSpec
from evalgate.core.errors import UsageError
from evalgate.core.record import Record
from evalgate.feasibility import refuse_unfit_metrics, size_of
from evalgate.gates.compare import check_alpha
from evalgate.gates.judge import LATENCY
from evalgate.plugins import metric_names
from evalgate.power.rows import GatePower, plan_gate
from evalgate.power.spread import DISCORDANCE, LATENCY_SCALE, Spread, assumed, measured, quantile_scale
from evalgate.store import RunData, load_run
from evalgate.suite.frozen import load_suite


class Asked(Record, frozen=True, kw_only=True):
    """What the command line asks; None means the suite's own value. `examples` is another held-out size to try."""

    alpha: float | None = None
    power: float = 0.8
    looks: int | None = None
    candidates: int | None = None
    examples: int | None = None
    metric_sd: float | None = None
    discordance: float | None = None
    gain: float | None = None
    margin: float | None = None
    floor: float | None = None
    ratio: float | None = None


class PowerReport(Record, frozen=True, kw_only=True):
    """All gates' power; `each` is the power at which every one of the required gates makes `power` for all of them.

    `all_at_90` is the chance that all required gates pass where each has 90 %, `all_now` at the present n (None where
    one of them is not known), as if the gates erred independently.
    """

    subject: str
    looks: int
    candidates: int
    power: float
    gates: tuple[GatePower, ...]
    n_required: int
    all_at_90: float
    each: float
    all_now: float | None
    pilot: str | None = None


def power_of_suite(folder: Path, asked: Asked, run: Path | None = None) -> PowerReport:
    """The power of every gate of a suite, at its present held-out sizes; spreads from a pilot `run` where given.

    Raises what reading the suite and the run raises, and `cannot-gate`.
    """
    _check(asked)
    spec = load_suite_spec(folder, metric_names())
    suite = load_suite(folder, spec, ("heldout",), verify=False)
    refuse_unfit_metrics(suite)
    recipes, entrants = load_candidates(folder / CANDIDATES, spec)
    n_candidates = len(seeds_of(tuple(recipes))) + len(entrants)
    return _report(spec, suite, asked, n_candidates, load_run(run) if run else None, f"suite '{spec.name}'")


def power_of_run(folder: Path, asked: Asked) -> PowerReport:
    """The power of a recorded run's own gates, with the sizes and spreads that it measured."""
    _check(asked)
    data = load_run(folder)
    return _report(data.run.suite, None, asked, len(data.run.candidates), data, f"run {data.run.id}")


def power_of_question(asked: Asked) -> PowerReport:
    """The power of gates that are described on the command line alone. Raises `bad-setting`."""
    _check(asked)
    level = (asked.alpha or 0.05) / (asked.looks or 1) / (asked.candidates or 1)
    rows = [
        plan_gate(gate, alpha=level, n=asked.examples, spread=spread, power=asked.power)
        for gate, spread in _questions(asked)
    ]
    return _summed("your question", asked, asked.looks or 1, asked.candidates or 1, rows, len(rows))


def _questions(asked: Asked) -> list[tuple[GateSpec, Spread]]:
    found: list[tuple[GateSpec, Spread]] = []
    spreads = []
    if asked.metric_sd is not None:
        spreads.append(Spread(sd=asked.metric_sd, binary=False, base_mean=0.0, source=f"given sd {asked.metric_sd:g}"))
    if asked.discordance is not None:
        text = f"given discordance {asked.discordance:g}"
        spreads.append(Spread(sd=math.sqrt(asked.discordance), binary=True, source=text))
    for spread in spreads:
        metric = "0/1 score" if spread.binary else "graded score"
        if asked.gain is not None:
            rule = GateSpec(name="gain", metric=metric, rule="better_than_baselines", min_gain=asked.gain)
            found.append((rule, spread))
        if asked.margin is not None:
            rule = GateSpec(name="no drop", metric=metric, rule="not_worse_than_baseline", margin=asked.margin)
            found.append((rule, spread))
    if asked.floor is not None:
        rule = GateSpec(name="floor", metric="0/1 score", rule="at_least", limit=asked.floor)
        found.append((rule, Spread(sd=math.sqrt(DISCORDANCE), binary=True, source="exact")))
    for name, quantile in (("p50", 0.5), ("p95", 0.95)) if asked.ratio is not None else ():
        sd = LATENCY_SCALE * quantile_scale(quantile)
        rule = GateSpec(name=name, metric=f"{LATENCY}.{name}", rule="not_worse_than_baseline", limit=asked.ratio)
        found.append((rule, Spread(sd=sd, binary=False, source=f"assumed spread {sd:.2f} of the log ratio")))
    if not found:
        raise _setting("nothing is asked: an effect or a spread is missing",
                       "give `--metric-sd 0.2 --gain 0.03`, `--discordance 0.2 --margin 0.02`, `--floor 0.99` or "
                       "`--ratio 1.1`")  # fmt: skip
    return found


def _report(
    spec: SuiteSpec, suite: Suite | None, asked: Asked, n_candidates: int, data: RunData | None, subject: str
) -> PowerReport:
    looks, candidates = asked.looks or spec.looks or 1, asked.candidates or max(1, n_candidates)
    rows = []
    for gate in spec.gates:
        pilot = measured(gate, data) if data is not None else None
        n, sizes = size_of(gate, suite) if suite is not None else (None, None)
        n = pilot.n if n is None and pilot is not None else n
        if asked.examples is not None and not gate.is_timed:
            n = asked.examples
        level = (asked.alpha or gate.alpha) / looks / candidates
        rows.append(plan_gate(gate, alpha=level, n=n, spread=pilot or assumed(gate), sizes=sizes, power=asked.power))
    required = sum(gate.required for gate in spec.gates)
    now = [row.chance for row, gate in zip(rows, spec.gates, strict=True) if gate.required]
    pilot_name = None if data is None else data.folder
    return _summed(subject, asked, looks, candidates, rows, required, now, pilot_name)


def _summed(
    subject: str, asked: Asked, looks: int, candidates: int, rows: Sequence[GatePower], n_required: int,
    now: Sequence[float | None] | None = None, pilot: str | None = None,
) -> PowerReport:  # fmt: skip
    chances = [row.chance for row in rows] if now is None else now
    known = [chance for chance in chances if chance is not None]
    k = max(1, n_required)
    return PowerReport(
        subject=subject, looks=looks, candidates=candidates, power=asked.power, gates=tuple(rows),
        n_required=n_required, all_at_90=0.9**k, each=asked.power ** (1 / k),
        all_now=math.prod(known) if len(known) == len(chances) else None, pilot=pilot,
    )  # fmt: skip


def _check(asked: Asked) -> None:
    """Refuse settings outside their range: all are fractions, but for the ratio."""
    if asked.alpha is not None:
        check_alpha(asked.alpha)
    for name in ("metric_sd", "discordance", "gain", "margin", "floor", "power"):
        value = getattr(asked, name)
        most = 1 if name in ("metric_sd", "discordance", "gain") else math.nextafter(1, 0)
        if value is not None and not 0 < value <= most:
            option = name.replace("_", "-")
            raise _setting(f"--{option} must be a fraction between 0 and 1, not {value:g}", "give 3 points as 0.03")
    if asked.ratio is not None and not 1 < asked.ratio < math.inf:
        raise _setting(f"--ratio must be above 1, not {asked.ratio:g}", "for at most 10% slower give `--ratio 1.1`")
    if asked.discordance is not None and (asked.gain or 0) > asked.discordance:
        raise _setting(
            f"a gain of {asked.gain:g} cannot be if only {asked.discordance:g} of the answers differ",
            "give the share of examples that one system gets right and the other wrong; it is at least the gain",
        )


def _setting(what: str, fix: str) -> UsageError:
    return UsageError(what, code="bad-setting", fix=fix)


def is_assumed(report: PowerReport) -> bool:
    """Whether some spread was not measured."""
    return any(row.spread.startswith("assumed") for row in report.gates)
