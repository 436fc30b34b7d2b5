"""The page's three figures."""

from __future__ import annotations

from statistics import median

from calibration.drawing import Drawing
from calibration.families import SETTINGS as FAMILIES
from calibration.reading import Results, first_marked
from calibration.rivals import RULES
from calibration.rows import ALPHA, SIZES
from calibration.shapes import ALL

HEADLINE_N = 200


def headline(results: Results) -> str:
    """What each rule ships when nothing is better: one candidate, and the best of ten."""
    n, shapes, families = HEADLINE_N, list(ALL), list(FAMILIES)
    rules = [("evalgate", "evalgate", "better"), *((rule, title, rule) for rule, title in RULES.items())]
    drawing = Drawing(
        900, 74 + 30 * len(rules) + 34, f"How often each rule ships with {n} examples when no candidate is better"
    )
    panels = (
        (200.0, "One candidate, no better than the baseline"),
        (560.0, "Best of 10, none better than 3 baselines"),
    )
    width, bottom = 270.0, 62 + 30 * len(rules)
    for left, title in panels:
        drawing.text(left, 24, title, "bold small")
        for percent in (0, 25, 50, 75, 100):
            x = left + width * percent / 100
            drawing.line(x, 40, x, bottom, "axis")
            drawing.text(x, bottom + 16, f"{percent}%", "muted small", "middle")
        drawing.line(left + width * ALPHA, 40, left + width * ALPHA, bottom, "alpha")
    drawing.text(panels[0][0] + width * ALPHA + 4, 38, "5%", "red small")
    for i, (rule, title, one) in enumerate(rules):
        y = 50 + 30 * i
        drawing.text(188, y + 13, title, "bold" if i == 0 else "", "end")
        part = "gates" if i == 0 else "rivals"
        of_ten = results.shares("family", n, "equal", rule, families)
        for (left, _), shares in zip(panels, (results.shares(part, n, "none", one, shapes), of_ten), strict=True):
            _bar(drawing, left, y, width, shares, "ours" if i == 0 else "theirs")
    drawing.text(
        200,
        bottom + 36,
        "Share of suites in which the rule ships. Bar: median over score shapes; line: lowest to highest.",
        "muted small",
    )  # fmt: skip
    return drawing.svg()


def _bar(drawing: Drawing, left: float, y: float, width: float, shares: list[float], kind: str) -> None:
    middle, low, high = median(shares), min(shares), max(shares)
    drawing.rect(left, y, max(1.5, width * middle), 18, kind)
    drawing.line(left + width * low, y + 9, left + width * high, y + 9, "range")
    for end in (low, high):
        drawing.line(left + width * end, y + 5, left + width * end, y + 13, "range")
    beyond = max(high, middle) if high >= ALPHA else ALPHA  # the number stands beside the line of alpha, not on it
    drawing.text(left + width * beyond + 6, y + 13.5, percent(middle), "small bold")


def percent(share: float) -> str:
    """A share in percent, with decimals where they tell something."""
    if 0 < share < 0.1 or 0.995 <= share < 1:
        return f"{100 * share:.1f}%"
    return f"{100 * share:.0f}%"


GROUPS = (
    ("better", "gates", "better", "graded"),
    ("better 0/1", "gates", "better", "binary"),
    ("not worse", "gates", "not_worse", "graded"),
    ("not worse 0/1", "gates", "not_worse", "binary"),
    ("in clusters", "clusters", "better", ""),
    ("latency", "latency", "", ""),
    ("3 × 10", "family", "evalgate", ""),
    ("50 looks", "looks", "ledger", ""),
)


def false_ships(results: Results) -> str:
    """Every claimed cell's false-ship rate: a dot each, by gate and number of examples."""
    top, bottom, left, panel = 46.0, 300.0, 56.0, 104.0
    highest = max(0.1, *(row.passed for row in results.claimed))
    drawing = Drawing(900, 360, "False-ship rates of every simulated cell, by gate and number of examples")

    def height(share: float) -> float:
        return bottom - (bottom - top) * share / (highest * 1.06)

    limit = first_marked(results.replications, results.strict)
    drawing.rect(left, height(limit), 8 * panel, height(0) - height(limit), "band")
    for step in range(0, int(100 * highest) + 1, 2):
        drawing.text(left - 8, height(step / 100) + 4, f"{step}%", "muted small", "end")
    drawing.line(left, height(ALPHA), left + 8 * panel, height(ALPHA), "alpha")
    for g, (title, part, rule, kind) in enumerate(GROUPS):
        x0 = left + g * panel
        drawing.text(x0 + panel / 2, 30, title, "bold small", "middle")
        drawing.line(x0, top, x0, bottom, "axis")
        for row in results.claimed:
            if row.part != part or (rule and row.rule != rule) or (kind and ALL[row.shape].kind != kind):
                continue
            x = x0 + 14 + SIZES.index(row.n) * 19
            drawing.dot(x, height(row.passed), 3.2, "over" if results.mark(row, row.passed) == "▲" else "ours")
        for i, n in list(enumerate(SIZES))[::2]:
            drawing.text(x0 + 14 + i * 19, bottom + 16, "2k" if n == 2000 else str(n), "muted small", "middle")
    drawing.text(
        left, bottom + 36, "A dot is one score shape. Below: number of examples. Dashed: the promise, 5%. Shaded: what "
        f"{results.replications:,} replications cannot tell from 5%.", "muted small",
    )  # fmt: skip
    none = "" if any(row.replications for row in results.above()) else ": none"
    drawing.text(left, bottom + 52, f"Red: above 5% beyond simulation error{none}.", "red small")
    return drawing.svg()


def outcomes(results: Results, shape: str = "noisy") -> str:
    """Pass, inconclusive and fail of the `better` gate against the number of examples, at three truths."""
    drawing = Drawing(900, 250, "Pass, inconclusive and fail of the better gate by number of examples")
    gain = 100 * ALL[shape].gain
    panels = (("none", "truth: no gain"), ("gain", f"truth: {gain:.0f} points, the declared gain"),
              ("double", f"truth: {2 * gain:.0f} points"))  # fmt: skip
    for p, (truth, title) in enumerate(panels):
        left, width = 60.0 + 285 * p, 215.0
        drawing.text(left, 26, title, "bold small")
        for i, n in enumerate(SIZES):
            row = results.get("gates", shape, n, truth, "better")
            if row is None:
                continue
            y, x = 42 + 32 * i, left
            drawing.text(left - 8, y + 15, f"{n:,}", "muted small", "end")
            for share, kind in ((row.passed, "pass"), (1 - row.passed - row.failed, "open"), (row.failed, "fail")):
                drawing.rect(x, y, width * share, 22, kind)
                if share >= 0.12:
                    drawing.text(x + width * share / 2, y + 15.5, f"{100 * share:.0f}%", "small bold on", "middle")
                x += width * share
    x = 60.0
    for kind, word in (("pass", "PASS"), ("open", "INCONCLUSIVE"), ("fail", "FAIL")):
        drawing.rect(x, 216, 12, 12, kind)
        drawing.text(x + 18, 227, word, "small")
        x += 60 + 8 * len(word)
    drawing.text(x + 10, 227, f"Left: number of examples. Shape: {ALL[shape].title}.", "muted small")
    return drawing.svg()
