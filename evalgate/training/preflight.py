"""What is wrong with rendered rows, found before anything is trained: the mask, BOS, EOS, lengths, dates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalgate.core.errors import EvalgateError
from evalgate.core.record import Record
from evalgate.core.seeds import rng
from evalgate.training.data import (
    MAX_DROPPED,
    Encoded,
    TrainRow,
    conversation,
    encode,
    rows_of_tokens,
    trouble_of,
)


class Trouble(Record, frozen=True, kw_only=True):
    """One kind of fault: its error code, how many rows have it, what it is, what mends it, and the first place."""

    code: str
    n_rows: int
    what: str
    fix: str
    where: str = ""

    def error(self) -> EvalgateError:
        """The fault as an error; its code was written where it was raised."""
        return EvalgateError(self.what, code=self.code, fix=self.fix, where=self.where)


class Piece(Record, frozen=True, kw_only=True):
    """Consecutive tokens of a row that all carry loss, or all do not."""

    text: str
    supervised: bool


class ShownRow(Record, frozen=True, kw_only=True):
    """A row as the model will see it."""

    id: str
    task: str
    pieces: tuple[Piece, ...]


class Preflight(Record, frozen=True, kw_only=True):
    """What the rows of one training are; `has_bos` is False for models that know none.

    Token counts are of rows that fit, each once; `lengths` are their quantiles 50, 95 and 100.
    """

    n_rows: int
    n_dropped: int
    n_tokens: int
    n_supervised: int
    lengths: tuple[int, int, int]
    has_bos: bool
    n_one_bos: int
    n_eos: int
    dated: bool
    shown: tuple[ShownRow, ...]
    troubles: tuple[Trouble, ...]


def inspect(
    rows: Sequence[TrainRow], tokenizer: Any, max_length: int, *, seed: int = 0, n_shown: int = 1
) -> tuple[Preflight, Encoded]:
    """Look at every row and gather all faults, a count and a first place each; rows that fit come back encoded."""
    prompts, wholes = rows_of_tokens(rows, tokenizer)
    found: dict[str, list[EvalgateError]] = {}
    for row, prompt, whole in zip(rows, prompts, wholes, strict=True):
        for error in trouble_of(row, prompt, whole, tokenizer):
            found.setdefault(error.code, []).append(error)
    fitting = [i for i, whole in enumerate(wholes) if len(whole) <= max_length]
    kept = Encoded(
        ids=[wholes[i] for i in fitting],
        prompt_lengths=[len(prompts[i]) for i in fitting],
        n_dropped=len(rows) - len(fitting),
        lengths=[len(whole) for whole in wholes],
    )
    dated = date_trouble(rows, tokenizer)
    troubles = [_summed(errors, len(rows)) for errors in found.values()] + [dated] * (dated is not None)
    if long := _long_trouble(rows, wholes, max_length):
        troubles.append(long)
    picked = rng(seed, "preflight", "shown").permutation(len(rows))[:n_shown]
    sizes = sorted(map(len, kept.ids)) or [0]
    bos = tokenizer.bos_token_id
    report = Preflight(
        n_rows=len(rows),
        n_dropped=kept.n_dropped,
        n_tokens=kept.n_tokens,
        n_supervised=kept.n_supervised,
        lengths=(sizes[len(sizes) // 2], sizes[int(0.95 * (len(sizes) - 1))], sizes[-1]),
        has_bos=bos is not None and bos != tokenizer.eos_token_id,
        n_one_bos=len(rows) - len(found.get("bos-not-once", ())),
        n_eos=len(rows) - len(found.get("eos-not-supervised", ())),
        dated=dated is not None,
        shown=tuple(_shown(rows[i], prompts[i], wholes[i], tokenizer) for i in picked),
        troubles=tuple(t for t in troubles if t is not None),
    )
    return report, kept


def checked_rows(rows: Sequence[TrainRow], tokenizer: Any, max_length: int) -> Encoded:
    """The rows encoded, if nothing is wrong with them; raises what `encode` raises, and `date-in-template`."""
    encoded = encode(rows, tokenizer, max_length)
    if dated := date_trouble(rows, tokenizer):
        raise dated.error()
    return encoded


def date_trouble(rows: Sequence[TrainRow], tokenizer: Any) -> Trouble | None:
    """Whether the chat template writes today's date: then a model is trained on one prompt and asked with another.

    Chat templates ask for it by calling `strftime_now`; hidden by a text, that call fails, and nothing else does.
    """
    if not rows or not getattr(tokenizer, "chat_template", None):
        return None
    talk = conversation(rows[0])
    try:
        tokenizer.apply_chat_template(talk["prompt"] + talk["completion"], tokenize=False, strftime_now="")
    except TypeError:
        pass
    else:
        return None
    error = EvalgateError(
        "the chat template writes today's date into every prompt: the model is trained on the date of one day and "
        "asked on another",
        code="date-in-template",
        fix="write a fixed date in place of `strftime_now(...)` into the model's chat template: "
        "chat_template.jinja, or `chat_template` in tokenizer_config.json",
        where=str(getattr(tokenizer, "name_or_path", "")),
    )
    return Trouble(code=error.code, n_rows=len(rows), what=error.what, fix=error.fix, where=error.where)


def summary(found: Sequence[tuple[str, Encoded]]) -> str:
    """One line on the rows of several trainings, all sound."""
    told = "; ".join(
        f"{name} {len(rows.ids):,} rows, {rows.n_tokens:,} tokens, {rows.n_supervised:,} with loss"
        + (f", {rows.n_dropped} too long and left out" if rows.n_dropped else "")
        for name, rows in found
    )
    return f"preflight: one BOS, EOS with loss in every row, no date in the template: {told}"


def _summed(errors: list[EvalgateError], n_rows: int) -> Trouble:
    first, n = errors[0], len(errors)
    return Trouble(
        code=first.code, n_rows=n, what=f"{n:,} of {n_rows:,} rows: {first.what}", fix=first.fix, where=first.where
    )


def _long_trouble(rows: Sequence[TrainRow], wholes: Sequence[list[int]], max_length: int) -> Trouble | None:
    sizes = [len(whole) for whole in wholes]
    n = sum(size > max_length for size in sizes)
    if n <= MAX_DROPPED * len(rows):
        return None
    longest = max(range(len(rows)), key=sizes.__getitem__)
    return Trouble(
        code="rows-too-long",
        n_rows=n,
        what=f"{n:,} of {len(rows):,} rows are longer than max_length = {max_length} (longest: {sizes[longest]}); "
        f"at most {MAX_DROPPED:.0%} may be left out",
        fix=f"set `max_length: {sizes[longest]}` in the recipe, or shorten the prompt",
        where=f"{rows[longest].task}: row '{rows[longest].id}'",
    )


def _shown(row: TrainRow, prompt: list[int], whole: list[int], tokenizer: Any) -> ShownRow:
    n = len(prompt)
    parts = [(whole[:n], False), (whole[n:], True)]
    pieces = [Piece(text=tokenizer.decode(ids), supervised=on) for ids, on in parts if ids]
    return ShownRow(id=row.id, task=row.task, pieces=tuple(pieces))
