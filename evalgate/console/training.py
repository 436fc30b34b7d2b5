"""What the terminal shows of trainings: the plan of each, or where what they made lies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from evalgate.rehearsing import CandidatePlan, TrainingPlan
    from evalgate.training.memory import Memory
    from evalgate.training.preflight import Preflight, ShownRow


def trained_text(adapters: Mapping[str, Path], kind: str) -> str:
    """A line for each candidate, as `text` or `json`."""
    if kind == "json":
        return json.dumps({name: str(folder) for name, folder in adapters.items()}, indent=2) + "\n"
    return "".join(f"{name}: {folder}\n" for name, folder in adapters.items()) or "no candidate is trained\n"


def plan_text(plan: TrainingPlan, kind: str) -> str:
    """A plan as `text` or `json`, newline included; JSON has bytes and seconds."""
    from evalgate.backends.room import room_line
    from evalgate.checking import lines_of

    if kind == "json":
        return msgspec.json.format(msgspec.json.encode(plan), indent=2).decode() + "\n"
    s = plan.shape
    lines = [
        f"suite '{plan.suite}' version {plan.version}: nothing is trained, this is the plan",
        f"model {plan.model}: {s.family}, {plan.n_parameters:,} parameters, {s.layers} layers of {s.hidden}, "
        f"inner size {s.intermediate}, {s.heads} heads ({s.kv_heads} of keys and values), {s.vocab:,} words",
        *(lines_of(plan.overlaps) or ["contamination: none found"]),
    ]
    for candidate in plan.candidates:
        lines += ["", *_candidate_lines(candidate)]
    if plan.room is not None:
        lines += ["", room_line(plan.room)]
    if not plan.candidates:
        lines.append("no candidate is trained")
    lines += ["", *_trouble_lines(plan)]
    return "\n".join(lines) + "\n"


def _candidate_lines(c: CandidatePlan) -> list[str]:
    from evalgate.console.progress import duration

    s, w, rows = c.setup, c.work, c.at_once
    each = f" on each of {c.n_gpus} GPUs" if c.n_gpus > 1 else ""
    rank = "" if c.method == "full" else f"rank {s.rank}, "
    lines = [f"candidate {c.name}: {c.method}, {rank}seed {c.seed}, {c.n_trained:,} trained parameters"]
    lines += _row_lines(c.preflight) if c.preflight else [
        f"  rows      {c.n_rows:,}, not rendered: the model's tokenizer is not on this machine; each is taken to have "
        f"max_length = {c.max_length} tokens, all with loss"
    ]  # fmt: skip
    rate = f"{c.tflops:g} TFLOP/s{each}"
    lines += [
        f"  steps     {w.n_steps:,} of {_n(w.n_per_step, 'micro-batch', 'es')}{each}; the largest: {_largest(c)}, "
        f"{s.optimizer}",
        f"  plan      {_plan(c)}",
        f"  memory    {_gb(c.memory.peak_bytes)} at the peak on a CUDA device: {_terms(c.memory)}",
        f"  time      {c.flops / 1e15:,.3g} PFLOP, {duration(c.seconds)} at a stated rate of {rate}",
        f"  fits      what a card must have, and the most rows of {rows.length} tokens at once on it, checkpointed",
    ]
    return lines + [f"    {line}" for line in _fit_table(c)]


def _row_lines(p: Preflight) -> list[str]:
    share = p.n_supervised / max(1, p.n_tokens)
    half, most, longest = p.lengths
    bos = f"exactly one, first, in {p.n_one_bos:,} of {p.n_rows:,} rows" if p.has_bos else "this model has none"
    lines = [
        f"  rows      {p.n_rows:,}, of which {p.n_dropped:,} ({p.n_dropped / max(1, p.n_rows):.1%}) are too long and "
        "left out",
        f"  tokens    {p.n_tokens:,} an epoch, {p.n_supervised:,} ({share:.1%}) with loss; a row has {half} (median), "
        f"{most} (95 %), {longest} (longest)",
        f"  BOS       {bos}",
        f"  EOS       with loss in {p.n_eos:,} of {p.n_rows:,} rows",
        f"  date      {'the chat template writes today’s' if p.dated else 'none in the chat template'}",
    ]
    return lines + [line for row in p.shown for line in _shown_lines(row)]


def _shown_lines(row: ShownRow) -> list[str]:
    """A row's text with a mark before each line: `|` carries no loss, `+` does."""
    lines = [f"  row       {row.task}: '{row.id}'; | without loss, + with loss"]
    for piece in row.pieces:
        mark = "+" if piece.supervised else "|"
        lines += [f"    {mark} {line}".rstrip() for line in piece.text.split("\n")]
    return lines


def _terms(memory: Memory) -> str:
    told = [f"{term.name} {_gb(term.n_bytes)}" for term in memory.terms]
    if memory.paged_bytes:
        told.append(f"and {_gb(memory.paged_bytes)} of optimizer states paged beside it")
    return ", ".join(told)


def _fit_table(c: CandidatePlan) -> list[str]:
    """A line for each method, a column for each card."""
    from evalgate.console import aligned
    from evalgate.training.cost import CARDS_GB, MOST_ROWS

    rows = [["method", "trained", _rows(c.at_once.n_rows), _rows(1), *(f"{gb} GB" for gb in CARDS_GB)]]
    for fit in c.fits:
        cells = ["no" if n == 0 else _rows(n) + " or more" * (n == MOST_ROWS) for n in fit.rows]
        rows.append([fit.method, f"{fit.n_trained:,}", _gb(fit.card_bytes), _gb(fit.least_bytes), *cells])
    return aligned(rows).rstrip("\n").split("\n")


def _largest(c: CandidatePlan) -> str:
    s = c.setup
    if c.plan is None:
        return f"{_rows(s.n_rows)} of {s.length} tokens, {'checkpointed' if s.checkpointing else 'not checkpointed'}"
    n = c.plan.n_checkpointed
    again = f"{_n(n, 'layer')} computed again" if n else "no layer computed again"
    return f"{s.length:,} tokens of documents side by side, {again}"


def _plan(c: CandidatePlan) -> str:
    """What a plan takes of what it may take, or why there is none."""
    if c.plan is None:
        return f"none, by TRL's own way: {c.unplanned}"
    needs, may, card = _gb(c.plan.card_bytes), _gb(c.plan.budget_bytes), "each card" if c.n_gpus > 1 else "a card"
    if c.plan.card_bytes > c.plan.budget_bytes:
        return f"needs {needs} of {card}, more than the {may} that it may take: shorten rows, or lower the rank"
    return f"needs {needs} of {card}, of {may} that it may take (`memory_gb`)"


def _rows(n: int) -> str:
    return _n(n, "row")


def _n(n: int, name: str, ending: str = "s") -> str:
    return f"{n} {name}{ending * (n != 1)}"


def _trouble_lines(plan: TrainingPlan) -> list[str]:
    if not plan.troubles:
        return ["nothing stops this training"]
    return ["this training would be stopped:", *(f"  {t.code}: {t.what}" for t in plan.troubles)]


def _gb(n_bytes: int) -> str:
    if n_bytes < 1e8:
        return f"{n_bytes / 1e6:.1f} MB"
    return f"{n_bytes / 1e9:.2f} GB" if n_bytes < 1e10 else f"{n_bytes / 1e9:.1f} GB"
