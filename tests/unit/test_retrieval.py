"""Passages by vectors, by both ways, in pieces; and how well they are found on dev."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from small_suite import write_rows, write_suite

from evalgate.cli import run_cli
from evalgate.config import load_suite_spec, load_systems
from evalgate.core.data import Example, MetricUse, Passage, PromptDraft, SystemDraft, Task, TaskSpec
from evalgate.core.errors import UsageError
from evalgate.core.prompts import Chunk, Index
from evalgate.core.protocols import Array
from evalgate.systems.recall import Found, measure
from evalgate.systems.retrieval import (
    BM25Retriever,
    DenseRetriever,
    HybridRetriever,
    chunks,
    index_name,
    open_index,
    open_retrievers,
)

LETTERS = "abcdefghijklmnopqrstuvwxyz"
PASSAGES = tuple(
    Passage(id=f"p{i}", title="T", text=text)
    for i, text in enumerate(("lamps glow", "sofas are soft", "parcel takes days", "lamp lamp warranty", "xyz"))
)


def encode(texts: Sequence[str]) -> Array:
    """Counts of letters: what is spelled alike is near, whatever the words."""
    rows = np.array([[text.count(c) for c in LETTERS] for text in texts], dtype=float)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def ids(found: list[list[Passage]]) -> list[list[str]]:
    return [[p.id for p in row] for row in found]


def test_the_nearest_vectors_come_first_and_k_is_kept() -> None:
    dense = DenseRetriever(PASSAGES, encode, "e")
    found = ids(dense.search(["sofsa era tfos", "zyx"], 3))
    assert [row[0] for row in found] == ["p1", "p4"]
    assert all(len(row) == 3 for row in found)
    assert ids(dense.search(["zyx"], 99))[0][0] == "p4"


def test_reciprocal_ranks_are_fused() -> None:
    class Fixed:
        digest = "f"

        def __init__(self, order: str) -> None:
            self.order = order

        def search(self, queries: Sequence[str], k: int) -> list[list[Passage]]:
            return [[PASSAGES[int(i)] for i in self.order][:k] for _ in queries]

    fused = ids(HybridRetriever(Fixed("012"), Fixed("321")).search(["q"], 4))[0]
    by_hand = {"p0": 1 / 61, "p1": 1 / 62 + 1 / 63, "p2": 1 / 63 + 1 / 62, "p3": 1 / 61}
    assert fused == sorted(by_hand, key=lambda i: -by_hand[i]), "ties in the order of the first"
    assert ids(HybridRetriever(Fixed("012")).search(["q"], 2)) == [["p0", "p1"]]


def test_pieces_overlap_lose_no_word_and_keep_the_passages_id() -> None:
    words = [f"w{i}" for i in range(11)]
    long = Passage(id="long", title="T", text=" ".join(words))
    pieces = chunks([PASSAGES[0], long], Chunk(words=4, overlap=1))
    assert [p.id for p in pieces] == ["p0", "long#1", "long#2", "long#3", "long#4"]
    assert [p.text.split() for p in pieces[1:]] == [words[0:4], words[3:7], words[6:10], words[9:11]]
    assert {p.title for p in pieces} == {"T"}
    exact = Passage(id="exact", title="T", text="a b c d")
    assert chunks([exact], Chunk(words=4, overlap=1)) == [exact]


def test_identity_is_passages_settings_and_encoder() -> None:
    def encoder(name: str) -> tuple[object, str]:
        return encode, f"digest of {name}"

    indexes = [
        None,
        Index(chunk=Chunk(words=1)),
        Index(by="dense", encoder="a"),
        Index(by="dense", encoder="b"),
        Index(by="hybrid", encoder="a"),
        Index(by="hybrid", encoder="a", chunk=Chunk(words=1)),
    ]
    digests = [open_index(i, PASSAGES, encoder).digest for i in indexes]  # type: ignore[arg-type]
    assert len(set(digests)) == len(indexes)
    assert digests[0] == BM25Retriever(PASSAGES).digest, "what a plain number means has the digest that it had"
    assert digests == [open_index(i, PASSAGES, encoder).digest for i in indexes]  # type: ignore[arg-type]


SPEC = TaskSpec(name="qa", kind="qa", data="qa", metrics=(MetricUse(name="exact_match"),), corpus="c")
DEV = (
    Example(id="d0", inputs={"q": "parcel"}, references=("DAYS!",), tags=("evidence:p2",)),
    Example(id="d1", inputs={"q": "warranty"}, references=("glow",), tags=("evidence:p3", "evidence:p0")),
    Example(id="d2", inputs={"q": "sofas"}, references=("day", "are soft")),
    Example(id="d3", inputs={"q": "xyz"}),
)
TASK = Task(spec=SPEC, splits={"dev": DEV}, corpus=PASSAGES)


def test_recall_and_answers_in_context_are_counted() -> None:
    prompt = PromptDraft(template="", template_path="t", retrieve=1)
    assert measure(prompt, TASK, BM25Retriever(PASSAGES)) == Found(
        k=1, n_evidence=2, n_recalled=1, n_answers=3, n_in_context=2
    )
    pieces = chunks(PASSAGES, Chunk(words=2))
    assert measure(prompt, TASK, BM25Retriever(pieces)).n_recalled == 1, "a piece counts as its passage"


def test_each_way_of_finding_is_opened_once() -> None:
    plain = PromptDraft(template="", template_path="t", retrieve=1)
    cut = PromptDraft(template="", template_path="t", retrieve=2, index=Index(chunk=Chunk(words=1)))
    none = PromptDraft(template="", template_path="t")
    drafts = [SystemDraft(name=str(i), kind="rag", prompts={"qa": p}) for i, p in enumerate((plain, cut, plain, none))]
    opened = open_retrievers(drafts, {"qa": TASK}, lambda name: (encode, name))
    assert sorted(opened) == sorted({"qa", index_name("qa", cut)})
    assert index_name("qa", plain) == "qa"


def rag(root: Path, retrieve: str) -> PromptDraft:
    (root / "baselines" / "desk" / "rag.yaml").write_text(
        f"kind: rag\nprompts:\n  policy_qa: {{template: zero-shot/passages.j2, retrieve: {retrieve}}}\n"
    )
    return load_systems(root / "baselines" / "desk", load_suite_spec(root / "suites" / "desk"))[1].prompts["policy_qa"]


def test_the_yaml_says_how_passages_are_found(tmp_path: Path) -> None:
    write_suite(tmp_path)
    assert rag(tmp_path, "{k: 2}") == rag(tmp_path, "2")
    found = rag(tmp_path, "{k: 2, by: hybrid, encoder: ../enc, chunk: {words: 9, overlap: 2}}")
    assert (found.retrieve, found.index) == (2, Index(by="hybrid", encoder="../enc", chunk=Chunk(words=9, overlap=2)))


@pytest.mark.parametrize(
    ("retrieve", "problem"),
    [
        ("{k: 2, by: dense}", "`encoder`, a model's folder seen from the suite's, belongs to"),
        ("{k: 2, encoder: x}", "`encoder`, a model's folder seen from the suite's, belongs to"),
        ("{k: 2, chunk: {words: 3, overlap: 3}}", "`overlap` must be smaller than `words`"),
        ("{k: 2, by: sparse}", "prompts.policy_qa.retrieve.by: 'sparse' is not allowed"),
        ("-1", "input should be greater than or equal to 0"),
    ],
)
def test_what_is_wrong_with_retrieval_is_said(tmp_path: Path, retrieve: str, problem: str) -> None:
    write_suite(tmp_path)
    with pytest.raises(UsageError, match="bad-config") as caught:
        rag(tmp_path, retrieve)
    assert problem in str(caught.value)


def test_the_command_shows_what_dev_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suite = write_suite(tmp_path)
    row = {"id": "d", "inputs": {"text": "returns"}, "references": ["30 days"], "tags": ["evidence:p1"]}
    write_rows(suite / "policy_qa" / "dev.jsonl", [row])
    assert run_cli(["retrieval", str(suite)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("rag · policy_qa: k 3, recall 100.0 % (20.7 to 100.0, n 1), answer in context 100.0 %")
    (suite / "policy_qa" / "dev.jsonl").write_text(json.dumps(row | {"tags": []}) + "\n")
    run_cli(["retrieval", str(suite)])
    assert "recall not known (n 0)" in capsys.readouterr().out
