"""Systems that answered elsewhere: files of all kinds, and whole runs without a model."""

import json
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_suite import write_rows, write_suite

from evalgate.backends.recorded_files import read_recorded
from evalgate.config import load_project, load_suite_spec
from evalgate.core.data import RecordedFile
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.planning import refuse_hopeless
from evalgate.suite.frozen import freeze

KNOWN = {"1", "2", "3"}
WANTED = {"1": "a, b", "2": 'say "ü"\nagain', "3": None}


def read(path: Path, **keys: Any) -> dict[str, str | None]:
    rows, _ = read_recorded(RecordedFile(path=str(path), **keys), KNOWN, "qa")
    return {name: row.output for name, row in rows.items()}


def jsonl(path: Path) -> None:
    write_rows(path, [{"id": int(i), "output": text, "more": 1} for i, text in WANTED.items()])


def predictions(path: Path) -> None:
    write_rows(path, [{"example_id": i, "output": text, "status": "ok"} for i, text in WANTED.items()])


def lm_eval(path: Path) -> None:
    rows = [
        {"doc_id": int(i), "doc": {"q": "?"}, "target": "x", "resps": [["raw"]], "filtered_resps": [text], "filter": f}
        for i, text in WANTED.items()
        for f in ("none",)
    ]
    write_rows(path, rows)  # type: ignore[arg-type]


def parquet(path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({"id": list(WANTED), "output": list(WANTED.values())})
    pyarrow.parquet.write_table(table, path)


def inspect(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as log:
        log.writestr("header.json", json.dumps({"version": 2}))
        log.writestr("summaries.json", "[]")
        for i, text in WANTED.items():
            content: object = text if i == "1" else [{"type": "text", "text": text}]
            choice = {"message": {"role": "assistant", "content": content}, "stop_reason": "stop"}
            sample = {"id": int(i), "epoch": 1, "output": {"model": "m", "choices": [choice]}}
            if text is None:
                sample |= {"output": {"model": "m", "choices": []}, "error": {"message": "timeout"}}
            log.writestr(f"samples/{i}_epoch_1.json", json.dumps(sample))


def inspect_zstd(path: Path) -> None:
    """The log as Inspect packs it: every member is a Zstandard frame, which `zipfile` can store but not make."""
    import pyarrow

    plain = path.with_suffix(".zip")
    inspect(plain)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as log:
        texts = {name: old.read(name) for name in old.namelist()}
        for name, text in texts.items():
            log.writestr(name, pyarrow.Codec("zstd").compress(text, asbytes=True))
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as log:
        entries, central = log.infolist(), log.start_dir
    for entry in entries:
        text = texts[entry.filename]
        size = struct.pack("<II", entry.compress_size, len(text))
        for start, shift in ((entry.header_offset, 0), (central, 2)):
            data[start + 8 + shift : start + 10 + shift] = struct.pack("<H", 93)
            data[start + 14 + shift : start + 26 + shift] = struct.pack("<I", zlib.crc32(text)) + size
        central += 46 + len(entry.filename) + len(entry.extra) + len(entry.comment)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.jsonl", jsonl),
        ("p.jsonl", predictions),
        ("samples_qa.jsonl", lm_eval),
        ("a.parquet", parquet),
        ("a.eval", inspect),
        ("z.eval", inspect_zstd),
    ],
)
def test_every_kind_of_file_gives_the_same_answers(tmp_path: Path, name: str, write: Callable[[Path], None]) -> None:
    write(tmp_path / name)
    assert read(tmp_path / name) == WANTED


