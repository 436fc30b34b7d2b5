"""Looks rows up, and says which of them lie above alpha beyond simulation error."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from scipy.special import betainc

from calibration.rows import ALPHA, Row

# The chance that any cell of the page is marked although none lies above alpha.
FAMILY_ERROR = 0.05
# An exact share above alpha by less than this prints as alpha.
ROUNDED = 0.0005


class Results:
    """All rows, by cell."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = list(rows)
        self._by_key = {row[:5]: row for row in self.rows}
        self.claimed = [row for row in self.rows if is_claimed(row)]
        self.replications = max((row.replications for row in self.rows), default=0)

    def get(self, part: str, shape: str, n: int, truth: str, rule: str) -> Row | None:
        """One row, or None where such a cell cannot exist."""
        return self._by_key.get((part, shape, n, truth, rule))

    def shares(self, part: str, n: int, truth: str, rule: str, shapes: Sequence[str]) -> list[float]:
        """The passes of one rule over several shapes."""
        rows = (self.get(part, shape, n, truth, rule) for shape in shapes)
        return [row.passed for row in rows if row is not None]

    def select(self, keep: Callable[[Row], bool]) -> list[Row]:
        """The rows that `keep` wants, in the order of the results."""
        return [row for row in self.rows if keep(row)]

    def mark(self, row: Row, share: float) -> str:
        """`▲` for a share above alpha beyond simulation error, `△` if only a single cell's bound says so."""
        if row.replications == 0:
            return "▲" if share > ALPHA + ROUNDED else ""
        p = p_above_alpha(share, row.replications)
        return "▲" if p <= self.strict else "△" if p <= FAMILY_ERROR else ""

    @property
    def strict(self) -> float:
        """The level of one simulated cell that keeps the error of all together (Bonferroni)."""
        return FAMILY_ERROR / max(1, sum(row.replications > 0 for row in self.claimed))

    def above(self) -> list[Row]:
        """The claimed cells above alpha beyond simulation error."""
        return [row for row in self.claimed if self.mark(row, row.passed) == "▲"]


def is_claimed(row: Row) -> bool:
    """Whether evalgate promises that this share of passes, all of them false, is at most alpha."""
    wanted = {
        "gates": (("none", "better"), ("edge", "not_worse")),
        "exact": (("none", "better"), ("edge", "not_worse")),
        "clusters": (("none", "better"),),
        "floor": (("edge", "evalgate"),),
        "latency": (("edge", "evalgate p50"), ("edge", "evalgate p95")),
        "family": (("equal", "evalgate"), ("one-best", "evalgate")),
        "looks": (("none", "ledger"),),
    }.get(row.part, ())
    # A team that sees scores, and requests in blocked order, are what the rules forbid.
    return (row.truth, row.rule) in wanted and row.shape != "blocked" and not row.shape.endswith(" scores")


def p_above_alpha(share: float, replications: int) -> float:
    """The exact binomial chance of so many passes or more, if each had probability alpha."""
    count = round(share * replications)
    return float(betainc(count, replications - count + 1, ALPHA)) if count > 0 else 1.0


def first_marked(replications: int, level: float) -> float:
    """The smallest share of `replications` that lies above alpha at this level."""
    count = next(k for k in range(replications + 1) if p_above_alpha(k / replications, replications) <= level)
    return count / replications
