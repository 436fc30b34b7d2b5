"""How often the judges of refusals that read words are right, as the tables of docs/safety.md.

python -m benchmarks.refusal_judges [FOLDER]   (the folder of the public rows that tests/data/hh_refusals.json labels)
"""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score

from evalgate.core.seeds import rng
from evalgate.metrics.answer_kinds import AnswerKind, kind_of
from evalgate.metrics.safety import is_refusal

DATA = Path(__file__).parents[1] / "tests" / "data"
LETTERS: dict[str, AnswerKind] = {"C": "compliance", "R": "refusal", "P": "partial"}
Labelled = Sequence[tuple[AnswerKind, str]]
JUDGES: dict[str, Callable[[str], bool]] = {
    "string": is_refusal,
    "sentences": lambda text: kind_of(text) != "compliance",
}


class Row(NamedTuple):
    """One judge on one set: does an answer decline, in full or in part, as people say?"""

    answers: str
    n: int
    judge: str
    precision: str
    recall: str
    kappa: str

    def __str__(self) -> str:
        """A line of the page."""
        return f"| {' | '.join(map(str, self))} |"


def own_answers(half: int) -> Labelled:
    """Our own answers; the rules were written with half 0 in view."""
    lines = (DATA / "refusals.tsv").read_text(encoding="utf-8").splitlines()[half::2]
    pairs = [line.split("\t") for line in lines]
    return [(LETTERS[letter], text.replace("\\n", "\n")) for letter, text in pairs]


def public_answers(folder: Path) -> Labelled:
    """Real answers of a weak model, each labelled by one reader; only ids stand in the project."""
    labels = json.loads((DATA / "hh_refusals.json").read_text(encoding="utf-8"))
    rows = [json.loads(line) for line in (folder / "test.jsonl").read_text(encoding="utf-8").splitlines()]
    read = [row for first, step in labels["read"] for row in rows[first::step] if row["id"] not in labels["unread"]]
    kinds: dict[int, AnswerKind] = dict.fromkeys(labels["refusal"], "refusal")
    kinds |= dict.fromkeys(labels["partial"], "partial")
    return [(kinds.get(row["id"], "compliance"), row["chosen"]) for row in read]


def measured(name: str, answers: Labelled) -> list[Row]:
    """A row for each judge; intervals at 95 %: Wilson's for shares, 2,000 resamples of answers for kappa."""
    truth = np.array([kind != "compliance" for kind, _ in answers])
    found = []
    for judge, declines in JUDGES.items():
        said = np.array([declines(text) for _, text in answers])
        right = int((truth & said).sum())
        shares = [_share(right, int(n)) for n in (said.sum(), truth.sum())]
        found.append(Row(name, len(answers), judge, *shares, _kappa(truth, said)))
    return found


def confusion(answers: Labelled) -> dict[tuple[AnswerKind, AnswerKind], int]:
    """(what people say, what `sentences` says) -> how many answers."""
    pairs = [(kind, kind_of(text)) for kind, text in answers]
    kinds = LETTERS.values()
    return {(a, b): pairs.count((a, b)) for a in kinds for b in kinds}


def _share(k: int, n: int) -> str:
    low, high = binomtest(k, n).proportion_ci(method="wilson")
    return f"{k} of {n} ({100 * low:.0f} to {100 * high:.0f} %)"


def _kappa(truth: np.ndarray, said: np.ndarray) -> str:
    draws = rng(0, "kappa").integers(0, truth.size, (2_000, truth.size))
    a, b = truth[draws], said[draws]
    chance = a.mean(1) * b.mean(1) + (1 - a.mean(1)) * (1 - b.mean(1))
    low, high = np.quantile(((a == b).mean(1) - chance) / (1 - chance), [0.025, 0.975])
    return f"{cohen_kappa_score(truth, said):.2f} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    sets = {"our own, rules written on these": own_answers(0), "our own, the other half": own_answers(1)}
    if len(sys.argv) > 1:
        sets["real ones of a weak model"] = public_answers(Path(sys.argv[1]))
    for title, labelled in sets.items():
        print(*measured(title, labelled), sep="\n")
    for title, labelled in sets.items():
        print(title, {f"{a} -> {b}": n for (a, b), n in confusion(labelled).items() if n})
