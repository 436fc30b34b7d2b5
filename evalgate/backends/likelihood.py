"""The likelihood of continuations: what contexts share is computed once, and logits for scored positions only.

A batch goes through the model in up to three steps, each on the keys and values of the one before: the beginning that
all contexts share (kept between batches), the rest of each context, the tokens of each continuation but the last.
Shapes: `q` contexts, `r` continuations, `w` tokens of the longest.
"""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature
from typing import Any

from evalgate.backends.batching import Batch, plan_batches
from evalgate.backends.kv_cache import KeptPrefix, growing_cache, spread
from evalgate.backends.lanes import in_lanes, lanes_for
from evalgate.backends.memory import Budget, is_out_of_memory
from evalgate.core.record import Record

# Logits that one step may hold on a CPU: 256 MB in float32.
CPU_LOGITS = 1 << 26
Pair = tuple[list[int], list[int]]


class Scored(Record, frozen=True, kw_only=True):
    """The natural-log likelihood of a continuation, and whether each of its tokens was the likeliest one.

    `memory` is set where there was too little of it for one context alone; then there is no likelihood.
    """

    logprob: float
    greedy: bool
    out_of_memory: bool = False


class Question(Record, frozen=True, kw_only=True):
    """One context and all continuations that are asked of it; `indices` are their places among all pairs."""

    context: list[int]
    continuations: list[list[int]]
    indices: list[int]


def encode_pairs(tokenizer: Any, pairs: Sequence[tuple[str, str]]) -> list[Pair]:
    """Tokens of contexts and of what follows them, split as lm-eval does it, so that its scores are matched.

    Both are encoded together; spaces at a context's end belong to the continuation; an empty context is the BOS. An
    empty continuation has no tokens.
    """
    bare = [continuation for context, continuation in pairs if not context]
    joint = [context + continuation for context, continuation in pairs if context]
    # A context is asked several continuations: it is encoded once.
    starts = list({context.rstrip() for context, _ in pairs if context})
    whole = iter(_encode(tokenizer, joint))
    alone = iter(tokenizer(bare, add_special_tokens=False).input_ids if bare else [])
    length = {text: len(ids) for text, ids in zip(starts, _encode(tokenizer, starts), strict=True)}
    bos = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    found: list[Pair] = []
    for context, _ in pairs:
        if context:
            ids, n = next(whole), length[context.rstrip()]
            found.append((ids[:n], ids[n:]))
        else:
            ids = next(alone)
            found.append((ids[:1], ids[1:]) if ids[:1] == [bos] else ([bos], ids))
    return found


