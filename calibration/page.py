"""docs/calibration.md and its figures, rendered from the stored results alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median

from calibration import clusters, figures, gate_sections, looks, rule_sections
from calibration.families import SETTINGS as FAMILIES
from calibration.reading import FAMILY_ERROR, Results, first_marked
from calibration.rows import ALPHA, SIZES, Row
from calibration.shapes import ALL, GRADED, MARGIN
from calibration.tables import number
from evalgate.stats.paired import SECOND_LEVEL
from evalgate.stats.plan import no_flip_n

IMAGES = Path("images") / "calibration"
# The least n at which answers that all stayed the same pass `not_worse`.
UNCHANGED_N = no_flip_n(MARGIN, ALPHA)
FIGURES: dict[str, Callable[[Results], str]] = {
    "headline": figures.headline,
    "false-ships": figures.false_ships,
    "outcomes": figures.outcomes,
}


def write(out: Path, about: dict[str, object], rows: list[Row]) -> None:
    """Write the page into folder `out`, and its figures below it."""
    results = Results(rows)
    folder = out / IMAGES
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in FIGURES.items():
        (folder / f"{name}.svg").write_text(draw(results), encoding="utf-8")
    sections = (
        _opening(results), _findings(results), _reading(results), gate_sections.better(results),
        gate_sections.not_worse(results), gate_sections.floors(results), gate_sections.in_clusters(results),
        gate_sections.latency(results), rule_sections.family(results), rule_sections.fifty_looks(results),
        rule_sections.rivals(results), _limits(), _again(about),
    )  # fmt: skip
    (out / "calibration.md").write_text("\n\n".join(sections) + "\n", encoding="utf-8")


def _opening(results: Results) -> str:
    n, shapes = figures.HEADLINE_N, list(ALL)

    def usual(part: str, rule: str, truth: str, over: list[str]) -> str:
        return f"{100 * median(results.shares(part, n, truth, rule, over)):.0f}"

    ours = results.shares("gates", n, "none", "better", shapes)
    return "\n\n".join((
        "# How often evalgate is wrong",
        f"Take {n} held-out examples and a fine-tune that is **no better** than what you have. A tool that ships the "
        f"higher mean ships it {usual('rivals', 'mean', 'none', shapes)} times out of 100; one that blocks only what "
        "is "
        f"\"significantly worse\" ships it {usual('rivals', 'unless', 'none', shapes)} times. Try ten such "
        "fine-tunes and "
        f"take the best, and the higher mean ships {usual('family', 'mean', 'equal', list(FAMILIES))} times out of "
        "100, an "
        f"uncorrected t test up to {100 * max(results.shares('family', n, 'equal', 't', list(FAMILIES))):.0f}. "
        "evalgate "
        f"promises at most 5. Measured here: {number(min(ours))} to {number(max(ours))} with one candidate, "
        "depending on "
        "how the scores are spread. The places where it does not keep its promise stand below, too.",
        f"![How often each rule ships when nothing is better]({IMAGES / 'headline.svg'})",
    ))  # fmt: skip


def _findings(results: Results) -> str:
    simulated = [row for row in results.claimed if row.replications]
    exact = [row for row in results.claimed if not row.replications]
    above = [row for row in results.above() if row.replications]
    exact_above = [row for row in results.above() if not row.replications]
    highest = max(exact, key=lambda row: row.passed)
    lines = [
        "## What was found",
        f"- **{_all_but(len(above), len(simulated))} simulated cells keep the promise** of at most 5% false ships "
        "within simulation error" + (", but for these, which stand in red here:" if above else "."),
    ]
    if above:
        lines.append(_listed(above))
    lines += [
        f"- Of {len(exact)} cells computed exactly, {len(exact_above)} lie above 5%, the highest at "
        f"{number(highest.passed, exact=True)}%; over sixty rates of changed answers the worst is "
        f"{number(max(row.passed for row in results.rows if row.part == 'worst'), exact=True)}%. "
        f"**What is still above 5% is Tango's test**, which is approximate. It is furthest off where a candidate gains "
        f"nothing and loses just the {100 * MARGIN:.0f} points allowed: at n = {UNCHANGED_N}, the first at which "
        "answers that all stayed the same pass, that happens by luck "
        f"{number((1 - MARGIN) ** UNCHANGED_N, exact=True)}% of the time. What would mend that, and its price, stand "
        "in the [log](log.md). Floors are never above.",
        _why(results),
        f"- **FAIL has no guard.** {_fails_above(results)}",
        "- With few examples the honest answer is mostly INCONCLUSIVE, not a wrong one:",
        "",
        f"![Every simulated cell's false-ship rate]({IMAGES / 'false-ships.svg'})",
        "",
        f"![Pass, inconclusive and fail against the number of examples]({IMAGES / 'outcomes.svg'})",
    ]
    return "\n".join(lines)


def _all_but(above: int, n: int) -> str:
    return f"{n - above} of {n}" if above else f"All {n}"


def _listed(rows: list[Row]) -> str:
    body = "\n".join(
        f"  | {_name(row)} | {row.n:,} | {number(row.passed)} |"
        for row in sorted(rows, key=lambda row: -row.passed)
    )  # fmt: skip
    return f"\n  | cell | n | false ship, % |\n  |---|--:|--:|\n{body}\n"


_PARTS = {"gates": "", "exact": "", "clusters": "clusters, ", "latency": "latency, ", "floor": "floor ",
          "family": "3 baselines and 10 candidates, ", "looks": "50 looks, "}  # fmt: skip
_RULE = {"family": "evalgate", "looks": "ledger"}
_TRUTHS = {
    "equal": ", all equal",
    "one-best": ", one baseline best",
    "edge": ", at the margin's edge",
    "none": "",
}


SETTING_TITLES = {
    "family": FAMILIES,
    "looks": {
        f"{kind} {team}": f"{name}, the team {title}"
        for kind, name in looks.KINDS.items()
        for team, title in looks.TEAMS.items()
    },
    "clusters": {
        cell: f"{gate_sections.kind_title(cell)}, {clusters.TITLES[cell.split(' ')[1]]}" for cell in clusters.CELLS
    },
}


def _name(row: Row) -> str:
    gate = (
        {"better": "better: ", "not_worse": "not worse: "}.get(row.rule, "") if row.part in ("gates", "exact") else ""
    )
    titles = {**{name: shape.title for name, shape in ALL.items()}, **SETTING_TITLES.get(row.part, {})}
    title = titles.get(row.shape, row.shape)
    return f"{gate}{_PARTS[row.part]}{title}{_TRUTHS.get(row.truth, '')}"


def _why(results: Results) -> str:
    """What the guard's second collapse does at strict levels, and what it costs."""
    once = results.select(
        lambda row: row.rule == "once" and row.truth in ("equal", "one-best", "none") and " scores" not in row.shape
    )
    mended = [results.get(row.part, row.shape, row.n, row.truth, _RULE[row.part]) for row in once]
    highest, before = max(row.passed for row in mended if row is not None), max(row.passed for row in once)
    above = sum(results.mark(row, row.passed) == "▲" for row in once)
    costs = {
        (shape, n): old.passed - new.passed
        for shape in FAMILIES
        for n in SIZES
        if (old := results.get("family", shape, n, "gain", "once"))
        and (new := results.get("family", shape, n, "gain", "evalgate"))
    }
    shape, n = max(costs, key=lambda cell: costs[cell])
    fifty = max(row.passed for row in results.rows if row.rule == "fifty" and " scores" not in row.shape)
    return (
        "- **Strict levels need two unseen collapses.** Where a few outputs collapse, a sample that happens to hold "
        "too few of them looks both better and less noisy than it is. One unseen collapse, which the guard adds, is "
        "right at 5% and too little at the levels that ten candidates or ten looks need: with one, the families and "
        f"looks reach {number(before)}% ({above} cells above 5%), with the second, which the guard asks for below a "
        f"level of {100 * SECOND_LEVEL:.1f}%, {number(highest)}% at most. It changes no verdict above that level: one "
        "candidate at 5% or 2.5%, or up to four candidates at 5%. At the 0.1% of fifty declared looks, which the page "
        f"does not count among its promises, two are too few as well ({number(fifty)}%). The second costs up to "
        f"{100 * costs[shape, n]:.1f} points of power among ten candidates ({FAMILIES[shape]}, n = {n:,}; "
        "[decision 0022](decisions/0022-two-unseen-collapses.md))."
    )


