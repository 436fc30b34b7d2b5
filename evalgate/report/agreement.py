"""How far judges agree with people and with themselves, as rows for the page."""

from __future__ import annotations

from typing import Any

from evalgate.core.judges import Agreement
from evalgate.report.words import show
from evalgate.store import RunData

View = dict[str, Any]
KINDS = {"score": "rubric", "preference": "pairs", "refusal": "refusals"}
WHOM = {"human": "people", "itself": "itself, asked again"}


def agreement_view(data: RunData) -> list[View]:
    """A row for each judge, kind of question and whom it was compared with."""
    return [_row(found) for found in (data.decision.agreements if data.decision else ())]


def _row(found: Agreement) -> View:
    kappa, span = "not defined", ""
    if found.kappa is not None:
        kappa, span = f"{found.kappa:.2f}", f"{found.kappa_low:.2f} to {found.kappa_high:.2f}"
    return {
        "task": found.task,
        "kind": KINDS[found.by],
        "whom": WHOM[found.with_whom],
        "n": f"{found.n:,}",
        "share": show(found.share, "fraction"),
        "share_span": f"{show(found.share_low, 'fraction')} to {show(found.share_high, 'fraction')}",
        "kappa": kappa,
        "kappa_span": span,
        "lost": f"{found.n_lost:,}",
        "swapped": f"{found.n_swapped:,}" if found.by == "preference" else "",
    }