def _encode(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    """Token ids of texts, each with one BOS where the model has any: a rendered chat may bring its own."""
    found: list[list[int]] = [[]] * len(texts)
    bos = tokenizer.bos_token
    for rendered in (False, True):
        chosen = [i for i, text in enumerate(texts) if bool(bos and text.startswith(bos)) == rendered]
        extra = {"add_special_tokens": False} if rendered else {}
        ids = tokenizer([texts[i] for i in chosen], **extra).input_ids if chosen else []
        for i, row in zip(chosen, ids, strict=True):
            found[i] = row
    return found


def as_questions(pairs: Sequence[Pair]) -> list[Question]:
    """Pairs with the same context together, in the order in which contexts first stand."""
    found: dict[tuple[int, ...], Question] = {}
    for i, (context, continuation) in enumerate(pairs):
        question = found.setdefault(tuple(context), Question(context=context, continuations=[], indices=[]))
        question.continuations.append(continuation)
        question.indices.append(i)
    return list(found.values())


class Likelihood:
    """Scores continuations with the model of one backend."""

    def __init__(self, budget: Budget, prefix: KeptPrefix, pad: int) -> None:
        self._budget, self._prefix, self._pad = budget, prefix, pad

    def scores(self, model: Any, adapter: str | None, pairs: Sequence[Pair]) -> list[Scored]:
        """Each pair's score, in the order of the pairs; contexts and continuations have at least one token."""
        questions = as_questions(pairs)
        contexts = [q.context for q in questions]
        longest = [max(map(len, q.continuations)) for q in questions]
        n_lanes = min(lanes_for(self._budget.device), len(questions))
        tokens, n_rows = self._budget.of(max(1, n_lanes))
        batches = plan_batches(
            contexts,
            [max(longest, default=0)] * len(contexts),
            max_tokens=tokens,
            max_rows=self._rows(model, n_rows, questions),
            n_lanes=n_lanes,
        )
        if prefix := max((batch.prefix for batch in batches), default=0):
            self._prefix.of(model, adapter, contexts[0][:prefix])  # before the lanes, which share it

        def score(batch: Batch) -> list[tuple[int, Scored]]:
            return self._scored(model, adapter, [questions[i] for i in batch.indices], batch.prefix)

        found = dict(pair for part in in_lanes(score, batches, n_lanes) for pair in part)
        return [found[i] for i in range(len(pairs))]

    def _rows(self, model: Any, n_rows: int, questions: Sequence[Question]) -> int:
        """How many questions fit a batch, whose continuations are its rows."""
        most = max((len(q.continuations) for q in questions), default=1)
        width = max((len(c) for q in questions for c in q.continuations), default=1)
        if self._budget.device == "cpu":
            n_rows = min(4 * n_rows, CPU_LOGITS // (width * int(model.config.vocab_size)))
        return max(1, n_rows // most)

    def _scored(
        self, model: Any, adapter: str | None, questions: list[Question], prefix: int
    ) -> list[tuple[int, Scored]]:
        """One batch; on out-of-memory it is halved, and so are those that follow."""
        import torch

        try:
            with torch.inference_mode():
                return self._forward(model, adapter, questions, prefix)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        if len(questions) == 1:
            none = Scored(logprob=float("nan"), greedy=False, out_of_memory=True)
            return [(i, none) for i in questions[0].indices]
        self._budget.halve()
        middle = len(questions) // 2
        halves = (questions[:middle], questions[middle:])
        return [pair for half in halves for pair in self._scored(model, adapter, half, prefix)]

    def _forward(
        self, model: Any, adapter: str | None, questions: list[Question], prefix: int
    ) -> list[tuple[int, Scored]]:
        import torch

        device = self._budget.device
        contexts = [q.context[prefix:] for q in questions]
        width = max(map(len, contexts))
        ids = [[self._pad] * (width - len(c)) + c for c in contexts]
        mask = [[1] * prefix + [0] * (width - len(c)) + [1] * len(c) for c in contexts]
        continuations = [c for q in questions for c in q.continuations]
        room = prefix + width + max(map(len, continuations)) - 1
        seen = torch.tensor(mask, device=device)  # [q, prefix + w]
        if prefix:
            kept = self._prefix.of(model, adapter, questions[0].context[:prefix])
            cache = spread(kept, model.config, len(questions), room)
        else:
            cache = growing_cache(model.config, room)
        out = model(
            input_ids=torch.tensor(ids, device=device),
            attention_mask=seen,
            past_key_values=cache,
            logits_to_keep=1,
            **_positions(model, seen, width),
        )
        first = out.logits[:, -1].float().log_softmax(-1)  # [q, vocabulary]: a continuation's first token
        owner = torch.tensor([k for k, q in enumerate(questions) for _ in q.continuations], device=device)
        heads = torch.tensor([c[0] for c in continuations], device=device)
        logprob = first[owner, heads].double()
        greedy = first.argmax(-1)[owner] == heads
        long = [k for k, c in enumerate(continuations) if len(c) > 1]
        if long:
            rows = torch.tensor(long, device=device)
            cache.batch_select_indices(owner[rows])
            more, best = self._rest(model, [continuations[k] for k in long], seen[owner[rows]], cache)
            logprob[rows] += more
            greedy[rows] &= best
        indices = [i for q in questions for i in q.indices]
        pairs = zip(logprob.tolist(), greedy.tolist(), strict=True)
        return [(i, Scored(logprob=p, greedy=g)) for i, (p, g) in zip(indices, pairs, strict=True)]

    def _rest(self, model: Any, continuations: list[list[int]], seen: Any, cache: Any) -> tuple[Any, Any]:
        """Log-likelihood of all tokens but the first of each continuation, and whether all of these were likeliest."""
        import torch

        width = max(map(len, continuations)) - 1
        ids = torch.tensor([c + [self._pad] * (width + 1 - len(c)) for c in continuations], device=seen.device)
        there = torch.tensor([[k < len(c) for k in range(1, width + 1)] for c in continuations], device=seen.device)
        mask = torch.cat([seen, there.to(seen.dtype)], dim=1)
        logits = model(
            input_ids=ids[:, :-1],
            attention_mask=mask,
            past_key_values=cache,
            **_positions(model, mask, width),
        ).logits.float()  # [r, w - 1, vocabulary]
        wanted = ids[:, 1:]
        logprobs = logits.gather(-1, wanted[:, :, None])[:, :, 0] - logits.logsumexp(-1)
        best = (logits.argmax(-1) == wanted) | ~there
        return (logprobs.double() * there).sum(-1), best.all(-1)


def _positions(model: Any, mask: Any, n: int) -> dict[str, Any]:
    """The places of the last `n` tokens in their rows, where padding does not count; some models take none."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    if "position_ids" not in signature(base.forward).parameters:
        return {}
    return {"position_ids": (mask.cumsum(-1) - 1).clamp(min=0)[:, -n:]}