def _fails_above(results: Results) -> str:
    wanted = {("gates", "gain", "better"), ("gates", "edge", "not_worse"), ("clusters", "gain", "better")}
    rows = results.select(lambda row: (row.part, row.truth, row.rule) in wanted)
    above = [row for row in rows if results.mark(row, row.failed) == "▲"]
    if not above:
        return f"Still, none of {len(rows)} simulated cells blocks wrongly in more than 5% beyond simulation error."
    worst: dict[str, Row] = {}
    for row in sorted(above, key=lambda row: row.failed):
        worst[row.shape] = row
    named = "; ".join(
        f"{_name(row)}, {number(row.failed)}% at n = {row.n:,}"
        for row in sorted(worst.values(), key=lambda row: -row.failed)
    )
    return (
        f"A false block costs a good candidate, never a bad release. {len(above)} of {len(rows)} simulated cells lie "
        f"above 5% beyond simulation error; the worst of each kind of scores: {named}."
    )


def _reading(results: Results) -> str:
    r = results.replications
    error = 100 * 1.96 * (ALPHA * (1 - ALPHA) / r) ** 0.5
    return "\n\n".join((
        "## How to read the tables",
        "*False ship*: PASS although the truth lies on the border of what may not pass. *False block*: FAIL although "
        "the truth is as good as was asked for. *Power*: PASS where it should. *Inconclusive*: the rest. All levels "
        "are one-sided, alpha = 5% unless said otherwise.",
        f"A simulated cell has {r:,} replications: 95 of 100 cells that truly lie at 5% show {5 - error:.1f} to "
        f"{5 + error:.1f}. **▲** marks what lies above 5% by an exact binomial test that allows for all "
        f"{sum(row.replications > 0 for row in results.claimed)} promised cells (Bonferroni, {FAMILY_ERROR:.0%} in "
        "all), "
        f"so from {100 * first_marked(r, results.strict):.1f} on; △ what does by the test of a single cell (from "
        f"{100 * first_marked(r, FAMILY_ERROR):.1f}; one in twenty of the cells that lie at 5%). In the tables of "
        "other rules "
        "nothing was promised; there the marks only help the eye. Exact cells have two decimals and no simulation "
        "error; "
        "▲ then means above 5.05. – means that no such truth exists.",
        "Graded verdicts come from the public call `evalgate.compare`, each suite by itself, and so do those on "
        "clusters "
        "and 0/1 scores; floors from `check_floor`. Latency, families and looks use vectorised twins, and a test holds "
        "those to the public calls. Bootstraps of 250 suites at a time share their resampling weights, to save time: "
        "each "
        "suite's bounds are distributed as they should be, but neighbours share a little of their luck.",
        "The score shapes are synthetic: "
        + "; ".join(f"*{shape.title}*" for shape in GRADED)
        + "; and six kinds of 0/1 scores. In each the true difference is known exactly, not estimated.",
    ))  # fmt: skip


