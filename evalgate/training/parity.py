"""How close a merged model is to its adapter beside a base: on the adapter's own greedy answers, token by token.

Shapes: p prompts, t answer tokens of one prompt, v vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from evalgate.core.artefacts import Parity
from evalgate.core.serving import Amount
from evalgate.stats.ratio import ratio_interval

# Prompts, and tokens of each answer: all distributions of one reference are kept, in float32 on the CPU.
N_PROMPTS, N_TOKENS = 16, 32
LEVEL = 0.95
METHOD = f"t interval of a ratio over prompts, on at most {N_TOKENS} greedy tokens of the adapter each"


class Answered(NamedTuple):
    """One prompt with the reference's greedy answer, and logits[t, v] at each of its tokens' places, in float32."""

    prompt: list[int]
    answer: list[int]
    logits: Any


class Totals(NamedTuple):
    """What one prompt adds: its answer's tokens, those that agree, the divergence in nats, the largest one."""

    n: int
    agree: int
    kl: float
    kl_most: float


def reference(model: Any, prompts: Sequence[list[int]], ends: frozenset[int]) -> list[Answered]:
    """A model's greedy answers, one prompt at a time, with all that it found of each token."""
    import torch

    found = []
    with torch.inference_mode():
        for prompt in prompts:
            answer: list[int] = []
            rows, cache, ids = [], None, torch.tensor([prompt], device=model.device)
            while len(answer) < N_TOKENS and not (answer and answer[-1] in ends):
                out = model(input_ids=ids, past_key_values=cache, use_cache=True)
                rows.append(out.logits[0, -1].float().cpu())
                answer.append(int(rows[-1].argmax()))
                cache, ids = out.past_key_values, torch.tensor([answer[-1:]], device=model.device)
            found.append(Answered(prompt, answer, torch.stack(rows)))
    return found


def compared(model: Any, answered: Sequence[Answered]) -> list[Totals]:
    """What a model finds at the same places, the reference's answers given to it."""
    import torch

    found = []
    with torch.inference_mode():
        for prompt, answer, known in answered:
            ids = torch.tensor([[*prompt, *answer[:-1]]], device=model.device)
            mine = model(input_ids=ids, use_cache=False, logits_to_keep=len(answer)).logits[0].float().cpu()
            p, q = (logits.double().log_softmax(-1) for logits in (known, mine))  # float32 would add 1e-7 nats
            kl = (p.exp() * (p - q)).sum(-1).clamp(min=0)  # [t]
            agree = int((mine.argmax(-1) == known.argmax(-1)).sum())
            found.append(Totals(len(answer), agree, float(kl.sum()), float(kl.max())))
    return found


def parity_of(totals: Sequence[Totals], beside: str, role: Literal["trained", "served", "both"]) -> Parity:
    """The figures over all prompts, with intervals that resample whole prompts."""
    sizes = [each.n for each in totals]
    return Parity(
        beside=beside,
        role=role,
        n_prompts=len(totals),
        n_same=sum(each.agree == each.n for each in totals),
        n_tokens=sum(sizes),
        agreement=_amount([float(each.agree) for each in totals], sizes, most=1.0),
        kl=_amount([each.kl for each in totals], sizes),
        kl_most=max(each.kl_most for each in totals),
    )


def _amount(sums: list[float], sizes: list[int], most: float | None = None) -> Amount:
    interval = ratio_interval(sums, sizes, level=LEVEL)
    if interval is None:
        return Amount(value=sum(sums) / sum(sizes), n=len(sizes), method="one prompt gives no interval")
    value, low, high = interval
    high = high if most is None else min(high, most)
    return Amount(value=value, low=max(0.0, low), high=high, level=LEVEL, n=len(sizes), method=METHOD)
