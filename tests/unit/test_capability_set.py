"""The capability set: its size, its balance, and that pretraining never saw its wordings."""

from __future__ import annotations

import importlib.util
import json
import random
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "suites" / "support" / "capability"


def _generator() -> ModuleType:
    path = ROOT / "suites" / "support" / "generator" / "capability.py"
    spec = importlib.util.spec_from_file_location("support_capability_generator", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    return _generator()


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    paths = sorted(FOLDER.glob("*.jsonl"))
    return [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]


def _folded(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text.lower()).split())


def test_ten_subjects_with_at_least_sixty_questions_each(rows: list[dict[str, Any]]) -> None:
    sizes = Counter(row["subject"] for row in rows)
    assert len(rows) >= 600
    assert len(sizes) == 10
    assert min(sizes.values()) >= 60


def test_four_distinct_choices_and_a_valid_answer(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        assert len({choice.lower() for choice in row["choices"]}) == len(row["choices"]) == 4, row
        assert row["answer"] in range(4), row
        assert all(1 <= len(choice.split()) <= 2 for choice in row["choices"]), row


def test_answer_positions_are_balanced_in_every_subject(rows: list[dict[str, Any]]) -> None:
    for subject in {row["subject"] for row in rows}:
        positions = Counter(row["answer"] for row in rows if row["subject"] == subject)
        assert set(positions.values()) == {18}, (subject, positions)


def test_ids_and_questions_are_unique(rows: list[dict[str, Any]]) -> None:
    assert len({row["id"] for row in rows}) == len(rows)
    assert len({_folded(row["question"]) for row in rows}) == len(rows)


def test_regenerating_gives_the_same_bytes(generator: ModuleType) -> None:
    generated = generator.files()
    on_disk = {path.name for pattern in ("*.jsonl", "*.yaml") for path in FOLDER.glob(pattern)}
    assert on_disk == set(generated)
    for name, text in generated.items():
        assert (FOLDER / name).read_bytes() == text.encode(), name


def test_the_tables_are_well_formed(generator: ModuleType) -> None:
    from models.pretrain.facts import RELATIONS, facts_of

    for relation in RELATIONS:
        asked = [s for s, _ in relation.pairs]
        assert len(set(asked)) == len(asked), relation.name
        assert len(set(relation.statements)) >= 8, relation.name
        assert len(set(relation.questions)) >= 4, relation.name
        answers = {o for _, o in relation.pairs}
        assert set().union(*relation.confusable) <= answers, (
            relation.name,
            set().union(*relation.confusable) - answers,
        )
        for pair in relation.pairs:
            assert len(set(generator.distractors((relation, pair), random.Random(0)))) == 3, (
                relation.name,
                pair,
            )
    assert all(len(facts_of(subject)) >= 72 for subject in generator.SUBJECTS)


def test_no_question_is_any_pretraining_question(generator: ModuleType, rows: list[dict[str, Any]]) -> None:
    from models.pretrain.facts import RELATIONS, fill

    templates = [(text, pair) for r in RELATIONS for text in r.questions + r.statements for pair in r.pairs]
    trained = {_folded(fill(text, pair)) for text, pair in templates}
    assert not trained & {_folded(row["question"]) for row in rows}


@pytest.mark.slow
def test_no_question_in_20000_documents(generator: ModuleType, rows: list[dict[str, Any]]) -> None:
    from models.pretrain.facts import documents

    stream = documents(random.Random(20_000))
    text = _folded("\n".join(next(stream) for _ in range(20_000)))
    found = [row["id"] for row in rows if _folded(row["question"]) in text]
    assert found == []