def _limits() -> str:
    return "\n".join((
        "## What this page does not show",
        "",
        "- **The populations are made up.** Real scores may be spread in ways that none of these shapes has.",
        "- **The guard is a heuristic, not a theorem.** A failure that is absent from the sample cannot be seen; the "
        "guard assumes that 0 is the worst score and that one such example may have been missed, or two. It was "
        "verified on these shapes, and its second collapse was found on the one that needed it.",
        "- **Everything outside the numbers**: whether the examples stand for real use, wrong labels, a biased judge "
        "model, drift after the release. A biased judge passes wrong candidates at any n.",
        "- **Independence** of examples, or of the clusters that you name. Dependence that nobody names is not "
        "allowed for.",
        "- **Several gates together.** Each gate has its own error rate. All must pass, so a false ship of the whole "
        "decision is rarer than of any gate, and a false block more frequent. Several candidates that break different "
        "gates are simulated apart ([0020](decisions/0020-one-family-of-candidates.md)).",
        "- **The looks' rule needs discipline**: it holds while only pass or not-pass is disclosed, and per-example "
        "results are sealed.",
        "- **Floors on means of graded scores, and `at_most`** use the tests above with a constant baseline and are "
        "not "
        "simulated apart; nor are unequal repeats and missing scores, which count worst-case.",
        "- **Other tools** are represented by their rules, on means of paired scores, not by their code.",
    ))  # fmt: skip


def _again(about: dict[str, object]) -> str:
    cpu_s, cores, wall_s = (int(str(about[name])) for name in ("cpu_s", "cores", "wall_s"))
    shared = " that other work shared" if wall_s > 1.3 * cpu_s / cores else ""
    return "\n\n".join((
        "## How to make this page again",
        "```sh\nmake calibrate                        # docs/calibration.md, calibration.json, images/calibration/\n"
        "python -m calibration --page-only     # in .venv: the page alone, from calibration.json\n"
        "python -m calibration --quick --out /tmp/quick\n```",
        f"Seed {about['seed']}, {about['replications']:,} replications; Python {about['python']}, NumPy "
        f"{about['numpy']}, "
        f"SciPy {about['scipy']}, evalgate {about['evalgate']}. Made on {about['date']} in {about['wall_s']} s of "
        "wall time "
        f"by {about['workers']} processes on {cores} cores{shared}; they used {cpu_s / 60:.1f} CPU-minutes and at most "
        f"{about['peak_mb']} MB each. Every cell has its own seed, so the numbers depend neither on the order nor on "
        "the number of processes. The raw counts stand in [calibration.json](calibration.json); which test each gate "
        "uses, and why, in [decision 0009](decisions/0009-statistics-of-the-gates.md).",
    ))  # fmt: skip
