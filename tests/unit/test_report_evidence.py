"""What the page shows beside scores: labels, problems of answers, phrases, prompts, passages, costs, safety items."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import pytest
from fixtures_report import build_run
from report_items import CANDIDATES, HOSTILE, SUBJECTS
from sklearn.metrics import precision_recall_fscore_support
from test_report import payload

from evalgate.core.data import PromptSpec, Sampling
from evalgate.core.prompts import Index as Finds
from evalgate.core.prompts import ShotChoice
from evalgate.core.results import Look
from evalgate.report import render_html
from evalgate.report.confusion import MAX_LABELS, OTHERS, confusion_view
from evalgate.report.identity import ledger_words
from evalgate.report.index import Index
from evalgate.report.pareto import pareto_view
from evalgate.report.phrases import phrase_changes, phrases_view
from evalgate.report.problems import CUT_OFF, Problems
from evalgate.report.prompts import prompt_facts, prompts_view
from evalgate.report.safety import safety_view
from evalgate.report.view import capability_view
from evalgate.store import BASE, CAPABILITY, RunData


@pytest.fixture(scope="module")
def data() -> RunData:
    return build_run(42, questions=True)  # few-shot has no answer to the 41st example of each task


@pytest.fixture(scope="module")
def index(data: RunData) -> Index:
    return Index(data)


def task_of(index: Index, name: str) -> Any:
    return next(task for task in index.tasks if task.name == name)


def less(data: Any, **changes: Any) -> Any:
    return msgspec.structs.replace(data, **changes)


def relabelled(data: RunData, n_labels: int) -> RunData:
    """The same routes with `n_labels` labels; qlora calls each but the first by the next one's name."""
    rows = data.examples["route"]
    names = [f"label-{i % n_labels:03d}" for i in range(len(rows))]
    examples = [less(e, label=name) for e, name in zip(rows, names, strict=True)]

    def called(system: str, at: int) -> str:
        wrong = system == "qlora" and at % n_labels
        return f"label-{(at % n_labels + 1) % n_labels:03d}" if wrong else names[at]

    place = {e.id: at for at, e in enumerate(rows)}
    scores = {
        system: tasks
        | {
            "route": [
                less(s, detail=f"{names[place[s.example_id]]}\t{called(system, place[s.example_id])}")
                if s.detail
                else s
                for s in tasks["route"]
            ]
        }
        for system, tasks in data.scores.items()
    }
    return less(data, examples=data.examples | {"route": examples}, scores=scores)


def test_shares_of_every_label_are_those_of_scikit_learn(index: Index) -> None:
    view = confusion_view(index, task_of(index, "route"))
    assert view
    table = view["by_label"]
    for at, system in enumerate(table["systems"]):
        pairs = [p for e in index.examples("route") if (p := index.labels(system, "route").get(e.id))]
        labels = [row["label"] for row in table["rows"]]
        expected = precision_recall_fscore_support(*zip(*pairs, strict=True), labels=labels, zero_division=0)
        for row, *shares, support in zip(table["rows"], *expected, strict=True):
            found = [row["cells"][at][name] for name in ("precision", "recall", "f1")]
            assert [0 if f == "n/a" else int(f[:-1]) for f in found] == [round(100 * share) for share in shares]
            assert row["support"] >= support


def test_a_difference_has_what_one_system_has_more_than_the_other(index: Index) -> None:
    view = confusion_view(index, task_of(index, "route"))
    assert view
    change = next(c for c in view["changes"] if c["candidate"] == "qlora")
    assert change["best"] == "few-shot" and change["n"] == 41
    asked = [e.id for e in index.examples("route") if e.id in index.labels("few-shot", "route")]
    for row in change["rows"]:
        assert sum(cell["n"] for cell in row["cells"]) == 0
        for cell in row["cells"]:
            after, before = (
                sum(index.labels(s, "route").get(i) == (row["true"], cell["predicted"]) for i in asked)
                for s in ("qlora", "few-shot")
            )
            assert cell["n"] == after - before
            hit = cell["predicted"] == row["true"]
            assert cell["state"] == ("" if not cell["n"] else "good" if (cell["n"] > 0) == hit else "bad")


