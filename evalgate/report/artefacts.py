"""What candidates ship as, as rows for people: whole models, how close merged ones are to their adapters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalgate.core.artefacts import Artefact, MergedTiming, Parity
from evalgate.core.record import short
from evalgate.core.serving import Amount
from evalgate.store import RunData

WAYS = {
    "adapter": "trained whole",
    "dequantized": "merged into the base as it was trained, 4-bit weights unpacked",
    "bf16": "merged into the base in bf16",
}
ROLES = {
    "trained": "as it was trained",
    "served": "as the run serves the base",
    "both": "as it was trained and is served",
}


def artefacts_view(data: RunData) -> list[dict[str, Any]]:
    """A row for each candidate that ships as a whole model."""
    found: Sequence[Artefact] = data.decision.artefacts if data.decision else ()
    return [
        {
            "candidate": each.candidate,
            "way": WAYS[each.merge],
            "dtype": each.dtype,
            "digest": short(each.digest),
            "parity": parity_lines(each.parity),
            "timing": [timing_line(timing) for timing in each.timing],
        }
        for each in found
    ]


def parity_lines(parity: Sequence[Parity]) -> list[str]:
    """One sentence for each base that the adapter was compared beside."""
    return [
        f"beside the adapter on a base of {row.beside}, {ROLES[row.role]}: {_share(row.agreement)} of "
        f"{row.n_tokens:,} greedy tokens agree, {row.n_same} of {row.n_prompts} answers are the same; KL "
        f"{_nats(row.kl)} nats a token, at most {row.kl_most:.2g}"
        for row in parity
    ]


def timing_line(timing: MergedTiming) -> str:
    """One sentence on a quantile of single calls."""
    ratio = timing.ratio
    span = f" ({ratio.low:.2f} to {ratio.high:.2f})" if ratio.low is not None and ratio.high is not None else ""
    why = span or f" ({ratio.method})"
    return f"{timing.task}: p{100 * timing.quantile:g} is {ratio.value:.2f} times the adapter's{why}, n = {ratio.n:,}"


def _share(amount: Amount) -> str:
    span = "" if amount.low is None or amount.high is None else f" ({amount.low:.1%} to {amount.high:.1%})"
    return f"{amount.value:.1%}{span}"


def _nats(amount: Amount) -> str:
    span = "" if amount.low is None or amount.high is None else f" ({amount.low:.2g} to {amount.high:.2g})"
    return f"{amount.value:.2g}{span}"
