"""`evalgate compare`: every kind of recording gives the same verdict; what cannot be paired is refused."""

import csv
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_suite import run, write_ledger_suite
from small_suite import write_rows

from evalgate.cli import run_cli
from evalgate.comparing.judging import compare_recordings
from evalgate.comparing.pairing import choose_metric
from evalgate.comparing.sides import Asked, Item, Side
from evalgate.core.errors import EvalgateError
from evalgate.core.results import Decision, Verdict
from evalgate.gates.compare import compare
from evalgate.store import load_run

N = 60
OLD = {i: float(i % 2) for i in range(N)}
NEW: dict[int, float | None] = {i: 1.0 if i < 45 else float(i % 2) for i in range(N)}
# The candidate's file lacks item 3, and item 4 could not be scored.
LOST, BROKEN = 3, 4
Scores = dict[int, float | None]


def as_csv(path: Path, scores: Scores) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "input", "correct", "output"])
        writer.writerows([i, f"question {i}", "" if v is None else v, "said"] for i, v in scores.items())


def as_jsonl(path: Path, scores: Scores) -> None:
    write_rows(path, [{"id": str(i), "input": f"question {i}", "scores": {"correct": v}} for i, v in scores.items()])


def as_lm_eval(path: Path, scores: Scores) -> None:
    rows: list[dict[str, object]] = [
        {
            "doc_id": i, "doc": {"question": f"question {i}"}, "target": "x", "resps": [["said"]],
            "filtered_resps": ["said"], "filter": name, "metrics": ["exact_match"], "doc_hash": f"hash {i}",
            "prompt_hash": "p", "target_hash": "t",
            "exact_match": None if v is None else v if name == "strict" else 1.0,
        }
        for name in ("strict", "loose") for i, v in scores.items()
    ]  # fmt: skip
    write_rows(path, rows)


def as_inspect(path: Path, scores: Scores) -> None:
    with zipfile.ZipFile(path, "w") as log:
        log.writestr("header.json", json.dumps({"version": 2, "eval": {"model": f"{path.stem}/model"}}))
        for i, value in scores.items():
            sample: dict[str, Any] = {"id": i, "epoch": 1, "input": f"question {i}", "target": "x"}
            sample["output"] = {"choices": [{"message": {"role": "assistant", "content": "said"}}]}
            sample["scores"] = {"match": {"value": "C" if value else "I", "answer": "said"}}
            if value is None:
                sample |= {"error": {"message": "timeout"}}
            log.writestr(f"samples/{i}_epoch_1.json", json.dumps(sample))


def as_promptfoo(path: Path, scores: Scores) -> None:
    results = [
        {
            "promptIdx": 0, "testIdx": i, "provider": {"id": "echo", "label": "echo"}, "vars": {"q": f"question {i}"},
            "response": {"output": "said"}, "success": value == 1.0, "score": value or 0.0, "namedScores": {},
            "failureReason": 2 if value is None else int(value == 0.0), "error": "no answer" if value is None else None,
        }
        for i, value in scores.items()
    ]  # fmt: skip
    path.write_text(json.dumps({"evalId": "e", "results": {"version": 3, "results": results, "prompts": []}}))


def as_parquet(path: Path, scores: Scores) -> None:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({"doc_id": [*scores], "correct": [*scores.values()]})
    pyarrow.parquet.write_table(table, path)


def as_own(path: Path, scores: Scores) -> None:
    rows: list[dict[str, object]] = []
    for i, v in scores.items():
        of = {"example_id": f"e-{i}", "system": "s", "task": "t"}
        rows.append(of | {"metric": "macro_f1", "parts": [0.0, 1.0]})
        done = {"status": "unscored", "parts": []} if v is None else {"status": "scored", "parts": [v]}
        rows.append(of | {"metric": "accuracy", **done})
    write_rows(path, rows)


KINDS: list[tuple[str, Callable[[Path, Scores], None], dict[str, Any]]] = [
    (".csv", as_csv, {}),
    (".jsonl", as_jsonl, {}),
    (".jsonl", as_lm_eval, {"filter": "strict"}),
    (".eval", as_inspect, {}),
    (".json", as_promptfoo, {}),
    (".parquet", as_parquet, {}),
    (".jsonl", as_own, {}),
]


