"""What candidates ship as, for the decision: which are whole models, how close merged ones are, what merging saves."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from evalgate.core.artefacts import Artefact, MergedTiming
from evalgate.core.serving import Amount, LatencyPair
from evalgate.stats.interval import factorize
from evalgate.stats.quantile import min_pairs, n_resamples, quantile_ratio
from evalgate.store import RunData

QUANTILES = (0.5, 0.95)
LEVEL = 0.95


def artefact_table(data: RunData) -> tuple[Artefact, ...]:
    """One entry for each candidate that ships as a whole model; adapters say all on their cards."""
    found = []
    for name in data.run.candidates:
        card = data.cards.get(name)
        if card is not None and card.kind == "model":
            found.append(
                Artefact(
                    candidate=name,
                    kind=card.kind,
                    digest=card.adapter_digest,
                    merge=card.merge,
                    dtype=card.dtype,
                    parity=card.parity,
                    timing=tuple(_timing(data.merged_latency.get(name, []), data.run.seed)),
                )
            )
    return tuple(found)


def _timing(pairs: list[LatencyPair], seed: int) -> Iterable[MergedTiming]:
    """Merged over adapter, by task: a quantile's ratio, without an interval below the pairs that one needs."""
    for task in dict.fromkeys(pair.task for pair in pairs):
        rows = [pair for pair in pairs if pair.task == task and not pair.cached]
        if rows:
            merged, adapter = (np.array([getattr(row, side) for row in rows]) for side in ("candidate_s", "baseline_s"))
            items, b = factorize([row.example_id for row in rows]), n_resamples((1 - LEVEL) / 2)
            n = int(items.max()) + 1
            for quantile in QUANTILES:
                ratio = quantile_ratio(merged, adapter, quantile=quantile, b=b, seed=seed, items=items)
                known = n >= min_pairs(quantile)
                yield MergedTiming(
                    task=task,
                    quantile=quantile,
                    ratio=Amount(
                        value=ratio.value,
                        low=ratio.low((1 - LEVEL) / 2) if known else None,
                        high=ratio.high((1 - LEVEL) / 2) if known else None,
                        level=LEVEL,
                        n=n,
                        method=f"paired percentile bootstrap, {b} resamples of examples"
                        if known
                        else f"{min_pairs(quantile)} examples are the least for an interval",
                    ),
                )
