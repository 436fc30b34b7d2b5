"""How far a judge's verdicts agree with others': people's, or its own when it is asked again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from evalgate.core.judges import FIRST, SECOND, TIE, Agreement, JudgedBy, JudgeSpec
from evalgate.judges.replies import Reading
from evalgate.stats.agreement import kappa, raw_agreement


def agreement_of(
    judge: JudgeSpec,
    by: JudgedBy,
    task: str,
    whom: Literal["human", "itself"],
    said: Sequence[Reading],
    others: Sequence[str | None],
    digest: str,
) -> Agreement | None:
    """Raw agreement and kappa over the answers that both have a verdict for; None where there are none."""
    words = [FIRST, TIE, SECOND] if by == "preference" else list(judge.verdicts(by))
    pairs = [(words.index(r.verdict), words.index(o)) for r, o in zip(said, others, strict=True) if r.verdict and o]
    if not pairs:
        return None
    share = raw_agreement(sum(a == b for a, b in pairs), len(pairs))
    beyond = kappa([a for a, _ in pairs], [b for _, b in pairs], len(words), scale=by == "score")
    known = not math.isnan(beyond.value)
    return Agreement(
        task=task,
        by=by,
        with_whom=whom,
        n=len(pairs),
        share=share.value,
        share_low=share.low,
        share_high=share.high,
        kappa=beyond.value if known else None,
        kappa_low=beyond.low if known else None,
        kappa_high=beyond.high if known else None,
        n_lost=len(said) - len(pairs),
        n_swapped=sum(reading.swapped for reading in said),
        digest=digest,
    )


def told(found: Agreement) -> str:
    """An agreement in one line."""
    whom = "people" if found.with_whom == "human" else "itself"
    text = (
        f"the judge of {found.task} ({found.by}) agrees with {whom} on {100 * found.share:.0f} % of {found.n} answers "
        f"({100 * found.share_low:.0f} to {100 * found.share_high:.0f} %)"
    )
    if found.kappa is None:
        text += ", kappa undefined: all verdicts are one"
    else:
        text += f", kappa {found.kappa:.2f} ({found.kappa_low:.2f} to {found.kappa_high:.2f})"
    if found.by == "preference":
        text += f"; {found.n_swapped} of its verdicts depended on the order"
    return text + (f"; {found.n_lost} replies could not be read" if found.n_lost else "")
