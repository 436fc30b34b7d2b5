"""Write the tasks of the suite: `python suites/support/generator`. The same seed gives the same bytes.

A task is a module with `rows(split, rng, n)`; it may also have `files()` (path below the suite -> text). Rows
that equal or nearly copy an earlier one are dropped here and drawn again.
"""

import argparse
import importlib
import importlib.util
import json
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from types import ModuleType
from typing import Any

SUITE = Path(__file__).resolve().parents[1]
TASKS = ("summarize", "extract", "route", "policy_qa", "redteam")
COUNTS = {"train": 1000, "dev": 150, "heldout": 300}
COUNTS_OF = {"redteam": {"dev": 40, "heldout": 160}}  # nobody trains on the red-team list
NEAR = 0.5  # Jaccard overlap of word 5-grams above which a held-out row is a near copy
ROUNDS = 200

Row = dict[str, Any]


def input_text(row: Row) -> str:
    """All words a system reads, as one string."""
    parts: list[str] = []
    for value in row["inputs"].values():
        parts += [value] if isinstance(value, str) else [str(m["content"]) for m in value]
    return " ".join(parts)


class Seen:
    """Input texts already written, to find equal and nearly equal ones."""

    def __init__(self) -> None:
        self._texts: set[str] = set()
        self._sizes: list[int] = []
        self._holders: dict[tuple[str, ...], list[int]] = {}

    def is_copy(self, words: tuple[str, ...], limit: float | None) -> bool:
        """Whether the words were seen, or overlap with seen ones by more than `limit`."""
        if " ".join(words) in self._texts:
            return True
        if limit is None:
            return False
        grams = _grams(words)
        shared = Counter(at for gram in grams for at in self._holders.get(gram, ()))
        return any(n / (len(grams) + self._sizes[at] - n) > limit for at, n in shared.items())

    def add(self, words: tuple[str, ...]) -> None:
        """Remember one text."""
        self._texts.add(" ".join(words))
        grams = _grams(words)
        for gram in grams:
            self._holders.setdefault(gram, []).append(len(self._sizes))
        self._sizes.append(len(grams))


def _words(row: Row) -> tuple[str, ...]:
    """The input's words without case and punctuation."""
    return tuple(re.findall(r"[^\W_]+", input_text(row).lower()))


def _grams(words: tuple[str, ...]) -> set[tuple[str, ...]]:
    """Word 5-grams; a shorter text is one gram of its own."""
    return {words[i : i + 5] for i in range(max(len(words) - 4, 1))}


def draw_split(module: ModuleType, task: str, split: str, n: int, *, seed: int, seen: Seen) -> list[Row]:
    """`n` fresh rows of one split, complete and numbered; fewer if the task runs out of new ones."""
    rng = random.Random(f"{seed}/{task}/{split}")
    limit = NEAR if split == "heldout" else None
    found: list[Row] = []
    for _ in range(ROUNDS):
        if len(found) == n:
            break
        fresh: list[tuple[str, ...]] = []
        for row in module.rows(split, rng, n - len(found)):
            words = _words(row)
            if seen.is_copy(words, limit) or words in fresh:
                continue
            fresh.append(words)
            found.append(_complete(row, f"{task}-{split}-{len(found) + 1:04d}"))
        # held-out rows are compared with the other splits, and with one another only for equality
        for words in fresh:
            seen.add(words)
    return found


def _complete(row: Row, row_id: str) -> Row:
    """The row with its id and every key, in the order of the format."""
    return {
        "id": row_id,
        "inputs": row["inputs"],
        "references": row["references"],
        "label": row.get("label"),
        "cluster": row.get("cluster"),
        "tags": row.get("tags", []),
    }


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def write_task(task: str, module: ModuleType, seed: int, out: Path) -> Iterator[str]:
    """Write all splits and files of one task; yields a line about each split."""
    seen = Seen()
    for split, n in COUNTS_OF.get(task, COUNTS).items():
        rows = draw_split(module, task, split, n, seed=seed, seen=seen)
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
        _write(out / task / f"{split}.jsonl", "".join(lines))
        words = mean(len(input_text(row).split()) for row in rows)
        answers = [len(r.split()) for row in rows for r in row["references"][:1]] or [0]
        short = "" if len(rows) == n else f"  (wanted {n}: no more new ones)"
        sizes = f"input {words:6.1f}  reference {mean(answers):5.1f} words"
        yield f"{task:10} {split:8} {len(rows):5} rows  {sizes}{short}"
    if hasattr(module, "files"):
        for name, text in module.files().items():
            _write(out / name, text)


def main() -> int:
    """Parse the command line and write the tasks asked for."""
    sys.path.insert(0, str(SUITE))
    parser = argparse.ArgumentParser(prog="generator", description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("tasks", nargs="*", default=TASKS, metavar="task", help="default: all of them")
    parser.add_argument("--seed", type=int, default=20240)
    parser.add_argument("--out", type=Path, default=SUITE, help="folder of the suite")
    options = parser.parse_args()
    for task in options.tasks:
        if importlib.util.find_spec(f"generator.{task}") is None:
            print(f"{task:10} skipped: generator/{task}.py is not there yet")
            continue
        for line in write_task(task, importlib.import_module(f"generator.{task}"), options.seed, options.out):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