def test_of_many_labels_the_most_confused_have_rows_and_all_are_listed(data: RunData) -> None:
    many = Index(relabelled(data, 37))
    view = confusion_view(many, task_of(many, "route"))
    assert view
    matrix = next(m for m in view["matrices"] if m["system"] == "qlora")
    assert len(matrix["rows"]) == MAX_LABELS and matrix["rows"][-1]["true"] == OTHERS
    assert sum(c["n"] for row in matrix["rows"] for c in row["cells"]) == 42
    assert matrix["rows"][-1]["f1"] == "" and not any(c["hit"] for c in matrix["rows"][-1]["cells"])
    assert len(view["by_label"]["rows"]) == 37 and view["n_folded"] == 37 - MAX_LABELS + 1
    page = render_html(many.data)
    pooled = page.split(f'<tr data-true="{OTHERS}">')[1:]
    assert pooled and not any("<button" in row.partition("</tr>")[0] for row in pooled)
    assert "18 more are one row and one column" in page


@pytest.mark.slow
def test_three_hundred_labels_do_not_blow_up_the_page(data: RunData) -> None:
    wide = Index(relabelled(build_run(300, hostile=False), 300))
    view = confusion_view(wide, task_of(wide, "route"))
    assert view and len(view["by_label"]["rows"]) == 200 and view["by_label"]["n_left_out"] == 100
    assert len(render_html(wide.data).encode()) < 1_000_000


def test_problems_are_counted_for_each_system(index: Index) -> None:
    problems = Problems(index)
    table = problems.table("extract")
    assert table
    counts = {row["kind"]: dict(zip(table["systems"], row["cells"], strict=True)) for row in table["rows"]}
    for system in table["systems"]:
        details = Counter(index.failure(system, "extract", e.id) for e in index.examples("extract"))
        for code in ("prose-around", "missing-key"):
            assert counts[code][system] == details[code]
    assert counts["field: missing"]["few-shot"] > 0 and counts["field: wrong type"]["few-shot"] > 0
    assert counts["backend-timeout"]["few-shot"] == 1 == sum(counts["backend-timeout"].values())
    assert problems.table("summarize") is None or problems.number("not there") == -1


def test_an_answer_that_was_cut_off_is_a_problem_that_its_scores_do_not_tell(data: RunData) -> None:
    rows = data.predictions["qlora"]["policy_qa"]
    cut = [less(rows[0], status="truncated"), *rows[1:]]
    odd = less(data, predictions=data.predictions | {"qlora": data.predictions["qlora"] | {"policy_qa": cut}})
    problems = Problems(Index(odd))
    assert [problems.names[n] for n in problems.of("qlora", "policy_qa")[rows[0].example_id]] == [CUT_OFF]
    assert rows[20].example_id not in problems.of("qlora", "policy_qa")


def test_safety_items_count_who_did_not_refuse(index: Index) -> None:
    problems = Problems(index)
    (row,) = safety_view(index, problems)["rows"]
    assert (row["task"], row["kind"], problems.names[row["number"]]) == ("redteam", "did not refuse", "did not refuse")
    for cell in row["cells"]:
        scored = [s for s in index.data.scores[cell["system"]]["redteam"] if s.metric == "refusal_rate" and s.parts]
        assert (cell["n"], cell["of"]) == (sum(s.parts[0] == 0 for s in scored), len(scored))


def test_phrases_are_runs_of_the_reference_that_one_answer_has() -> None:
    gained, lost = phrase_changes(
        "The blue kettle broke. She wants a refund by Friday.",
        "the Blue Kettle broke, and wants nothing",
        "she wants a refund; the kettle is blue",
    )
    assert (gained, lost) == (["she wants a refund"], ["the blue kettle broke"])
    assert phrase_changes("", "a b", "c d") == ([], [])
    assert phrase_changes("a b", "", "a b") == (["a b"], [])


def test_phrases_of_a_task_are_counted_over_its_examples(index: Index) -> None:
    found = phrases_view(index, task_of(index, "summarize"), "qlora")
    assert found and found["best"] == "few-shot" and found["n"] == 41
    assert [row["order"] for row in found["rows"]] == [1, 2, 3]
    assert all(g["n"] > 1 for side in ("gained", "lost") for g in found[side])
    assert phrases_view(index, task_of(index, "route"), "qlora") is None
    assert phrases_view(index, task_of(index, "summarize"), "few-shot") is None


def test_costs_show_who_is_unbeaten_and_who_was_not_measured(data: RunData) -> None:
    view = {v["task"]: v for v in pareto_view(data)}["summarize"]
    rows = {row["system"]: row for row in view["rows"]}
    # Each later system is slower and cheaper, so that nobody is beaten in all.
    assert {row["say"] for row in rows.values()} == {"unbeaten"} and view["untimed"] == ["zero-shot"]
    assert view["columns"] == ["median of single calls", "dollars per 1,000 requests"]
    assert rows["few-shot"]["cells"][0] == {"value": "200 ms", "interval": "180 ms to 220 ms"}
    assert data.decision
    timed = tuple(n for n in data.decision.serving if n.metric == "latency_p50_s")
    worst = [less(n, amount=less(n.amount, value=9.0)) if n.system == "few-shot" else n for n in timed]
    slow = less(data, decision=less(data.decision, serving=tuple(worst)))
    beaten = {r["system"]: r["say"] for r in {v["task"]: v for v in pareto_view(slow)}["summarize"]["rows"]}
    assert beaten["few-shot"].startswith("beaten by ") and beaten["overcooked"] == "unbeaten"
    alone = less(data, decision=less(data.decision, serving=tuple(n for n in timed if n.system == "qlora")))
    assert pareto_view(alone) == []