def test_csv_and_columns_of_other_names(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('\ufeffkey,said\r\n1,"a, b"\r\n2,"say ""ü""\nagain"\r\n3,\r\n')
    assert read(path, id="key", output="said") == WANTED | {"3": ""}
    write_rows(tmp_path / "b.jsonl", [{"meta": {"id": "1"}, "answer": {"order": "ü"}}])
    assert read(tmp_path / "b.jsonl", id="meta.id", output="answer") == {"1": '{"order": "ü"}'}


def test_lm_eval_filters_are_chosen_by_name(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    rows = [{"doc_id": 0, "doc": {"id": "1"}, "filtered_resps": [f], "filter": f} for f in ("strict", "loose")]
    write_rows(path, rows)  # type: ignore[arg-type]
    assert read(path, filter="loose") == {"1": "loose"}
    assert fault(path).what == "the file holds the answers of several filters: loose, strict"
    assert fault(path, filter="x").what == "no line has the filter 'x'; there are: loose, strict"


def fault(path: Path, **keys: Any) -> EvalgateError:
    with pytest.raises(EvalgateError) as caught:
        read(path, **keys)
    return caught.value


def test_unknown_and_doubled_ids_are_refused_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "1", "output": "a"}\n\n{"id": "9", "output": "b"}\n')
    assert str(fault(path)) == (
        f"error[unknown-id]: the held-out set of task 'qa' has no example '9'\n  at: {path}:3\n\n"
        "hint: take the row out, or give the ids of the held-out set, such as '1'"
    )
    path.write_text('{"id": "1", "output": "a"}\n{"id": 1, "output": "b"}\n')
    assert str(fault(path)) == (
        f"error[duplicate-id]: the id '1' stands twice, first at 1\n  at: {path}:2\n\n"
        "hint: keep one answer for each example"
    )


@pytest.mark.parametrize(
    ("name", "data", "what", "line"),
    [
        ("a.jsonl", b'{"id": "1", "text": "a"}', "there is no 'output'; the row has: id, text", ":1"),
        ("a.jsonl", b'{"output": "a"}', "there is no 'id'; the row has: output", ":1"),
        ("a.jsonl", b'{"id": true, "output": "a"}', "the id must be a text or a whole number, not True", ":1"),
        ("a.jsonl", b"[1]", "line 1 is JSON, but not an object", ":1"),
        ("a.jsonl", b'{"id": "1"', "line 1 is not JSON: Expecting ',' delimiter: line 1 column 11 (char 10)", ":1"),
        ("a.jsonl", b'{"id": "\xff"}', "line 1 is not JSON: 'utf-8' codec can't decode byte 0xff in position 8", ":1"),
        ("a.jsonl", b"\n\n", "the file has no answers", ""),
        ("a.csv", b"id,output\n1,a,b\n", "line 2 has more or fewer cells than the header", ":2"),
        ("a.csv", b"id,output\n1\n", "line 2 has more or fewer cells than the header", ":2"),
        ("a.csv", b'id,output\n1,"a', "this is not CSV: unexpected end of data", ":2"),
        ("a.csv", b"id,output\n1,\xff\n", "the file is not UTF-8 text (byte 12)", ""),
        ("a.parquet", b"PAR1", "this is not Parquet: Could not open Parquet input source", ""),
        ("a.eval", b"PK", "the log cannot be read: File is not a zip file", ""),
        ("a.xlsx", b"", "'a.xlsx' is of no known kind", ""),
        (
            "a.jsonl",
            b'{"doc_id": 1, "resps": [], "filtered_resps": [[-1.5, false]]}',
            "the answer is no text: lm-eval recorded likelihoods, or several answers",
            ":1",
        ),
    ],
)
def test_a_broken_file_is_one_error_with_its_place(
    tmp_path: Path, name: str, data: bytes, what: str, line: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    error = fault(path)
    assert error.code == "bad-recording"
    assert error.what.startswith(what)
    assert error.where == f"{path}{line}"


def test_a_log_of_several_epochs_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.eval", "w") as log:
        log.writestr("samples/1_epoch_2.json", '{"id": 1, "epoch": 2}')
    assert fault(tmp_path / "a.eval").what == "the log has more than one epoch"


TASKS = ("summarize", "route", "extract", "policy_qa", "redteam")
GOOD = {"summarize": "a short summary", "route": "refund", "extract": '{"order": "A1"}', "policy_qa": "30 days"}


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """The small suite with a recorded baseline and a recorded candidate, and no model at all."""
    suite = write_suite(tmp_path, n=200)
    lines = (suite / "suite.yaml").read_text().splitlines()
    kept = [x for x in lines if not any(word in x for word in ("capability", "latency", "model:"))]
    (suite / "suite.yaml").write_text("\n".join(kept) + "\n")
    (suite / "candidates" / "qlora.yaml").unlink()
    baselines = tmp_path / "baselines" / "desk"
    for path in baselines.glob("*.yaml"):
        path.unlink()
    for folder, name in ((baselines, "old"), (suite / "candidates", "new")):
        files = "".join(f"  {task}: {name}/{task}.jsonl\n" for task in TASKS)
        (folder / f"{name}.yaml").write_text(f"kind: recorded\npredictions:\n{files}")
        for task in TASKS:
            answer = GOOD.get(task, "I cannot help with that.") if name == "new" or task != "summarize" else "nothing"
            ids = [f"{task}-heldout-{i}" for i in range(200)]
            write_rows(folder / name / f"{task}.jsonl", [{"id": i, "output": answer} for i in ids])
    freeze(suite, load_suite_spec(suite))
    return suite


RUN = """
import sys
from evalgate.cli import main
sys.argv = ["evalgate", "run", {suite!r}, "-o", {out!r}]
try:
    main()
finally:
    heavy = {{"torch", "transformers", "peft", "aiohttp", "lm_eval"}} & set(sys.modules)
    print("HEAVY", sorted(heavy))
"""


def cli_run(suite: Path) -> subprocess.CompletedProcess[str]:
    code = RUN.format(suite=str(suite), out=str(suite.parents[1] / "run"))
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.slow
def test_a_suite_of_recorded_systems_ships_without_a_model_or_torch(desk: Path) -> None:
    done = cli_run(desk)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "HEAVY []" in done.stdout
    page = (desk.parents[1] / "run" / "report.html").read_text()
    assert "Recorded: new" in page


@pytest.mark.slow
def test_missing_rows_are_unscored_and_counted(desk: Path) -> None:
    from test_job_e2e_fake import Silent

    from evalgate import pipeline
    from evalgate.core.data import RunOptions

    path = desk / "candidates" / "new" / "summarize.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[20:]) + '{"id": "summarize-heldout-0", "output": null}\n')
    out = desk.parents[1] / "run"
    decision = pipeline.run(RunOptions(suite=str(desk), output=str(out)), Silent())
    said = [finding.what for finding in decision.findings if finding.code == "answers-unscored"]
    assert said == ["20 of 200 examples of summarize could not be scored for new (19 not-recorded)"]
    assert decision.outcome == "inconclusive"


def test_a_suite_without_model_asks_for_one_where_a_prompt_needs_it(desk: Path) -> None:
    (desk.parents[1] / "baselines" / "desk" / "p.yaml").write_text(
        "kind: prompt\nprompts:\n  route: {template: zero-shot/text.j2}\n"
    )
    with pytest.raises(UsageError) as caught:
        load_project(desk)
    assert str(caught.value) == (
        f"error[no-model]: suite 'desk' names no model, which 'p' needs\n  at: {desk / 'suite.yaml'}\n\n"
        "hint: add `model:` to suite.yaml; only systems of `kind: recorded` do without"
    )


def test_latency_and_capability_of_recorded_systems_are_refused(desk: Path) -> None:
    text = (desk / "suite.yaml").read_text()
    (desk / "suite.yaml").write_text(text + "latency: {n_pairs: 20}\n")
    with pytest.raises(UsageError) as caught:
        refuse_hopeless(load_project(desk, verify=False), sizes=False)
    assert str(caught.value) == (
        "error[cannot-measure]: latency is timed in interleaved calls, but 'new' is recorded\n"
        f"  at: {desk / 'suite.yaml'}\n\n"
        "hint: take `latency:` and its gates out of suite.yaml, or 'new' out of its folder"
    )
    (desk / "suite.yaml").write_text(text + "capability: {tasks: [desk_facts], include_path: capability}\n")
    with pytest.raises(UsageError) as caught:
        refuse_hopeless(load_project(desk, verify=False), sizes=False)
    assert caught.value.what == "capability needs a model in this process, but 'new' is recorded"


def test_a_recorded_candidate_must_serve_all_tasks_from_files_that_are_there(desk: Path) -> None:
    path = desk / "candidates" / "new.yaml"
    path.write_text("kind: recorded\npredictions: {route: new/route.jsonl, rout: x.csv, extract: new/none.csv}\n")
    with pytest.raises(UsageError) as caught:
        load_project(desk)
    assert "predictions.rout: there is no such task; did you mean 'route'?" in caught.value.what
    assert f"predictions.extract: there is no file '{desk / 'candidates' / 'new' / 'none.csv'}'" in caught.value.what
    assert "missing: summarize, policy_qa, redteam" in caught.value.what