def write_pair(folder: Path, suffix: str, write: Callable[[Path, Scores], None]) -> Asked:
    new = {i: None if i == BROKEN else v for i, v in NEW.items() if i != LOST}
    write(folder / f"old{suffix}", dict(OLD))
    write(folder / f"new{suffix}", new)
    return Asked(a=folder / f"old{suffix}", b=folder / f"new{suffix}")


def judged(asked: Asked) -> Verdict:
    return decided(asked).verdicts[0]


def decided(asked: Asked) -> Decision:
    decision = compare_recordings(asked).decision
    assert decision is not None
    return decision


def fault(asked: Asked) -> str:
    with pytest.raises(EvalgateError) as caught:
        compare_recordings(asked)
    return str(caught.value)


@pytest.mark.parametrize(("suffix", "write", "more"), KINDS, ids=[write.__name__ for _, write, _ in KINDS])
def test_every_kind_of_recording_is_judged_as_the_same_scores_are(
    tmp_path: Path, suffix: str, write: Callable[[Path, Scores], None], more: dict[str, Any]
) -> None:
    asked = replace(write_pair(tmp_path, suffix, write), min_gain=0.05, **more)
    new = {str(i): None if i in (LOST, BROKEN) else v for i, v in NEW.items()}
    wanted = compare(new, {str(i): v for i, v in OLD.items()}, min_gain=0.05)
    found = judged(asked)
    assert (found.outcome, found.p_pass, found.p_fail) == (wanted.outcome, wanted.p_pass, wanted.p_fail)
    assert found.outcome == "pass"
    assert wanted.estimate is not None
    assert found.estimate == wanted.estimate


def test_what_is_missing_is_reported_and_counts_against_the_candidate(tmp_path: Path) -> None:
    asked = write_pair(tmp_path, ".csv", as_csv)
    decision = decided(asked)
    assert decision.reason.endswith(
        " 2 examples lack a score and were counted as the worst case for the candidate."
        " new lacks 1 of 60 items that old has (first: '3'). new has no score for 1 of 60 items (first: '4')."
    )
    assert [(f.code, f.system, f.hard) for f in decision.findings] == [
        ("item-missing", "new", False),
        ("item-unscored", "new", False),
    ]
    # Whoever lacks an item, the candidate bears it.
    back = decided(replace(asked, a=asked.b, b=asked.a, rule="not_worse", margin=0.1)).verdicts[0]
    full = compare({str(i): v for i, v in OLD.items()}, {str(i): 1.0 if i in (3, 4) else v for i, v in NEW.items()},
                   rule="not_worse", margin=0.1)  # fmt: skip
    assert back.p_pass == full.p_pass


@pytest.mark.slow
def test_systems_of_runs_are_compared_by_task(tmp_path: Path) -> None:
    folder = write_ledger_suite(tmp_path)
    run(folder)
    made = tmp_path / "run"
    asked = Asked(a=made, b=made, task="route", system_a="zero_shot", min_gain=0.2)
    decision = decided(asked)
    mine = next(v for v in load_run(made).decision.verdicts if v.gate == "routing")  # type: ignore[union-attr]
    found = decision.verdicts[0]
    # The gate is judged at the level of one of two looks, and the comparison at its own.
    assert (found.candidate, found.gate, found.n) == ("good", "accuracy", mine.n)
    assert found.p_pass == mine.p_pass
    assert decision.bound == (
        "desk keeps a ledger of looks; a comparison is no look, so its bound does not hold for what is decided by "
        "this. Release by `evalgate gate`."
    )
    assert fault(replace(asked, task=None)) == (
        f"error[choose-task]: {made} has scores of 5 tasks: summarize, route, extract, policy_qa, redteam\n"
        f"  at: {made}\n\nhint: name one of them with `--task NAME`"
    )
    assert "has no scores of a task 'x': summarize" in fault(replace(asked, task="x"))
    # A run is compared with what another tool scored, too.
    rows = [{"id": e.id, "accuracy": 0} for e in load_run(made).examples["route"]]
    write_rows(tmp_path / "other.jsonl", rows)  # type: ignore[arg-type]
    assert decided(replace(asked, a=tmp_path / "other.jsonl", system_a=None)).outcome == "ship"


