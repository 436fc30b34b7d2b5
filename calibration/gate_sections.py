"""The page's sections on each gate: false ships first, the rest folded below."""

from __future__ import annotations

from calibration import clusters
from calibration.exact import FLOORS
from calibration.reading import Results
from calibration.shapes import BINARY, GRADED, MARGIN, Shape
from calibration.tables import Find, by_size, failed, folded, passed, undecided

GRADED_ROWS = [(shape.name, shape.title) for shape in GRADED]
BINARY_ROWS = [(shape.name, shape.title) for shape in BINARY]
POINTS = f"{100 * MARGIN:.0f}"


def better(results: Results) -> str:
    """The section on `better`."""
    def graded(truth: str) -> Find:
        return lambda shape, n: results.get("gates", shape, n, truth, "better")

    def exact(truth: str) -> Find:
        return lambda shape, n: results.get("exact", shape, n, truth, "better")

    gains = ", ".join(f"{100 * gain:.0f} for {names}" for gain, names in _gains(BINARY).items())
    return "\n\n".join((
        "## Better than the baseline",
        "`compare(rule=\"better\", min_gain=g)`: paired t with the one-collapse guard for graded scores, Tango's score "
        "test for 0/1 scores. Nominal level 5%. The declared gain g is 5 points for graded scores.",
        "**False ship, %**: PASS although the candidate gains nothing. Graded scores, simulated:",
        by_size(results, GRADED_ROWS, graded("none"), passed, marked=True),
        "0/1 scores, exact: every possible outcome with its probability, no simulation error. The largest value over "
        "discordances from 1% to 60% stands in the last row.",
        by_size(results, [*BINARY_ROWS, ("", "the worst discordance")], _with_worst(results, "none", "better", exact),
                passed, marked=True),
        _four(results, "Power, false block and inconclusive: graded scores", GRADED_ROWS, graded),
        _four(results, f"Power, false block and inconclusive: 0/1 scores (g in points: {gains})", BINARY_ROWS, exact),
        folded("The same 0/1 cells, simulated through `compare` (false ship, %)",
               by_size(results, BINARY_ROWS, graded("none"), passed, marked=True)),
    ))  # fmt: skip


def _gains(shapes: tuple[Shape, ...]) -> dict[float, str]:
    gains: dict[float, list[str]] = {}
    for shape in shapes:
        gains.setdefault(shape.gain, []).append(shape.title.split(",")[0])
    return {gain: " and ".join(sorted(set(names))) for gain, names in gains.items()}


def _with_worst(results: Results, truth: str, rule: str, exact: object) -> Find:
    def find(shape: str, n: int):  # type: ignore[no-untyped-def]
        if shape:
            return results.get("exact", shape, n, truth, rule)
        return next(
            (row for row in results.rows if row.part == "worst" and row.n == n and row.rule == rule), None
        )  # fmt: skip

    return find


def _four(results: Results, summary: str, rows: list[tuple[str, str]], at) -> str:  # type: ignore[no-untyped-def]
    return folded(
        summary,
        "Power, %: PASS where the true gain is g", by_size(results, rows, at("gain"), passed),
        "Power, %: PASS where the true gain is 2g", by_size(results, rows, at("double"), passed),
        "False block, %: FAIL where the true gain is g (nominal 5%)",
        by_size(results, rows, at("gain"), failed, marked=True),
        "Inconclusive, %, where the true gain is g", by_size(results, rows, at("gain"), undecided),
        "Inconclusive, %, where there is no gain", by_size(results, rows, at("none"), undecided),
    )  # fmt: skip
