"""Rows side by side in one sequence without padding, each its own document; the rows of a step stay those of a step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalgate.training.data import IGNORED, Encoded


def packs(lengths: Sequence[int], rows_per_step: int, n_packs: int, n_processes: int = 1) -> list[list[int]]:
    """Rows of each micro-batch, as indices: every `rows_per_step` rows are shared out to packs of like size.

    The longest row goes first, each to the pack with the fewest tokens (Graham 1969: at most 4/3 of the best). Inside a
    pack rows keep their order.

    Args:
        lengths: Tokens of each row, in training order.
        rows_per_step: Of all processes together.
        n_packs: Of a step, for each process. A last step of fewer rows has as many as give each process a row.
        n_processes: To whom packs are dealt out in turn, as accelerate does. Their tokens of a step differ by the
            longest row at most. In a last step whose rows do not come out even, last packs have no rows.
    """
    found: list[list[int]] = []
    for start in range(0, len(lengths), rows_per_step):
        step = range(start, min(start + rows_per_step, len(lengths)))
        shared: list[list[int]] = [[] for _ in range(min(n_packs, -(-len(step) // n_processes)) * n_processes)]
        sizes = [0] * len(shared)
        for i in sorted(step, key=lambda i: (-lengths[i], i)):
            least = min(range(len(shared)), key=lambda k: (sizes[k], k))
            shared[least].append(i)
            sizes[least] += lengths[i]
        found += [sorted(shared[k]) for k in _dealt(sizes, n_processes)]
    return found


def _dealt(sizes: Sequence[int], n: int) -> list[int]:
    """An order of packs in which each round of `n` has packs of like size, larger ones first and last in turn."""
    if n == 1:
        return list(range(len(sizes)))
    order = sorted(range(len(sizes)), key=lambda k: (-sizes[k], k))
    rounds = [order[i : i + n] for i in range(0, len(order), n)]
    return [k for i, group in enumerate(rounds) for k in (reversed(group) if i % 2 else group)]


def packed_dataset(encoded: Encoded, groups: Sequence[Sequence[int]]) -> Any:
    """A Hugging Face dataset with one pack an item: its tokens, its labels, and the lengths of its documents.

    A pack without rows is the shortest row without loss, so that its process has something to do and learns nothing.
    """
    from datasets import Dataset

    items: dict[str, list[list[int]]] = {"input_ids": [], "labels": [], "seq_lengths": []}
    for group in groups:
        if not group:
            filler = min(encoded.ids, key=len)
            items["input_ids"].append(filler)
            items["labels"].append([IGNORED] * len(filler))
            items["seq_lengths"].append([len(filler)])
            continue
        items["input_ids"].append([token for i in group for token in encoded.ids[i]])
        items["labels"].append([label for i in group for label in _labels(encoded, i)])
        items["seq_lengths"].append([len(encoded.ids[i]) for i in group])
    return Dataset.from_dict(items)


def _labels(encoded: Encoded, i: int) -> list[int]:
    """A row's labels; its first token has none, so that no document predicts the next one's beginning."""
    n = max(1, encoded.prompt_lengths[i])
    return [IGNORED] * n + encoded.ids[i][n:]


def collate(items: Sequence[dict[str, list[int]]]) -> dict[str, Any]:
    """One sequence of all items' documents, as tensors: where each begins, its positions, and which tokens predict.

    `predicts` are the positions before those with a label; they are found here, because a device would have to wait.
    """
    import torch

    lengths = [n for item in items for n in item["seq_lengths"]]
    labels = torch.tensor([label for item in items for label in item["labels"]])
    return {
        "input_ids": torch.tensor([token for item in items for token in item["input_ids"]])[None],
        "labels": labels[None],
        "position_ids": torch.cat([torch.arange(n) for n in lengths])[None],
        "cu_seq_lens_q": torch.tensor([0, *lengths]).cumsum(0).to(torch.int32),
        "max_length_q": max(lengths),
        "predicts": (labels != IGNORED).nonzero()[:, 0] - 1,
    }
