"""Faults of a classification task that no single row shows: one label written two ways, a split with one class."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from pathlib import Path

from evalgate.core.data import Example, TaskSpec
from evalgate.core.errors import EvalgateError
from evalgate.suite.formats import place_of


def check_labels(folder: Path, spec: TaskSpec, splits: Mapping[str, tuple[Example, ...]]) -> None:
    """Raise `label-spelling` or `one-class` for the first fault in the loaded splits; other tasks have no labels."""
    if spec.kind != "classification":
        return
    first: dict[str, tuple[str, str]] = {}
    for split, examples in splits.items():
        path = folder / spec.data / f"{split}.jsonl"
        for line, example in enumerate(examples, 1):
            label = example.label or ""
            seen, at = first.setdefault(_folded(label), (label, f"{path}:{line}"))
            if seen != label:
                raise EvalgateError(
                    f"the label '{label}' differs only in case or spaces from '{seen}', which stands in {at}",
                    code="label-spelling",
                    fix="write one label in one way, or give two labels two names",
                    where=place_of(path, line, example.id),
                )
        _refuse_one_class(path, spec, examples)


def _refuse_one_class(path: Path, spec: TaskSpec, examples: tuple[Example, ...]) -> None:
    labels = {example.label for example in examples}
    if len(labels) < 2:
        raise EvalgateError(
            f"{path.name} of task '{spec.name}' has one label only, '{examples[0].label}': nothing is told apart",
            code="one-class",
            fix="add rows with other labels, or take the split out of `splits` in suite.yaml",
            where=str(path),
        )


def _folded(label: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", label).casefold().split())