def test_prompts_stand_side_by_side_as_they_were_sent(index: Index, data: RunData) -> None:
    found = prompts_view(index, task_of(index, "summarize"))
    assert found and found["example"] == "summarize-0000"
    assert [p["systems"] for p in found["prompts"]][:3] == [["few-shot"], ["qlora"], ["overcooked"]]
    assert "few-shot is asked summarize-0000" in found["prompts"][0]["text"]
    old = prompts_view(Index(less(data, shown=[])), task_of(index, "summarize"))
    assert old and old["example"] == "" and old["prompts"][0]["text"] == "Do summarize as few-shot: {{ text }}"


def test_a_prompts_settings_are_told_in_words() -> None:
    prompt = PromptSpec(
        template="",
        retrieve=2,
        index=Finds(by="hybrid", encoder="e"),
        choice=ShotChoice(n=1, choose="nearest", pool="train"),
        sampling=Sampling(max_tokens=64, constraint="choices"),
    )
    assert prompt_facts(prompt) == [
        "1 example from train, nearest",
        "2 passages by hybrid",
        "answers held to choices",
        "at most 64 tokens",
    ]


def test_passages_and_capability_questions_are_in_the_browser(data: RunData) -> None:
    page = render_html(data)
    value = payload(page)
    names = [task["name"] for task in value["tasks"]]
    passages = value["tasks"][names.index("policy_qa")]["passages"]
    assert passages["policy-007"] == [f"Policy 7 {HOSTILE[1]}", passages["policy-007"][1]]
    assert "‹U+202E›" in passages["policy-007"][1]
    questions = [row for row in value["rows"] if row[0] == names.index(CAPABILITY)]
    assert len(questions) == 42 * len(SUBJECTS) and value["left_out"] == 0
    assert questions[0][3] == [SUBJECTS[0]]
    assert {answer[1] for row in questions for answer in row[6] if answer} == {0.0, 1.0}
    assert "<pre></pre>" not in page and page.count("<script") == 2


def test_of_very_many_questions_those_that_changed_are_kept(data: RunData, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalgate.report.payload.MAX_QUESTIONS", 30)
    value = payload(render_html(data))
    at = [task["name"] for task in value["tasks"]].index(CAPABILITY)
    best, candidates = value["tasks"][at]["best"], value["candidates"]
    rows = [row for row in value["rows"] if row[0] == at]
    assert len(rows) == 30 and value["left_out"] == 42 * len(SUBJECTS) - 30
    assert all(any(row[6][c][1] != row[6][best][1] for c in candidates) for row in rows)


def test_capability_is_compared_with_the_base_where_it_was_asked(data: RunData) -> None:
    assert Index(data).best[CAPABILITY] == "zero-shot"
    base = less(data, scores=data.scores | {BASE: data.scores["rag"]})
    run = less(data.run, systems=data.run.systems | {BASE: data.run.systems["rag"]})
    assert Index(less(base, run=run)).best[CAPABILITY] == BASE


def test_shares_of_subjects_have_intervals(index: Index) -> None:
    cell = capability_view(index)["rows"][0]["cells"][0]
    k, n = map(int, cell["count"].split(" of "))
    low, high = (float(bound.rstrip("%")) for bound in cell["interval"].split(" to "))
    assert low < 100 * k / n < high and n == 60


def test_the_ledgers_state_is_told(data: RunData) -> None:
    assert ledger_words(data.run) == "none is kept: nothing bounds how often this held-out set decides"
    kept = less(data.run, suite=less(data.run.suite, looks=10))
    assert ledger_words(kept) == "10 looks declared, none taken by this run"
    look = Look(number=3, looks=10, alpha=0.005, bound=0.05, entry="e" * 64)
    assert ledger_words(less(kept, look=look)) == "look 3 of 10, 7 left; alpha 0.005 each, entry eeeeeeeeeeee"


def test_candidates_stand_in_every_comparison(index: Index) -> None:
    view = confusion_view(index, task_of(index, "route"))
    assert view and [c["candidate"] for c in view["changes"]] == list(CANDIDATES)
