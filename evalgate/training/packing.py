"""Rows side by side in one sequence without padding, each its own document; the rows of a step stay those of a step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalgate.training.data import IGNORED, Encoded


def packs(lengths: Sequence[int], rows_per_step: int, n_packs: int) -> list[list[int]]:
    """Rows of each micro-batch, as indices: every `rows_per_step` rows are shared out to `n_packs` of like size.

    The longest row goes first, each to the pack with the fewest tokens (Graham 1969: at most 4/3 of the best). A last
    step of fewer rows than packs has a pack for each row. Inside a pack rows keep their order.
    """
    found: list[list[int]] = []
    for start in range(0, len(lengths), rows_per_step):
        step = range(start, min(start + rows_per_step, len(lengths)))
        shared: list[list[int]] = [[] for _ in range(min(n_packs, len(step)))]
        sizes = [0] * len(shared)
        for i in sorted(step, key=lambda i: (-lengths[i], i)):
            least = min(range(len(shared)), key=lambda k: (sizes[k], k))
            shared[least].append(i)
            sizes[least] += lengths[i]
        found += [sorted(pack) for pack in shared]
    return found


def packed_dataset(encoded: Encoded, groups: Sequence[Sequence[int]]) -> Any:
    """A Hugging Face dataset with one pack an item: its tokens, its labels, and the lengths of its documents."""
    from datasets import Dataset

    items: dict[str, list[list[int]]] = {"input_ids": [], "labels": [], "seq_lengths": []}
    for group in groups:
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
