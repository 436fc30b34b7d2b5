"""What the schema validator gets wrong on public cases: what docs/metrics-structured.md lists, and no more."""

import json
import os
import sys
from pathlib import Path

import pytest

from evalgate.core.schemas import Validator

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent.parent / "shared" if ROOT.parent.name == "wt" else ROOT.parent / "shared"
SUITE = Path(os.environ.get("JSON_SCHEMA_TEST_SUITE", SHARED / "data" / "json_schema_test_suite"))
DIALOGUES = SHARED / "data" / "sgd_json_extraction"
PAGE = (ROOT / "docs" / "metrics-structured.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("draft", ["draft7", "draft2020-12"])
def test_the_page_lists_every_disagreement_with_the_public_suite(draft: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if not (SUITE / "tests" / draft).is_dir():
        pytest.skip(f"the JSON Schema Test Suite is not at {SUITE}; JSON_SCHEMA_TEST_SUITE names another place")
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    sys.modules.pop("json_validators", None)
    from json_validators import disagreements, ours  # type: ignore[import-not-found]

    n, found = disagreements(SUITE, draft, ours)
    assert n > 900
    cases = {(file, case) for file, case, _ in found if file != "refRemote"}
    listed = {(file, case) for file, case in cases if f"| {draft} | `{file}` | {case} |" in PAGE}
    assert cases == listed


def test_public_targets_that_break_their_own_schema_are_found() -> None:
    if not DIALOGUES.is_dir():
        pytest.skip(f"{DIALOGUES} is not there")
    schemas = json.loads((DIALOGUES / "test_schemas.json").read_text(encoding="utf-8"))
    validators = {name: Validator(schema) for name, schema in schemas.items()}
    rows = [json.loads(line) for line in (DIALOGUES / "test.jsonl").read_text(encoding="utf-8").splitlines()]
    broken = [row["id"] for row in rows if not validators[row["service"]].is_valid(row["target"])]
    assert (len(rows), len(broken)) == (1331, 14)
