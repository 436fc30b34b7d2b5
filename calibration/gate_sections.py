"""The page's sections on each gate: false ships first, the rest folded below them."""

from __future__ import annotations

from collections.abc import Callable

from calibration import clusters
from calibration.exact import FLOORS
from calibration.reading import Results
from calibration.rows import Row
from calibration.shapes import BINARY, GRADED, Shape
from calibration.tables import Find, by_size, failed, folded, passed, undecided

GRADED_ROWS = [(shape.name, shape.title) for shape in GRADED]
BINARY_ROWS = [(shape.name, shape.title) for shape in BINARY]
WORST = ("", "*the worst of 60 shares of differing answers*")


def _finder(results: Results, part: str, rule: str) -> Callable[[str], Find]:
    """Rows of one part and rule: give the truth, then setting and number of examples."""
    return lambda truth: lambda setting, n: results.get(part, setting, n, truth, rule)


def _with_worst(results: Results, find: Find, rule: str) -> Find:
    """As `find`, and for the setting "" the exact worst case over discordances."""
    worst = {row.n: row for row in results.select(lambda row: row.part == "worst" and row.rule == rule)}

    def either(setting: str, n: int) -> Row | None:
        return find(setting, n) if setting else worst.get(n)

    return either


def better(results: Results) -> str:
    """The section on `better`."""
    graded, exact = _finder(results, "gates", "better"), _finder(results, "exact", "better")
    return "\n\n".join((
        "## Better than the baseline",
        "`compare(rule=\"better\", min_gain=g)`: a paired t with the one-collapse guard for graded scores, Tango's "
        "score test for 0/1 scores. g, the smallest gain worth shipping, is 5 points for graded scores.",
        "**False ship, %** (PASS although the candidate gains nothing; promised: at most 5). Graded scores, simulated:",
        by_size(results, GRADED_ROWS, graded("none"), passed, marked=True),
        "0/1 scores, exact: every possible outcome with its probability, so without simulation error.",
        by_size(results, [*BINARY_ROWS, WORST], _with_worst(results, exact("none"), "better"), passed, marked=True),
        _rest(results, "Graded scores: power, false block, inconclusive", GRADED_ROWS, graded),
        _rest(results, f"0/1 scores: power, false block, inconclusive ({_gains(BINARY)})", BINARY_ROWS, exact),
        folded("The same 0/1 cells simulated through `compare`, as a check of both: false ship, %",
               by_size(results, BINARY_ROWS, graded("none"), passed, marked=True)),
    ))  # fmt: skip


def _gains(shapes: tuple[Shape, ...]) -> str:
    """Which gain is declared for which shapes."""
    gains: dict[float, list[str]] = {}
    for shape in shapes:
        gains.setdefault(shape.gain, []).append(f"{shape.rate:.0%}")
    return "; ".join(f"g = {100 * gain:.0f} points at accuracy {', '.join(of)}" for gain, of in gains.items())


def _rest(results: Results, summary: str, rows: list[tuple[str, str]], at: Callable[[str], Find]) -> str:
    return folded(
        summary,
        "Power, %: PASS where the true gain is g", by_size(results, rows, at("gain"), passed),
        "Power, %: PASS where the true gain is 2g", by_size(results, rows, at("double"), passed),
        "False block, %: FAIL where the true gain is g (promised: at most 5)",
        by_size(results, rows, at("gain"), failed, marked=True),
        "Inconclusive, %, where the true gain is g", by_size(results, rows, at("gain"), undecided),
        "Inconclusive, %, where there is no gain (the rest is FAIL, but for the false ships)",
        by_size(results, rows, at("none"), undecided),
    )  # fmt: skip


def not_worse(results: Results) -> str:
    """The section on `not_worse`."""
    graded, exact = _finder(results, "gates", "not_worse"), _finder(results, "exact", "not_worse")
    parts = [
        "## Not worse than the baseline",
        "`compare(rule=\"not_worse\", margin=0.02)`, with the same tests. The truth lies **exactly at the margin's "
        "edge**, a drop of 2 points, where a false pass is likeliest.",
        "**False ship, %** (PASS at the edge; promised: at most 5). Graded scores, simulated:",
        by_size(results, GRADED_ROWS, graded("edge"), passed, marked=True),
        "0/1 scores, exact:",
        by_size(results, [*BINARY_ROWS, WORST], _with_worst(results, exact("edge"), "not_worse"), passed, marked=True),
    ]  # fmt: skip
    for kind, rows, at in (("Graded", GRADED_ROWS, graded), ("0/1", BINARY_ROWS, exact)):
        parts.append(folded(
            f"{kind} scores: power, false block, inconclusive",
            "Power, %: PASS where nothing has changed", by_size(results, rows, at("none"), passed),
            "False block, %: FAIL at the edge (promised: at most 5)",
            by_size(results, rows, at("edge"), failed, marked=True),
            "Inconclusive, %, where nothing has changed", by_size(results, rows, at("none"), undecided),
        ))  # fmt: skip
    parts.append(folded(
        "The same 0/1 cells simulated through `compare`: false ship at the edge, %",
        by_size(results, BINARY_ROWS, graded("edge"), passed, marked=True),
    ))  # fmt: skip
    return "\n\n".join(parts)


