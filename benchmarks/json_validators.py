"""JSON Schema validators side by side: what each gets wrong in the public test suite, and how long each takes.

python benchmarks/json_validators.py SUITE_FOLDER   (the folder that holds tests/draft7 and tests/draft2020-12)

Needs `pip install jsonschema fastjsonschema` beside evalgate. References to other documents are refused by all, as
evalgate refuses them, so the suite's `refRemote` cases count as disagreements here; they are not listed.
"""

import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from evalgate.core.schemas import Validator

DRAFTS = {
    "draft7": "http://json-schema.org/draft-07/schema#",
    "draft2020-12": "https://json-schema.org/draft/2020-12/schema",
}
Check = Callable[[Any], bool]


def ours(schema: Any, draft: str) -> Check:
    """evalgate's own door."""
    if isinstance(schema, bool):
        schema = {} if schema else {"not": {}}
    return Validator({"$schema": DRAFTS[draft], **schema}).is_valid


def pure_python(schema: Any, draft: str) -> Check:
    """The reference implementation in Python."""
    import jsonschema
    from referencing import Registry

    kind = {"draft7": jsonschema.Draft7Validator, "draft2020-12": jsonschema.Draft202012Validator}[draft]
    return kind(schema, registry=Registry()).is_valid


def compiled_python(schema: Any, draft: str) -> Check:  # noqa: ARG001 - it knows one draft only
    """Python code made from the schema."""
    import fastjsonschema

    run = fastjsonschema.compile(schema, handlers={"http": None, "https": None})

    def check(value: Any) -> bool:
        try:
            run(value)
        except fastjsonschema.JsonSchemaValueException:
            return False
        return True

    return check


VALIDATORS: dict[str, Callable[[Any, str], Check]] = {
    "jsonschema-rs (as evalgate uses it)": ours,
    "jsonschema": pure_python,
    "fastjsonschema": compiled_python,
}


def cases(folder: Path, draft: str) -> Iterator[tuple[str, str, Any, list[dict[str, Any]]]]:
    """(file, description, schema, tests) of the required cases of a draft."""
    for path in sorted((folder / "tests" / draft).glob("*.json")):
        for case in json.loads(path.read_text(encoding="utf-8")):
            yield path.stem, case["description"], case["schema"], case["tests"]


def disagreements(
    folder: Path, draft: str, make: Callable[[Any, str], Check]
) -> tuple[int, list[tuple[str, str, str]]]:
    """How many tests there are, and (file, case, test) of those whose verdict is another, or none."""
    n, found = 0, []
    for file, case, schema, tests in cases(folder, draft):
        try:
            check: Check | None = make(schema, draft)
        except Exception:  # noqa: BLE001 - a schema that is refused gives no verdict
            check = None
        for test in tests:
            n += 1
            try:
                verdict = check(test["data"]) if check else None
            except Exception:  # noqa: BLE001
                verdict = None
            if verdict is not test["valid"]:
                found.append((file, case, test["description"]))
    return n, found


def seconds(check: Check, values: list[Any], repeats: int = 5) -> float:
    """The best time for all values."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        for value in values:
            check(value)
        best = min(best, time.perf_counter() - start)
    return best


def main(folder: Path) -> None:
    """Print the disagreements of each validator, and its time for a ticket and for a long list."""
    schema = json.loads((Path(__file__).parents[1] / "suites/support/extract/schema.json").read_text())
    rows = (Path(__file__).parents[1] / "suites/support/extract/heldout.jsonl").read_text().splitlines()
    tickets = [json.loads(json.loads(row)["references"][0]) for row in rows]
    long = [[{"id": i, "t": "x" * 20} for i in range(3_000)]]
    for name, make in VALIDATORS.items():
        print(f"\n{name}")
        for draft in DRAFTS:
            n, found = disagreements(folder, draft, make)
            remote = sum(file == "refRemote" for file, _, _ in found)
            print(f"  {draft}: {len(found)} of {n} differ, {remote} of them remote references")
            for place in [p for p in found if p[0] != "refRemote"][:20]:
                print("    " + " | ".join(place))
        print(f"  a ticket: {1e6 * seconds(make(schema, 'draft2020-12'), tickets) / len(tickets):.2f} us")
        print(f"  3,000 unique objects: {seconds(make({'uniqueItems': True}, 'draft2020-12'), long, 1):.4f} s")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(Path(sys.argv[1]))