def test_scores_that_are_counted_otherwise_are_not_compared() -> None:
    item = Item(id="1", values={"accuracy": 1.0}, where="here")
    a = Side(name="a", path=Path("a"), digest="", items=(item,), signatures={"accuracy": "accuracy|v1"})
    with pytest.raises(EvalgateError) as caught:
        choose_metric(a, replace(a, signatures={"accuracy": "accuracy|v2"}), Asked(a=a.path, b=a.path))
    assert str(caught.value) == (
        "error[metric-differs]: 'accuracy' is counted otherwise in B: 'accuracy|v1' in A, 'accuracy|v2' in B\n"
        "  at: a\n\n"
        "hint: score both with one version: `evalgate run` again with the folder of the older one scores it anew"
    )
    assert choose_metric(a, replace(a, signatures={}), Asked(a=a.path, b=a.path)) == "accuracy"


def test_too_many_missing_items_decide_nothing(tmp_path: Path) -> None:
    asked = write_pair(tmp_path, ".csv", as_csv)
    verdict = judged(replace(asked, max_missing=0.01))
    assert verdict.outcome == "inconclusive"
    assert verdict.reason.startswith("2 of 60 examples of new could not be scored (3.3%; allowed 1%)")


def test_less_may_be_better_and_a_score_may_have_any_range(tmp_path: Path) -> None:
    as_jsonl(tmp_path / "a.jsonl", {i: 5 - 4 * v for i, v in OLD.items()})
    as_jsonl(tmp_path / "b.jsonl", {i: 5 - 4 * (v or 0) for i, v in NEW.items()})
    asked = Asked(a=tmp_path / "a.jsonl", b=tmp_path / "b.jsonl", metric="scores.correct", scale=(1.0, 5.0))
    plain = compare({str(i): v for i, v in NEW.items()}, {str(i): v for i, v in OLD.items()})
    assert judged(replace(asked, lower_is_better=True)).p_pass == plain.p_pass
    assert judged(replace(asked, scale=(5.0, 1.0))).p_pass == plain.p_pass
    data = compare_recordings(replace(asked, lower_is_better=True))
    assert data.run.suite.description.endswith(
        "by scores.correct, of which 5 counts as 0% and 1 as 100%; items are paired by id."
    )
    assert fault(replace(asked, scale=None)) == (
        "error[scores-out-of-range]: the score 'scores.correct' must lie between 0 and 1, found 5\n"
        f"  at: {tmp_path}/a.jsonl:1\n\n"
        "hint: say what its worst and its best value are, e.g. `--range 1,5`, or choose another with `--metric`"
    )
    assert fault(replace(asked, scale=(1.0, 1.0))) == (
        "error[bad-setting]: the range 1,1 has no worst and best value\n\n"
        "hint: give two different numbers: `--range 1,5`"
    )


@settings(max_examples=25, deadline=None)
@given(scores=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=20, max_size=30), seed=st.randoms())
def test_the_order_of_rows_and_the_direction_of_a_score_do_not_matter(
    tmp_path_factory: pytest.TempPathFactory, scores: list[tuple[float, float]], seed: Any
) -> None:
    folder = tmp_path_factory.mktemp("law")
    rows = [{"id": i, "f1": round(x, 6)} for i, (x, _) in enumerate(scores)]
    others = [{"id": i, "f1": round(y, 6)} for i, (_, y) in enumerate(scores)]
    write_rows(folder / "a.jsonl", rows)  # type: ignore[arg-type]
    write_rows(folder / "b.jsonl", others)  # type: ignore[arg-type]
    asked = Asked(a=folder / "a.jsonl", b=folder / "b.jsonl")
    verdict = judged(asked)
    seed.shuffle(others)
    write_rows(folder / "b.jsonl", [{"id": row["id"], "f1": 1 - row["f1"]} for row in others])
    write_rows(folder / "a.jsonl", [{"id": row["id"], "f1": 1 - row["f1"]} for row in rows])
    turned = judged(replace(asked, lower_is_better=True))
    assert turned.outcome == verdict.outcome
    assert turned.p_pass == pytest.approx(verdict.p_pass, abs=1e-6)


def test_items_are_paired_by_what_they_ask(tmp_path: Path) -> None:
    as_csv(tmp_path / "a.csv", dict(OLD))
    rows = [{"id": N - i, "input": f"question {i}", "correct": v} for i, v in NEW.items()]
    write_rows(tmp_path / "b.jsonl", rows)  # type: ignore[arg-type]
    asked = Asked(a=tmp_path / "a.csv", b=tmp_path / "b.jsonl")
    assert fault(asked) == (
        "error[items-differ]: 58 of 59 items with one id ask different things in A and B (first: '1')\n"
        f"  at: {tmp_path}/b.jsonl:60\n\n"
        "hint: compare recordings of the same data, or pair by what items ask with `--id hash`"
    )
    assert judged(replace(asked, id="hash")).p_pass == compare(
        {str(i): v for i, v in NEW.items()}, {str(i): v for i, v in OLD.items()}
    ).p_pass  # fmt: skip


