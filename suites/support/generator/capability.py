"""Write the capability set: does a model still know the simple facts that its pretraining taught?

The facts come from the tables in `models/pretrain`; the wordings below are held out: pretraining never uses
them. `python suites/support/generator/capability.py [FOLDER]` works from anywhere, and is deterministic.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from models.pretrain.facts import SUBJECTS, Fact, facts_of  # noqa: E402
from models.pretrain.facts_relation import fill  # noqa: E402

FOLDER = Path(__file__).resolve().parents[1] / "capability"
SEED = "support/capability/1"
PER_SUBJECT = 72
N_CHOICES = 4

HELD_OUT_WORDINGS = {
    "capital": "Can you name the city that is the capital of {s}?",
    "continent": "To which continent does {s} belong?",
    "currency": "Which money is used in {s}?",
    "language": "What language is used by most people in {s}?",
    "opposite": "Which word is opposite in meaning to {s}?",
    "category": "Which group of things does {a_s} belong to?",
    "past": "What is the form of the verb {s} in the past tense?",
    "plural": "What is the form of the noun {s} in the plural?",
    "young": "What name do we give to a young {s}?",
    "sound": "What is the noise that {a_s} makes called?",
    "home": "What is the place where the {s} lives called?",
    "group": "What name do we give to a group of {s}?",
    "symbol": "Which chemical symbol does {s} have?",
    "made_from": "Which material do people use to make {s}?",
    "sum": "What number do you get if you add {a} and {b}?",
    "product": "What number do you get if you multiply {a} by {b}?",
    "job": "What do we call a person who {s}?",
    "workplace": "At which place does {a_s} work?",
    "day_after": "Which day of the week follows {s}?",
    "day_before": "Which day of the week is right before {s}?",
    "month_after": "Which month of the year follows {s}?",
    "month_before": "Which month of the year is right before {s}?",
    "month_number": "Which month has the {s} place in the year?",
    "count": "How many {s} do you count?",
}


def distractors(fact: Fact, rng: random.Random) -> list[str]:
    """Draw three wrong answers of the right answer's type; for numbers, those that look and are closest."""
    relation, (asked, right) = fact
    wrong = {right, asked}.union(*(group for group in relation.confusable if right in group))
    pool = {answer for _, answer in relation.pairs} - wrong
    if relation.subject == "arithmetic":
        pool = {str(int(right) + step) for step in (-10, -3, -2, -1, 1, 2, 3, 10) if int(right) + step > 1}
    candidates = sorted(pool)
    rng.shuffle(candidates)
    if right.isdigit():
        candidates.sort(key=lambda answer: abs(len(answer) - len(right)))
    return candidates[: N_CHOICES - 1]


def questions(subject: str) -> list[dict[str, Any]]:
    """Make the rows of one subject; the right answers are spread evenly over the four positions."""
    rng = random.Random(f"{SEED}/{subject}")
    positions = [i % N_CHOICES for i in range(PER_SUBJECT)]
    rng.shuffle(positions)
    chosen = rng.sample(facts_of(subject), PER_SUBJECT)
    rows = []
    for i, (fact, position) in enumerate(zip(chosen, positions, strict=True)):
        relation, pair = fact
        choices = distractors(fact, rng)
        choices.insert(position, pair[1])
        question = fill(HELD_OUT_WORDINGS[relation.name], pair)
        row = {"id": f"{subject}-{i + 1:03d}", "question": question, "choices": choices}
        rows.append(row | {"answer": position, "subject": subject})
    return rows


def files() -> dict[str, str]:
    """Render every generated file, name -> text: each subject's rows and lm-eval task, and the group."""
    rendered = {}
    for subject in SUBJECTS:
        rows = (json.dumps(row, ensure_ascii=False) for row in questions(subject))
        rendered[f"{subject}.jsonl"] = "".join(f"{row}\n" for row in rows)
        rendered[f"support_facts_{subject}.yaml"] = (
            f"task: support_facts_{subject}\ntask_alias: {subject}\ninclude: _support_facts_yaml\n"
            f"dataset_kwargs:\n  subject: {subject}\n"
        )
    rendered["support_facts.yaml"] = (
        "group: support_facts\ntask:\n"
        + "".join(f"  - support_facts_{subject}\n" for subject in SUBJECTS)
        + "aggregate_metric_list:\n"
        + "".join(f"  - metric: {metric}\n    weight_by_size: true\n" for metric in ("acc", "acc_norm"))
        + "metadata:\n  version: 1.0\n"
    )
    return rendered


def main(folder: Path) -> None:
    """Write all generated files into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
