"""What counts as contamination, and what does not."""

import json
import random
import runpy
from pathlib import Path

import pytest

from evalgate import plugins
from evalgate.checking import find_overlaps
from evalgate.config import load_project
from evalgate.core.data import Example, MetricUse, Passage, Task, TaskKind, TaskSpec
from evalgate.suite.contamination import Piece, copies, given_away, passages_of, rows_of

ASKED = (
    "My blue kettle came on Monday with a crack along one side. I wrote to you twice and nobody answered. "
    "Please send me a new one before the weekend, since my parents visit us."
)
ROOT = Path(__file__).parents[2]


def found(row: str, heldout: str = ASKED) -> list[tuple[str, float]]:
    train = Piece(source="train", task="route", id="r", where="train.jsonl:7 (id 'r')", text=row)
    asked = Piece(source="heldout", task="route", id="h", where="heldout.jsonl:3 (id 'h')", text=heldout)
    return [(o.kind, round(o.share, 2)) for o in copies([train], [asked])]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (ASKED, [("exact", 1.0)]),
        (ASKED.upper().replace(".", " !"), [("normalised", 1.0)]),
        (ASKED.replace("blue", "green").replace("weekend", "holidays"), [("near", 0.78)]),
        (" ".join(reversed(ASKED.replace("? ", ". ").split(". "))), [("near", 0.89)]),
        ("Somebody forwarded this long message to our team and asked what we think of it today: " + ASKED
         + " What a nuisance! We have had five of these this week and each of them sounds alike to me.",
         [("quoted", 1.0)]),
        ("My red toaster came on Friday with a dent in its lid. Please send me my money back.", []),
        ("", []),
        (" \n\t", []),
    ],
)  # fmt: skip
def test_kinds_of_copies(row: str, expected: list[tuple[str, float]]) -> None:
    assert found(row) == expected


def test_short_texts_are_compared_by_characters() -> None:
    assert found("My card hasn't arrived yet", "my card hasn’t arrived yet.") == [("normalised", 1.0)]
    assert [kind for kind, _ in found("Why was my card declined today?", "Why was my card declined?")] == ["near"]
    assert found("How do I close my account?", "How do I open my account?") == []
    assert found("🙂 🙂", "🙂🙂") == [("normalised", 1.0)]


def test_a_short_text_within_a_long_one_may_be_chance() -> None:
    question = "How long does it take for a transfer?"
    longer = f"I sent money to my sister in Spain last week and wonder. {question} She needs it for the rent."
    assert found(longer, question) == []


def task_of(kind: TaskKind, reference: str, *, asked: str = ASKED, label: str | None = None) -> Task:
    example = Example(id="h", inputs={"text": asked}, references=(reference,), label=label)
    spec = TaskSpec(name="t", kind=kind, data="t", metrics=(MetricUse(name="rouge_l"),), corpus="p.jsonl")
    passage = Passage(id="p1", title="Returns", text=f"It is so: {reference}, as everybody knows.")
    return Task(spec=spec, splits={"heldout": (example,)}, corpus=(passage,))


def told(task: Task, prompt: str = "") -> list[str]:
    heldout, folder = rows_of(task, "heldout", Path("s")), Path("s")
    pieces = [Piece(source="prompt", task="t", id="few_shot", where="shots.j2", text=prompt)]
    found = given_away([*pieces, *passages_of(task, folder)], task, heldout)
    return [f"{o.kind} {o.where} {o.heldout_where}" for o in found]


LONG = "The customer wants a new kettle, which the agent sends"


@pytest.mark.parametrize(
    ("kind", "reference", "expected"),
    [
        ("summarization", LONG, ["answer-in-passage s/p.jsonl:1 (id 'p1') s/t/heldout.jsonl:1 (id 'h')"]),
        ("generation", LONG, ["answer-in-passage s/p.jsonl:1 (id 'p1') s/t/heldout.jsonl:1 (id 'h')"]),
        ("qa", LONG, []),  # there the passage is where the answer should stand
        ("summarization", "within 30 days", []),  # three words may be chance
    ],
)
def test_answers_in_passages(kind: TaskKind, reference: str, expected: list[str]) -> None:
    assert told(task_of(kind, reference)) == expected


def test_answers_in_prompts() -> None:
    place = "answer-in-prompt shots.j2 s/t/heldout.jsonl:1 (id 'h')"
    assert told(task_of("qa", LONG), f"Example: ...\nAnswer: {LONG.lower()}!") == [place]
    assert told(task_of("qa", LONG), "Answer in a few words.") == []
    assert told(task_of("qa", LONG, asked=f"Is this right? {LONG}."), LONG) == [], "the input itself holds it"
    label = "question about a late delivery"
    assert told(task_of("classification", label, label=label), f"Choose: {label}, refund") == [], "labels are no secret"


@pytest.mark.slow
def test_the_embedded_suite_is_clean() -> None:
    """No row is a copy. Some training questions that a prompt may show have the same answer as a held-out question."""
    project = load_project(ROOT / "suites" / "support", plugins.metric_names())
    found = find_overlaps(project)
    assert {(o.kind, o.source, o.task) for o in found} == {("answer-in-prompt", "prompt", "policy_qa")}
    assert len({o.example_id for o in found}) < 0.06 * 300


@pytest.mark.slow
def test_planted_copies_of_the_suites_own_rows_are_found() -> None:
    """The benchmark's smallest part: what docs/contamination.md says of one task."""
    bench = runpy.run_path(str(ROOT / "benchmarks" / "contamination.py"))
    clean, heldout = bench["of_suite"]("route")
    shares = {}
    for name, edit in bench["EDITS"].items():
        rng = random.Random(name)
        n, hit, wrong = bench["measure"](clean[:300], heldout[:100], [edit(text, rng) for text in heldout[:100]])
        shares[name] = hit / n
        assert wrong == 0, name
    assert shares["verbatim"] == shares["case and punctuation"] == 1
    assert min(shares.values()) >= 0.95, shares


SHARED = next((p / "shared" / "data" for p in (ROOT.parent, ROOT.parents[1]) if (p / "shared").is_dir()), ROOT / "none")


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.exists(), reason="the real data sets are not here")
def test_real_splits_hold_what_the_log_says() -> None:
    def read(path: str, *keys: str) -> list[Piece]:
        rows = [json.loads(line) for line in (SHARED / path).read_bytes().splitlines()]
        source = "heldout" if "test" in path else "train"
        return [
            Piece(source=source, task="t", id=str(i), where=path, text="\n".join(row[key] for key in keys))
            for i, row in enumerate(rows)
        ]  # fmt: skip

    kinds: dict[str, set[str]] = {}
    for overlap in copies(read("banking77/train.jsonl", "text"), read("banking77/test.jsonl", "text")):
        kinds.setdefault(overlap.kind, set()).add(overlap.example_id)
    assert {kind: len(ids) for kind, ids in kinds.items()} == {"normalised": 26, "near": 507}
    for name in ("sgd_json_extraction/{}.jsonl", "tweetsumm/cleaned_{}.jsonl"):
        assert [*copies(read(name.format("train"), "dialogue"), read(name.format("test"), "dialogue"))] == []