def floors(results: Results) -> str:
    """The section on floors."""
    rows = [(str(floor), f"floor {floor:.0%}") for floor in FLOORS]
    at = _finder(results, "floor", "evalgate")
    rules = {"observed": "observed rate reaches the floor", "every": "all must be right", "wald": "Wald bound",
             "jeffreys": "Jeffreys bound"}  # fmt: skip
    others = [(f"{floor} {rule}", f"floor {floor:.0%}: {title}") for floor in FLOORS for rule, title in rules.items()]

    def other(setting: str, n: int) -> Row | None:
        floor, rule = setting.split(" ")
        return results.get("floor", floor, n, "edge", rule)

    return "\n\n".join((
        "## Floors",
        "`check_floor`: Clopper-Pearson. Nothing is simulated: the public call judged every possible count, weighted "
        "with its probability. The true rate lies exactly at the floor.",
        "**False ship, %** (promised: at most 5)",
        by_size(results, rows, at("edge"), passed, marked=True, head="floor"),
        folded(
            "Power, false block, and other rules",
            "Power, %: PASS where failures are half as frequent as the floor allows",
            by_size(results, rows, at("half"), passed, head="floor"),
            "Right block, %: FAIL where failures are twice as frequent",
            by_size(results, rows, at("twice"), failed, head="floor"),
            "False block, %: FAIL at the floor (promised: at most 5)",
            by_size(results, rows, at("edge"), failed, marked=True, head="floor"),
            "Other rules: false ship at the floor, %",
            by_size(results, others, other, passed, marked=True, head="rule"),
        ),
    ))  # fmt: skip


def in_clusters(results: Results) -> str:
    """The section on clusters."""
    rows = [(cell, f"{kind_title(cell)}, {clusters.TITLES[cell.split(' ')[1]]}") for cell in clusters.CELLS]
    at, naive = _finder(results, "clusters", "better"), _finder(results, "clusters", "t")
    return "\n\n".join((
        "## Examples in clusters",
        "`compare(clusters=...)`: several questions about one document, where a system's luck belongs to the document. "
        "CR1 standard errors, t with clusters − 1 degrees of freedom; for 0/1 scores Tango's test as well. Fewer than "
        "8 clusters are always inconclusive.",
        "**False ship, %** (promised: at most 5)",
        by_size(results, rows, at("none"), passed, marked=True, head="scores"),
        "A paired t that ignores the clusters, on the same suites: false ship, %",
        by_size(results, rows, naive("none"), passed, marked=True, head="scores"),
        folded(
            f"Power, false block and inconclusive at a gain of {100 * clusters.GAIN:.0f} points, which is also g",
            "Power, %", by_size(results, rows, at("gain"), passed, head="scores"),
            "False block, % (promised: at most 5)",
            by_size(results, rows, at("gain"), failed, marked=True, head="scores"),
            "Inconclusive, %", by_size(results, rows, at("gain"), undecided, head="scores"),
        ),
    ))  # fmt: skip


def kind_title(cell: str) -> str:
    """Graded or 0/1."""
    return "graded" if cell.startswith("graded") else "0/1"


def latency(results: Results) -> str:
    """The section on latency."""
    rows = [("p50", "p50"), ("p95", "p95")]

    def at(truth: str, rule: str = "evalgate", order: str = "interleaved") -> Find:
        return lambda quantile, n: results.get("latency", order, n, truth, f"{rule} {quantile}")

    blocked = at("edge", order="blocked")
    shares = [row.passed if row else 0.0 for row in (blocked("p50", 200), blocked("p95", 200))]
    return "\n\n".join((
        "## Latency",
        "`compare_latency(limit=1.10)`: percentile bootstrap over interleaved pairs. Requests vary (log-normal), the "
        "machine wanders (AR(1)), has bursts of 65% and drifts by up to 15%. The true ratio is exactly the limit. "
        "A p95 from fewer than 100 pairs is always inconclusive.",
        "**False ship, %** (promised: at most 5; the gate is cautious here)",
        by_size(results, rows, at("edge"), passed, marked=True, head="quantile"),
        f"In blocked order (first all of one system, then all of the other) the same bootstrap ships "
        f"{100 * shares[0]:.0f}% (p50) and {100 * shares[1]:.0f}% (p95) at n = 200. That is why evalgate interleaves. "
        "The rule \"observed ratio within the limit\" ships about half of them in either order.",
        folded(
            "Power, blocks and inconclusive",
            "Power, %: PASS where both are equally fast", by_size(results, rows, at("equal"), passed, head="quantile"),
            "Inconclusive, %, where both are equally fast",
            by_size(results, rows, at("equal"), undecided, head="quantile"),
            "Right block, %: FAIL where the candidate takes 1.25 times as long",
            by_size(results, rows, at("slower"), failed, head="quantile"),
            "False block, %: FAIL exactly at the limit (promised: at most 5)",
            by_size(results, rows, at("edge"), failed, marked=True, head="quantile"),
            "\"Observed ratio within the limit\": false ship, %",
            by_size(results, rows, at("edge", "point"), passed, marked=True, head="quantile"),
        ),
    ))  # fmt: skip
