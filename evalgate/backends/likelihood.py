"""The likelihood of continuations: what contexts share is computed once, and logits for scored positions only.

A batch goes through the model in up to three steps, each on the keys and values of the one before: the beginning that
all contexts share (kept between batches), the rest of each context, the tokens of each continuation but the last.
Shapes: `q` contexts, `r` continuations, `w` tokens of the longest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from inspect import signature
from typing import Any, NamedTuple

from evalgate.backends.batching import Batch, plan_batches
from evalgate.backends.kv_cache import KeptPrefix, growing_cache, select, spread
from evalgate.backends.lanes import in_lanes, lanes_for
from evalgate.backends.memory import Budget, is_out_of_memory
from evalgate.core.protocols import Scored
from evalgate.core.record import Record

# Logits that one step may hold: 256 MB in float32.
MAX_LOGITS = 1 << 26
Pair = tuple[list[int], list[int]]


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
        else:
            ids = next(alone)
            n = int(ids[:1] == [bos])
        found.append((ids[:n], ids[n:]) if n else ([bos], ids))
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


class _Step(NamedTuple):
    """What all batches of one call have in common; `max_tokens` and `max_rows` bound continuations with contexts."""

    model: Any
    adapter: str | None
    prefix: int
    ends: Sequence[int]
    max_tokens: int
    max_rows: int


class Likelihood:
    """Scores continuations with the model of one backend."""

    def __init__(self, budget: Budget, prefix: KeptPrefix, pad: int) -> None:
        self._budget, self._prefix, self._pad = budget, prefix, pad

    def scores(
        self, model: Any, adapter: str | None, pairs: Sequence[Pair], ends: Sequence[int] = ()
    ) -> Iterator[tuple[int, Scored]]:
        """Each pair's index and score, as batches are done; contexts and continuations have at least one token.

        With `ends`, any of these tokens will do as the last one of a continuation of two or more tokens: their
        probabilities are added.
        """
        questions = as_questions(pairs)
        contexts = [q.context for q in questions]
        new = [max((len(tokens) for _, tokens in pairs), default=0)] * len(contexts)
        n_lanes = max(1, min(lanes_for(self._budget.device), len(questions)))
        max_tokens, n_rows = self._budget.of(n_lanes)
        max_tokens //= 2  # the other half is for continuations
        share = self._prefix.allowed
        batches = plan_batches(contexts, new, max_tokens=max_tokens, max_rows=n_rows, n_lanes=n_lanes, share=share)
        if prefix := max((batch.prefix for batch in batches), default=0):
            self._prefix.of(model, adapter, contexts[0][:prefix])  # before the lanes, which share it
        size = (max_tokens, 4 * n_rows)

        def score(batch: Batch) -> list[tuple[int, Scored]]:
            return self._scored(_Step(model, adapter, batch.prefix, ends, *size), [questions[i] for i in batch.indices])

        for found in in_lanes(score, batches, n_lanes):
            yield from found

    def _scored(self, step: _Step, questions: list[Question]) -> list[tuple[int, Scored]]:
        """One batch; on out-of-memory it is halved, and so are those that follow."""
        import torch

        try:
            with torch.inference_mode():
                return self._forward(step, questions)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        if len(questions) == 1:
            none = Scored(logprob=float("nan"), greedy=False, out_of_memory=True)
            return [(i, none) for i in questions[0].indices]
        self._budget.halve()
        middle = len(questions) // 2
        return [pair for half in (questions[:middle], questions[middle:]) for pair in self._scored(step, half)]

    def _forward(self, step: _Step, questions: list[Question]) -> list[tuple[int, Scored]]:
        import torch

        model, prefix, device = step.model, step.prefix, self._budget.device
        contexts = [q.context[prefix:] for q in questions]
        width = max(map(len, contexts))
        ids = [[self._pad] * (width - len(c)) + c for c in contexts]
        mask = [[1] * prefix + [0] * (width - len(c)) + [1] * len(c) for c in contexts]
        continuations = [c for q in questions for c in q.continuations]
        room = prefix + width + max(map(len, continuations)) - 1
        seen = torch.tensor(mask, device=device)  # [q, prefix + w]
        if prefix:
            kept = self._prefix.of(model, step.adapter, questions[0].context[:prefix])
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
        for alike in self._parts(step, continuations, room):
            rows = torch.tensor(alike, device=device)
            there = select(cache, model.config, owner[rows])
            more, best = self._rest(step, [continuations[k] for k in alike], seen[owner[rows]], there)
            logprob[rows] += more
            greedy[rows] &= best
        indices = [i for q in questions for i in q.indices]
        pairs = zip(logprob.tolist(), greedy.tolist(), strict=True)
        return [(i, Scored(logprob=p, greedy=g)) for i, (p, g) in zip(indices, pairs, strict=True)]

    def _parts(self, step: _Step, continuations: Sequence[list[int]], room: int) -> list[list[int]]:
        """Places of continuations with more than one token, by the power of two of their length, in parts that fit."""
        groups: dict[int, list[int]] = {}
        for k, tokens in enumerate(continuations):
            if len(tokens) > 1:
                groups.setdefault((len(tokens) - 2).bit_length(), []).append(k)
        parts = []
        for power, group in groups.items():
            logits = MAX_LOGITS // (int(step.model.config.vocab_size) << power)
            n = max(1, min(step.max_rows, step.max_tokens // room, logits))
            parts += [group[i : i + n] for i in range(0, len(group), n)]
        return parts

    def _rest(self, step: _Step, continuations: list[list[int]], seen: Any, cache: Any) -> tuple[Any, Any]:
        """Log-likelihood of all tokens but the first of each continuation, and whether all of these were likeliest."""
        import torch

        width = max(map(len, continuations)) - 1
        ids = torch.tensor([c + [self._pad] * (width + 1 - len(c)) for c in continuations], device=seen.device)
        there = torch.tensor([[k < len(c) for k in range(1, width + 1)] for c in continuations], device=seen.device)
        mask = torch.cat([seen, there.to(seen.dtype)], dim=1)
        logits = step.model(
            input_ids=ids[:, :-1],
            attention_mask=mask,
            past_key_values=cache,
            **_positions(step.model, mask, width),
        ).logits.float()  # [r, w - 1, vocabulary]
        wanted, total = ids[:, 1:], logits.logsumexp(-1)
        logprobs = logits.gather(-1, wanted[:, :, None])[:, :, 0] - total
        if step.ends:
            last = (torch.arange(len(ids), device=seen.device), there.sum(-1) - 1)
            logprobs[last] = logits[last][:, list(step.ends)].logsumexp(-1) - total[last]
        best = (logits.argmax(-1) == wanted) | ~there
        return logprobs.double().masked_fill(~there, 0.0).sum(-1), best.all(-1)


def _positions(model: Any, mask: Any, n: int) -> dict[str, Any]:
    """The places of the last `n` tokens in their rows, where padding does not count; some models take none."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    if "position_ids" not in signature(base.forward).parameters:
        return {}
    return {"position_ids": (mask.cumsum(-1) - 1).clamp(min=0)[:, -n:]}
