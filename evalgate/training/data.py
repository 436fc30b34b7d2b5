"""Training rows: their order, their digest, and the token ids and labels that the trainer sees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from evalgate.core.data import Message
from evalgate.core.errors import EvalgateError
from evalgate.core.record import Record, digest_of
from evalgate.core.seeds import rng

IGNORED = -100  # the label of tokens without loss, as PyTorch has it
MAX_DROPPED = 0.01


class TrainRow(Record, frozen=True, kw_only=True):
    """One rendered example: the conversation that a system would send, and the answer to learn."""

    id: str
    task: str
    messages: tuple[Message, ...]
    completion: str


class Encoded(Record, frozen=True, kw_only=True):
    """Rows as token ids: `prompt_lengths` leading tokens carry no loss, `n_dropped` rows did not fit.

    `lengths` are those of all rows as they were given, in tokens.
    """

    ids: list[list[int]]
    prompt_lengths: list[int]
    n_dropped: int
    lengths: list[int] = []

    @property
    def n_tokens(self) -> int:
        """All tokens of all rows."""
        return sum(map(len, self.ids))

    @property
    def n_supervised(self) -> int:
        """The tokens that carry loss."""
        return self.n_tokens - sum(self.prompt_lengths)


def ordered(rows: Sequence[TrainRow], seed: int, max_rows: int | None = None) -> tuple[TrainRow, ...]:
    """The rows in an order that depends on the seed and their ids only, cut to `max_rows`."""
    known = sorted(rows, key=lambda row: (row.task, row.id))
    order = rng(seed, "training", "order").permutation(len(known))
    return tuple(known[i] for i in order[:max_rows])


def rows_digest(rows: Sequence[TrainRow]) -> str:
    """The identity of rendered rows, order included."""
    return digest_of(list(rows))


def conversation(row: TrainRow) -> dict[str, list[dict[str, str]]]:
    """A row in TRL's conversational prompt-completion format."""
    prompt = [{"role": m.role, "content": m.content} for m in row.messages]
    return {"prompt": prompt, "completion": [{"role": "assistant", "content": row.completion}]}


def encode(rows: Sequence[TrainRow], tokenizer: Any, max_length: int) -> Encoded:
    """Tokenize rows through the chat template; each keeps exactly one BOS and a supervised EOS.

    Rows longer than `max_length` are dropped, never cut: a cut answer has no end to learn.

    Raises: `no-training-rows`, `prompt-not-prefix`, `bos-not-once`, `eos-not-supervised`,
        `rows-too-long` (more than 1 % dropped).
    """
    if not rows:
        raise EvalgateError(
            "there are no rows to train on",
            code="no-training-rows",
            fix="add lines to the task's train.jsonl, or raise `max_rows` in the recipe",
        )
    prompts, wholes = rows_of_tokens(rows, tokenizer)
    ids, lengths = [], []
    for row, prompt, whole in zip(rows, prompts, wholes, strict=True):
        for error in trouble_of(row, prompt, whole, tokenizer):
            raise error
        if len(whole) <= max_length:
            ids.append(whole)
            lengths.append(len(prompt))
    n_dropped = len(rows) - len(ids)
    if n_dropped > MAX_DROPPED * len(rows):
        longest = max(map(len, wholes))
        raise EvalgateError(
            f"{n_dropped} of {len(rows)} training rows are longer than max_length = {max_length} (longest: {longest})",
            code="rows-too-long",
            fix=f"set `max_length: {longest}` in the recipe, or shorten the prompt",
        )
    return Encoded(ids=ids, prompt_lengths=lengths, n_dropped=n_dropped, lengths=[len(whole) for whole in wholes])


def in_batches(encoded: Encoded, batch_size: int, seed: int) -> Encoded:
    """The rows so that every `batch_size` of them are of like length, with the batches in random order.

    transformers' own `group_by_length` leaves the batches sorted, so that a run ends on its shortest rows: with several
    tasks in one training, the last one to be seen overwrites the others (docs/log.md, 2026-11-22).
    """
    generator = rng(seed, "training", "batches")
    jitter = generator.uniform(0.9, 1.1, len(encoded.ids))
    order = sorted(range(len(encoded.ids)), key=lambda i: len(encoded.ids[i]) * jitter[i])
    batches = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
    whole = [batch for batch in batches if len(batch) == batch_size]
    # A smaller batch anywhere but at the end would shift all that follow it.
    rest = [i for batch in batches if len(batch) < batch_size for i in batch]
    chosen = [i for k in generator.permutation(len(whole)) for i in whole[k]] + rest
    return Encoded(
        ids=[encoded.ids[i] for i in chosen],
        prompt_lengths=[encoded.prompt_lengths[i] for i in chosen],
        n_dropped=encoded.n_dropped,
    )


def to_dataset(encoded: Encoded) -> Any:
    """A Hugging Face dataset with `input_ids`, `labels` (prompt tokens ignored) and `length`."""
    from datasets import Dataset

    labels = [[IGNORED] * n + row[n:] for row, n in zip(encoded.ids, encoded.prompt_lengths, strict=True)]
    return Dataset.from_dict({"input_ids": encoded.ids, "labels": labels, "length": [len(row) for row in encoded.ids]})


def rows_of_tokens(rows: Sequence[TrainRow], tokenizer: Any) -> tuple[list[list[int]], list[list[int]]]:
    """Token ids of prompts and of whole conversations, as TRL makes them but in one batch (20 times faster)."""
    talks = [conversation(row) for row in rows]
    prompts = [t["prompt"] for t in talks]
    wholes = [t["prompt"] + t["completion"] for t in talks]
    render = {"tokenize": True, "return_dict": True}
    prompt_ids = tokenizer.apply_chat_template(prompts, add_generation_prompt=True, **render)["input_ids"]
    return prompt_ids, tokenizer.apply_chat_template(wholes, **render)["input_ids"]


def trouble_of(row: TrainRow, prompt: list[int], whole: list[int], tokenizer: Any) -> Iterator[EvalgateError]:
    """What makes a row's mask wrong: the prompt's tokens do not come first, there is not one BOS, no EOS is learned."""
    where = f"{row.task}: row '{row.id}'"
    if whole[: len(prompt)] != prompt:
        yield EvalgateError(
            "the prompt's tokens are not the beginning of the whole conversation's tokens",
            code="prompt-not-prefix",
            fix="use a chat template that renders a prompt alike with and without its answer",
            where=where,
        )
    bos = tokenizer.bos_token_id
    # Models such as Qwen have no BOS at all; others use one token for both ends.
    if bos is not None and bos != tokenizer.eos_token_id and (whole.count(bos) != 1 or whole[0] != bos):
        yield EvalgateError(
            f"a rendered row has {whole.count(bos)} BOS tokens; exactly one must stand first",
            code="bos-not-once",
            fix="let the chat template write {{ bos_token }} once, at its start, and keep it out of the data",
            where=where,
        )
    if tokenizer.eos_token_id not in whole[len(prompt) :]:
        yield EvalgateError(
            "the answer does not end with the EOS token, so the model would not learn to stop",
            code="eos-not-supervised",
            fix="write {{ eos_token }} after the assistant's content in the chat template",
            where=where,
        )
