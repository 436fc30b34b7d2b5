"""Where evalgate's JSON Schema validator differs from the public test suite: the table of docs/json-schema-suite.md.

python -m benchmarks.schema_suite FOLDER   (the folder that holds tests/ with draft4 to draft2020-12)
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from evalgate.core.schemas import SchemaError, Validator

DRAFTS = {
    "draft4": "http://json-schema.org/draft-04/schema#",
    "draft6": "http://json-schema.org/draft-06/schema#",
    "draft7": "http://json-schema.org/draft-07/schema#",
    "draft2019-09": "https://json-schema.org/draft/2019-09/schema",
    "draft2020-12": "https://json-schema.org/draft/2020-12/schema",
}
FORMAT, REMOTE, DIALECT, OTHER = "format", "remote", "dialect", "other"


class Difference(NamedTuple):
    """One test of the suite whose verdict is another: what the suite expects, and ours (None: a refused schema)."""

    file: str
    title: str
    expected: bool
    ours: bool | None
    why: str


class Row(NamedTuple):
    """The differences of one file for one reason; `mark` is a digest of the titles, so that a row names its tests."""

    draft: str
    file: str
    n: int
    of: int
    expected: str
    ours: str
    why: str
    mark: str

    def __str__(self) -> str:
        """A line of the page."""
        count = f"{self.n} of {self.of}"
        cells = (self.draft, f"`{self.file}`", count, self.expected, self.ours, self.why, f"`{self.mark}`")
        return f"| {' | '.join(cells)} |"


def sizes(folder: Path, draft: str) -> dict[str, int]:
    """How many tests each file of a draft has, required and optional; a file by its path without the ending."""
    base = folder / "tests" / draft
    return {
        path.relative_to(base).with_suffix("").as_posix(): sum(len(case["tests"]) for case in _cases(path))
        for path in sorted(base.rglob("*.json"))
    }


def differences(folder: Path, draft: str) -> Iterator[Difference]:
    """Every test of a draft, required and optional, on which evalgate and the suite differ."""
    base = folder / "tests" / draft
    for path in sorted(base.rglob("*.json")):
        file = path.relative_to(base).with_suffix("").as_posix()
        for case in _cases(path):
            validator, refused = _compile(case["schema"], draft)
            for test in case["tests"]:
                verdict = None if validator is None else validator.is_valid(test["data"])
                if verdict is not test["valid"]:
                    why = refused or _why(file, test["valid"], verdict)
                    yield Difference(file, f"{case['description']}: {test['description']}", test["valid"], verdict, why)


def rows(folder: Path, draft: str) -> list[Row]:
    """The differences of a draft, those of one file and reason together, in the order of the files."""
    groups: dict[tuple[str, str], list[Difference]] = {}
    for found in differences(folder, draft):
        groups.setdefault((found.file, found.why), []).append(found)
    of = sizes(folder, draft)
    return [
        Row(draft, file, len(found), of[file], *_verdicts(found), why, _mark(found))
        for (file, why), found in groups.items()
    ]


def _cases(path: Path) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return cases


def _compile(schema: Any, draft: str) -> tuple[Validator | None, str]:
    """The validator through evalgate's own door, or why the schema is refused."""
    if isinstance(schema, bool):
        schema = {} if schema else {"not": {}}
    try:
        return Validator({"$schema": DRAFTS[draft], **schema}), ""
    except SchemaError as error:
        message = str(error)
        known = {"leads outside the schema": REMOTE, "is none of the drafts": DIALECT}
        return None, next((why for words, why in known.items() if words in message), OTHER)


def _why(file: str, expected: bool, ours: bool | None) -> str:
    annotates = file.startswith("optional/format/") or file.startswith("format")
    return FORMAT if annotates and ours and not expected else OTHER


def _verdicts(found: list[Difference]) -> tuple[str, str]:
    words = {True: "valid", False: "invalid", None: "refused"}
    expected = " and ".join(sorted({words[d.expected] for d in found}))
    return expected, " and ".join(sorted({words[d.ours] for d in found}))


def _mark(found: list[Difference]) -> str:
    return hashlib.sha256("\n".join(sorted(d.title for d in found)).encode()).hexdigest()[:8]


if __name__ == "__main__":
    for name in DRAFTS:
        found = rows(Path(sys.argv[1]), name)
        print(f"\n{name}: {sum(row.n for row in found)} of {sum(sizes(Path(sys.argv[1]), name).values())} tests differ")
        print("\n".join(map(str, found)))
