"""What the schema validator gets wrong on public cases: what docs/json-schema-suite.md lists, and no more."""

import copy
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema.validators import validator_for

from benchmarks.schema_suite import DRAFTS, rows, sizes
from evalgate.core.schemas import Validator

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent.parent / "shared" if ROOT.parent.name == "wt" else ROOT.parent / "shared"
SUITE = Path(os.environ.get("JSON_SCHEMA_TEST_SUITE", SHARED / "data" / "json_schema_test_suite"))
DIALOGUES = SHARED / "data" / "sgd_json_extraction"
PAGE = (ROOT / "docs" / "json-schema-suite.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("draft", DRAFTS)
def test_the_page_lists_every_disagreement_with_the_public_suite_and_no_other(draft: str) -> None:
    if not (SUITE / "tests" / draft).is_dir():
        pytest.skip(f"the JSON Schema Test Suite is not at {SUITE}; JSON_SCHEMA_TEST_SUITE names another place")
    found = rows(SUITE, draft)
    lines = [line for line in PAGE.splitlines() if line.startswith(f"| {draft} | ")]
    assert [line for line in lines if "`" in line] == [str(row) for row in found]
    (totals,) = [line for line in lines if "`" not in line]
    counts = [int(cell.replace(",", "")) for cell in totals.split("|")[2:-1]]
    by_reason = [sum(row.n for row in found if row.why == why) for why in ("format", "remote", "dialect", "other")]
    required = sum(row.n for row in found if "/" not in row.file)
    assert counts == [sum(sizes(SUITE, draft).values()), sum(row.n for row in found), required, *by_reason]
    assert by_reason[-1] == 0


def variants(target: dict[str, Any]) -> Iterator[Any]:
    """A target, and what is wrong in three ways: a key less, a value of another type, a key that nobody knows."""
    yield target
    yield {**target, "a key that nobody knows": 1}
    for key in target:
        less = copy.deepcopy(target)
        value = less.pop(key)
        yield less
        yield {**target, key: [value]}


@pytest.mark.parametrize("split", [pytest.param("train", marks=pytest.mark.slow), "dev", "test"])
def test_real_targets_are_judged_as_the_reference_implementation_does(split: str) -> None:
    if not DIALOGUES.is_dir():
        pytest.skip(f"{DIALOGUES} is not there")
    schemas = json.loads((DIALOGUES / f"{split}_schemas.json").read_text(encoding="utf-8"))
    text = (DIALOGUES / f"{split}.jsonl").read_text(encoding="utf-8")
    targets: dict[str, dict[str, Any]] = {name: {} for name in schemas}
    for row in map(json.loads, text.splitlines()):
        targets[row["service"]].setdefault(json.dumps(row["target"]), row["target"])
    n_invalid = 0
    for name, schema in schemas.items():
        ours, oracle = Validator(schema), validator_for(schema)(schema)
        for value in (v for target in targets[name].values() for v in variants(target)):
            assert ours.is_valid(value) == oracle.is_valid(value), (name, value)
            n_invalid += not ours.is_valid(value)
    assert n_invalid > 1_000


def test_public_targets_that_break_their_own_schema_are_found() -> None:
    if not DIALOGUES.is_dir():
        pytest.skip(f"{DIALOGUES} is not there")
    schemas = json.loads((DIALOGUES / "test_schemas.json").read_text(encoding="utf-8"))
    validators = {name: Validator(schema) for name, schema in schemas.items()}
    dialogues = [json.loads(line) for line in (DIALOGUES / "test.jsonl").read_text(encoding="utf-8").splitlines()]
    broken = [row["id"] for row in dialogues if not validators[row["service"]].is_valid(row["target"])]
    assert (len(dialogues), len(broken)) == (1331, 14)
