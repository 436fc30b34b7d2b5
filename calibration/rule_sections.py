"""The page's sections on choosing, on looking again, and on the rules that other tools use."""

from __future__ import annotations

from calibration import families, looks
from calibration.reading import Results
from calibration.rivals import N_RESAMPLES, RULES
from calibration.rows import Row
from calibration.shapes import ALL, BINARY, GRADED
from calibration.tables import Find, by_size, folded, number, passed, rules_by_size

ONCE = "evalgate with one unseen collapse at every level (the rule before)"


def family(results: Results) -> str:
    """The section on 3 baselines and 10 candidates."""
    kinds = list(families.SETTINGS.items())

    def at(truth: str, rule: str) -> Find:
        return lambda setting, n: results.get("family", setting, n, truth, rule)

    def rules(truth: str) -> str:
        all_rules = [("evalgate", "**evalgate**"), ("once", ONCE), *RULES.items()]
        return rules_by_size(
            all_rules, lambda rule, n: results.shares("family", n, truth, rule, list(families.SETTINGS))
        )  # fmt: skip

    return "\n\n".join((
        "## Choosing among 3 baselines and 10 candidates",
        "`compare_many`: a candidate must beat every baseline, and Holm's method allows for the ten candidates. A "
        "run's decision does the same with each candidate's largest p-value over the required gates "
        "([0020](decisions/0020-one-family-of-candidates.md)); with one gate, as here, that is `compare_many`. A false "
        "ship is a pass of *any* candidate that is no better than the truly best baseline.",
        "**False ship, %, all thirteen equal** (promised: at most 5)",
        by_size(results, kinds, at("equal", "evalgate"), passed, marked=True, head="scores"),
        "**False ship, %, one baseline as good as the candidates, the other two 4 points worse**: the hard case, "
        "because beating the weak baselines costs nothing (promised: at most 5)",
        by_size(results, kinds, at("one-best", "evalgate"), passed, marked=True, head="scores"),
        "The other rules take the best-looking candidate against the best-looking baseline. False ship, %, one "
        "baseline "
        "best; median over the three kinds of scores (lowest–highest):",
        rules("one-best"),
        folded(
            f"Power: one of ten candidates is truly {100 * families.GAIN:.0f} points better",
            "The good candidate ships, %", by_size(results, kinds, at("gain", "evalgate"), passed, head="scores"),
            "The same by every rule: median over the kinds of scores (lowest–highest)", rules("gain"),
        ),
    ))  # fmt: skip


def fifty_looks(results: Results) -> str:
    """The section on an adaptive team."""
    titles = dict(looks.RULES) | {"once": f"{looks.RULES['ledger']}; {ONCE.removeprefix('evalgate ')}"}
    parts = [
        "## Fifty looks by an adaptive team",
        "A team submits fifty variants to one held-out set; **none is better than the baseline**. The table says in "
        "how "
        "many teams of a hundred at least one variant ships. The ledger's rule judges each of 10 declared looks at "
        "0.05/10 and then refuses; developers learn pass or not-pass only. Whoever shows them scores breaks the "
        "promise: "
        "the last block measures by how much.",
    ]
    for team, title in looks.TEAMS.items():
        promised = " (no promise holds here)" if team == "scores" else " (the ledger promises at most 5)"
        lines = [(f"{kind} {rule}", f"{name}: {titles[rule]}") for rule in titles for kind, name in looks.KINDS.items()
                 if not (rule == "once" and kind == "accuracy")]  # fmt: skip

        def find(setting: str, n: int, team: str = team) -> Row | None:
            kind, rule = setting.split(" ")
            return results.get("looks", f"{kind} {team}", n, "none", rule)

        ledger = [line for line in lines if line[0].endswith((" ledger", " every"))]
        rest = [line for line in lines if line not in ledger]
        parts.append(f"**The team {title}**{promised}: any false ship, %")
        parts.append(by_size(results, ledger, find, passed, marked=True, head="scores: rule"))
        parts.append(folded("Other rules", by_size(results, rest, find, passed, marked=True, head="scores: rule")))
    return "\n\n".join(parts)


def rivals(results: Results) -> str:
    """The section on other tools' rules."""
    shapes = list(ALL)
    rules = [("evalgate", "**evalgate: better**"), *RULES.items()]

    def shares(truth: str):  # type: ignore[no-untyped-def]
        def of(rule: str, n: int) -> list[float]:
            part, name = ("gates", "better") if rule == "evalgate" else ("rivals", rule)
            return results.shares(part, n, truth, name, shapes)

        return of

    return "\n\n".join((
        "## The rules that other tools use",
        "On the same simulated suites, one candidate against one baseline; median over all "
        f"{len(shapes)} score shapes (lowest–highest). Bootstraps draw {N_RESAMPLES} resamples.",
        "- *higher mean ships*: the candidate's mean lies above the baseline's.\n"
        "- *fixed threshold*: the candidate's mean reaches a fixed number, here what the baseline scored on an earlier "
        "suite of the same size.\n"
        "- *within 2 points*: the mean lies at most 2 points below the baseline's.\n"
        "- *unless significantly worse*: ships unless a paired t test at 5% finds a drop, however large a drop could "
        "have gone unseen.\n"
        "- *uncorrected paired t*, *percentile* and *BCa bootstrap*: the one-sided 95% bound of the gain lies above 0; "
        "no guard, and no correction for choosing.",
        "**Ships a candidate that is no better, %.** *Within 2 points* and *unless significantly worse* promise "
        "something else (not worse): judge them by the next table.",
        rules_by_size(rules, shares("none")),
        "**Ships a candidate that is 2 points worse, %**",
        rules_by_size(rules[1:], shares("edge")),
        folded("Ships a candidate with the gain g, % (higher is better)", rules_by_size(rules, shares("gain"))),
        folded("Every score shape at n = 200: ships a candidate that is no better, %", _every_shape(results)),
    ))  # fmt: skip


def _every_shape(results: Results, n: int = 200) -> str:
    lines = ["| score shape | **evalgate** | " + " | ".join(RULES.values()) + " |", "|---|" + "--:|" * (len(RULES) + 1)]
    for shape in (*GRADED, *BINARY):
        ours = results.get("gates", shape.name, n, "none", "better")
        rows = [ours, *(results.get("rivals", shape.name, n, "none", rule) for rule in RULES)]
        lines.append(f"| {shape.title} | " + " | ".join("–" if r is None else number(r.passed) for r in rows) + " |")
    return "\n".join(lines)