def test_epochs_are_repeats_and_clusters_are_read(tmp_path: Path) -> None:
    for name, shift in (("a", 0), ("b", 1)):
        with zipfile.ZipFile(tmp_path / f"{name}.eval", "w") as log:
            for i in range(40):
                for epoch in (1, 2):
                    value = {"part": "P" if (i + epoch + shift) % 3 else "C", "text": "words"}
                    sample = {"id": i, "epoch": epoch, "metadata": {"page": i // 4}, "scores": {"m": {"value": value}}}
                    log.writestr(f"samples/{i}_epoch_{epoch}.json", json.dumps(sample))
    asked = Asked(a=tmp_path / "a.eval", b=tmp_path / "b.eval", cluster="metadata.page")
    verdict = judged(asked)
    assert verdict.estimate is not None
    assert (verdict.n, verdict.estimate.n_clusters) == (40, 10)


def test_promptfoo_with_several_providers_needs_a_choice(tmp_path: Path) -> None:
    as_promptfoo(tmp_path / "one.json", dict(OLD))
    value = json.loads((tmp_path / "one.json").read_text())
    rows = value["results"]["results"]
    better = [row | {"provider": {"id": "new"}, "score": NEW[row["testIdx"]], "failureReason": 0} for row in rows]
    value["results"]["results"] = [*rows, *better]
    (tmp_path / "two.json").write_text(json.dumps(value))
    asked = Asked(a=tmp_path / "two.json", b=tmp_path / "two.json", system_a="echo", min_gain=0.05)
    assert fault(asked) == (
        f"error[choose-system]: {tmp_path}/two.json holds 2 systems: echo, new\n"
        f"  at: {tmp_path}/two.json\n\n"
        "hint: name one of them with `--system-b NAME`"
    )
    assert "holds no system 'x': echo, new" in fault(replace(asked, system_b="x"))
    found = judged(replace(asked, system_b="new"))
    assert (found.baseline, found.candidate, found.outcome) == ("echo", "new", "pass")
    # Another prompt of the same provider is another system.
    value["results"]["results"] = [*rows, *({**row, "promptIdx": 1} for row in rows)]
    (tmp_path / "two.json").write_text(json.dumps(value))
    assert "holds 2 systems: echo#0, echo#1" in fault(replace(asked, system_a=None))


def test_the_recorded_command_is_one_that_a_shell_understands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = write_pair(tmp_path, ".csv", as_csv)
    monkeypatch.setattr("sys.argv", ["/bin/evalgate", "compare", "my runs/old.csv", "new.csv", "--id", "it's"])
    command = compare_recordings(asked).run.command
    assert command == """evalgate compare 'my runs/old.csv' new.csv --id 'it'"'"'s'"""


def test_equal_names_are_told_apart(tmp_path: Path) -> None:
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        as_csv(tmp_path / folder / "s.csv", dict(OLD))
    asked = Asked(a=tmp_path / "x" / "s.csv", b=tmp_path / "y" / "s.csv")
    assert compare_recordings(asked).run.candidates == ("y/s",)
    assert compare_recordings(replace(asked, b=asked.a)).run.candidates == ("s (B)",)
    pair = write_pair(tmp_path / "x", ".eval", as_inspect)
    assert compare_recordings(pair).run.candidates == ("new/model",)
    pair = replace(write_pair(tmp_path / "y", ".jsonl", as_lm_eval), filter="strict")
    assert compare_recordings(pair).run.candidates == ("y (B)",)


def test_what_cannot_be_compared_is_refused_with_its_fix(tmp_path: Path) -> None:
    as_csv(tmp_path / "a.csv", dict(OLD))
    (tmp_path / "b.csv").write_text("name,correct\nx,1\n")
    asked = Asked(a=tmp_path / "a.csv", b=tmp_path / "b.csv")
    assert fault(asked) == (
        f"error[bad-recording]: the row has no id; it has: correct, name\n  at: {tmp_path}/b.csv:2\n\n"
        "hint: name the column of the ids with `--id COLUMN`"
    )
    assert fault(replace(asked, a=asked.b, id="name", b=tmp_path / "a.csv")).startswith(
        "error[bad-recording]: there is no 'name'; the row has: correct, id, input, output"
    )
    (tmp_path / "b.csv").write_text("id,correct\nx,1\ny,0\n")
    assert fault(asked) == (
        f"error[no-shared-items]: {tmp_path}/b.csv has none of the 60 items of {tmp_path}/a.csv "
        f"(ids such as '0' there, 'x' here)\n  at: {tmp_path}/b.csv\n\n"
        "hint: name the column of the ids with `--id COLUMN`, or pair by what items ask with `--id hash`"
    )
    (tmp_path / "b.csv").write_text("id,points\n1,7\n2,5\n")
    assert fault(asked) == (
        f"error[no-shared-score]: {tmp_path}/a.csv and {tmp_path}/b.csv share no score from 0 to 1 that all their "
        f"items have\n  at: {tmp_path}/b.csv\n\n"
        "hint: give recordings with a number for each item (`--metric NAME`; `--range WORST,BEST`)"
    )
    assert fault(replace(asked, metric="correct")) == (
        f"error[no-shared-score]: {tmp_path}/b.csv has no number 'correct'\n  at: {tmp_path}/b.csv\n\n"
        "hint: name one of: points (`--metric NAME`; `--range WORST,BEST`)"
    )
    (tmp_path / "b.csv").write_text("id,correct\n1,1\n1,0\n")
    assert fault(asked) == (
        f"error[duplicate-id]: the id '1' stands twice, first at line 2\n  at: {tmp_path}/b.csv:3\n\n"
        "hint: keep one row for each item, or number repeated answers in a column `repeat`"
    )
    kinds = "the folder of a run, or a file of: .jsonl, .csv, .parquet, .json (promptfoo, Inspect, a list), .eval"
    assert fault(replace(asked, b=tmp_path)) == (
        f"error[not-a-recording]: {tmp_path} is a folder, but not of a run\n  at: {tmp_path}\n\nhint: give {kinds}"
    )
    for name, text, why in (("c.json", "{}", "is JSON of no known kind"), ("c.txt", "", "is of no known kind")):
        (tmp_path / name).write_text(text)
        assert f"{tmp_path}/{name} {why}\n" in fault(replace(asked, b=tmp_path / name))
    assert "cannot be read: No such file or directory" in fault(replace(asked, b=tmp_path / "none.csv"))


def test_lm_eval_files_of_several_filters_need_a_choice(tmp_path: Path) -> None:
    asked = write_pair(tmp_path, ".jsonl", as_lm_eval)
    assert fault(asked) == (
        "error[bad-recording]: the file holds the scores of several filters: loose, strict\n"
        f"  at: {tmp_path}/old.jsonl:61\n\nhint: choose one: `--filter loose`"
    )
    assert "no line has the filter 'x'; there are: loose, strict" in fault(replace(asked, filter="x"))


def test_the_command_writes_all_reports_and_exits_as_a_gate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    asked = write_pair(tmp_path, ".csv", as_csv)
    files = [tmp_path / f"r{suffix}" for suffix in (".html", ".md", ".json", ".xml")]
    pair = [str(asked.a), str(asked.b)]
    assert run_cli(["compare", *pair, "--min_gain", "0.05", *(x for f in files for x in ("-o", str(f)))]) == 0
    assert "\ndecision: SHIP new: new passes its required gate (correct)." in capsys.readouterr().out
    html, markdown, decision, junit = (file.read_text() for file in files)
    assert "<h1" in html
    assert "| correct | better than every baseline; 5 points are worth shipping |" in markdown
    assert json.loads(decision)["ship"] == "new"
    assert 'tests="1" failures="0"' in junit
    assert run_cli(["compare", pair[1], pair[0], "--min-gain", "0.05", "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["outcome"] == "keep_baseline"
    assert run_cli(["compare", *pair, "--rule", "not_worse", "--max-missing", "0"]) == 2
    assert run_cli(["compare", *pair, "-o", "r.pdf"]) == 64
    assert capsys.readouterr().err == (
        "error[bad-usage]: 'r.pdf' is of no known kind\n\nhint: end the file's name with .html, .md, .json or .xml\n"
    )
    assert run_cli(["compare", *pair, "--range", "high"]) == 64
    assert "'high' is not two numbers, e.g. 1,5" in capsys.readouterr().err
