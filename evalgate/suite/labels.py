"""Faults of a classification task that no single row shows: one label written two ways, a split with one class."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NoReturn

from evalgate.core.data import Example, TaskSpec
from evalgate.core.errors import EvalgateError
from evalgate.suite.formats import place_of
from evalgate.suite.lock import SUITE_FILE

# How many labels a refusal names.
MOST_NAMED = 20


def check_labels(folder: Path, spec: TaskSpec, splits: Mapping[str, tuple[Example, ...]]) -> None:
    """Raise `label-spelling`, `one-class` or `unknown-label` for the first fault in the loaded splits.

    Tasks of other kinds may have labels, too; only those that suite.yaml names are checked.
    """
    _refuse_unknown(folder, spec, splits)
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


def _refuse_unknown(folder: Path, spec: TaskSpec, splits: Mapping[str, tuple[Example, ...]]) -> None:
    """A label that the task does not declare, an alias of none, a metric of a class that no row has."""
    declared = set(spec.label_rule.labels)
    labels = declared or {example.label or "" for examples in splits.values() for example in examples}
    for split, examples in splits.items():
        for line, example in enumerate(examples, 1):
            if declared and example.label is not None and example.label not in declared:
                place = place_of(folder / spec.data / f"{split}.jsonl", line, example.id)
                _unknown(f"the label '{example.label}' is not among `labels` of task '{spec.name}'", place, labels)
    yaml = str(folder / SUITE_FILE)
    for alias, label in spec.label_rule.aliases.items():
        if label not in labels:
            _unknown(f"the alias '{alias}' of task '{spec.name}' stands for '{label}', which is no label", yaml, labels)
    for use in spec.metrics:
        of = use.options.get("of")
        if use.name.startswith("class_") and of is not None and of not in labels:
            _unknown(f"{spec.name}.{use.name} is of '{of}', which is no label", yaml, labels)


def _unknown(what: str, where: str, labels: Collection[str]) -> NoReturn:
    known = sorted(label for label in labels if label)
    fix = f"use one of: {', '.join(known[:MOST_NAMED])}{', …' if len(known) > MOST_NAMED else ''}"
    raise EvalgateError(what, code="unknown-label", fix=fix, where=where)


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
