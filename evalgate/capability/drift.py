"""How far a candidate has moved from its base on text that nobody trained it on: a probe, not a benchmark.

Shapes: `b` windows, `w` tokens of the longest, `v` vocabulary.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from evalgate.core.capability import Drift
from evalgate.core.errors import UsageError
from evalgate.core.protocols import LocalModel, Progress
from evalgate.core.record import digest_bytes
from evalgate.core.showing import stage
from evalgate.files import read_lines, write_lines

# Tokens that are scored in one context, and logits that one model may hold at a time: 256 MB in float32.
WINDOW, MAX_LOGITS = 512, 1 << 26
# Tokens whose whole distributions are compared at a time, in float32.
SLICE = 64


def general_text() -> Path:
    """A small text of the package's own, for suites that name none."""
    return Path(__file__).with_name("general.txt")


def read_documents(path: Path) -> list[str]:
    """The documents of a drift text: rows with `text` in a .jsonl file, else what stands between empty lines.

    Raises `bad-drift-text`.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".jsonl":
            found = [str(json.loads(line)["text"]) for line in text.split("\n") if line.strip()]
        else:
            found = text.split("\n\n")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _bad(path, f"cannot be read ({type(error).__name__})") from None
    documents = [" ".join(each.split()) if path.suffix != ".jsonl" else each for each in found if each.strip()]
    if len(documents) < 2:
        raise _bad(path, f"has {len(documents)} document{'s' * (len(documents) != 1)}, and an interval needs two")
    return documents


def _bad(path: Path, why: str) -> UsageError:
    return UsageError(
        f"the drift text {why}",
        code="bad-drift-text",
        fix='give a text file with empty lines between documents, or .jsonl with a "text" in each line',
        where=str(path),
    )


def measure_drift(
    model: LocalModel, adapter: str, text: Path, path: Path, system: str, progress: Progress
) -> list[Drift]:
    """Write and give the drift of each document; what `path` holds of the same documents stands.

    Raises `bad-drift-text`.
    """
    documents = read_documents(text)
    names = [f"{i}-{digest_bytes(each.encode())[:12]}" for i, each in enumerate(documents)]
    known = read_lines(path, Drift)
    if [drift.document for drift in known] == names:
        return known
    found = []
    with stage(progress, f"{system} · drift", len(documents), unit="documents") as tick:
        for name, document in zip(names, documents, strict=True):
            found.append(document_drift(model, adapter, name, document))
            tick(1)
    write_lines(path, found)
    return found


def document_drift(model: LocalModel, adapter: str, name: str, document: str) -> Drift:
    """One document, in windows whose first token is the one before: every token is scored once."""
    tokenizer, config = model.tokenizer, model.module.config
    first = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    ids = [first, *tokenizer(document, add_special_tokens=False).input_ids]
    vocabulary = int(config.vocab_size)
    limit = int(getattr(config, "max_position_embeddings", WINDOW))
    width = max(1, min(WINDOW, limit, MAX_LOGITS // vocabulary))
    starts = [*range(0, len(ids) - 1, width), len(ids) - 1]
    windows = [ids[a : b + 1] for a, b in pairwise(starts)]
    sums = [0.0, 0.0, 0.0]
    n = max(1, MAX_LOGITS // (width * vocabulary))
    for i in range(0, len(windows), n):
        for values in _nats(model, adapter, windows[i : i + n]):
            sums = [a + b for a, b in zip(sums, values, strict=True)]
    return Drift(document=name, n_tokens=len(ids) - 1, base_nats=sums[0], nats=sums[1], kl_nats=max(0.0, sums[2]))


def _nats(model: LocalModel, adapter: str, windows: Sequence[list[int]]) -> Iterator[tuple[float, float, float]]:
    """Cross-entropies of base and candidate and KL(base || candidate), summed over a part of the tokens each."""
    import torch

    device, n = model.module.device, max(map(len, windows)) - 1
    ids = torch.tensor([each[:-1] + [each[-1]] * (n + 1 - len(each)) for each in windows], device=device)
    there = torch.tensor([[k < len(each) - 1 for k in range(n)] for each in windows], device=device)
    wanted = torch.tensor([each[1:] + [each[-1]] * (n + 1 - len(each)) for each in windows], device=device)[there]
    with torch.inference_mode():  # a causal model's tokens do not see the padding behind them
        base, candidate = (_logits(model, name, ids, there)[there] for name in (None, adapter))  # [tokens, v]
        for i in range(0, len(wanted), SLICE):
            part, other = (each[i : i + SLICE].float().log_softmax(-1) for each in (base, candidate))
            p = part.exp()
            kl = torch.where(p > 0, p * (part - other), 0.0).sum(-1)
            mine, theirs = (x.gather(-1, wanted[i : i + SLICE, None]) for x in (part, other))
            yield -float(mine.double().sum()), -float(theirs.double().sum()), float(kl.double().sum())


def _logits(model: LocalModel, adapter: str | None, ids: Any, there: Any) -> Any:
    with model.using(adapter) as module:
        return module(input_ids=ids, attention_mask=there.long(), use_cache=False).logits
