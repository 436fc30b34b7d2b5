"""`evalgate init`: every shape in every format becomes a suite that validates, freezes and runs."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from bring_rows import answer, asked, rows, write

from evalgate.backends.fake import FakeBackend
from evalgate.cli import run_cli
from evalgate.config import load_suite_spec
from evalgate.core.data import Example
from evalgate.plugins import metric_names
from evalgate.suite.frozen import load_suite

FLAT = ("alpaca", "prompt_completion", "preference", "classification", "json", "text")
NESTED = ("messages", "sharegpt")
PLAIN = ("jsonl", "json", "csv", "tsv")
PAIRS = [(s, f) for s in FLAT for f in PLAIN] + [(s, f) for s in NESTED for f in PLAIN[:2]]
KINDS = {"classification": "classification", "json": "extraction", "text": "qa"}
TASKS = {"classification": "classify", "extraction": "extract", "summarization": "summarize"}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def init(*arguments: str, name: str = "desk") -> int:
    return run_cli(["init", name, *arguments])


def splits_of(name: str = "desk") -> dict[str, tuple[Example, ...]]:
    folder = Path("suites") / name
    (task,) = load_suite(folder, load_suite_spec(folder, metric_names()), verify=False).tasks.values()
    return dict(task.splits)  # type: ignore[arg-type]


def check_shape(shape: str, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert init("--from", str(path)) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"recognised as {shape}: ")
    assert said.count("example ") == 3
    assert run_cli(["validate", "suites/desk"]) == 0
    assert run_cli(["freeze", "suites/desk"]) == 0
    assert run_cli(["validate", "suites/desk"]) == 0
    parts = splits_of()
    assert {split: len(items) for split, items in parts.items()} == {"train": 70, "dev": 14, "heldout": 36}
    (spec,) = load_suite_spec(Path("suites/desk")).tasks
    assert spec.kind == KINDS.get(shape, "generation")
    assert spec.name == TASKS.get(spec.kind, "answer")


@pytest.mark.parametrize(("shape", "ending"), PAIRS)
def test_every_shape_in_every_plain_format(shape: str, ending: str, capsys: pytest.CaptureFixture[str]) -> None:
    check_shape(shape, write(Path(f"rows.{ending}"), rows(shape)), capsys)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [*FLAT, *NESTED])
@pytest.mark.parametrize("name", ["rows.parquet", "saved"])
def test_every_shape_as_parquet_and_as_a_saved_dataset(
    shape: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    check_shape(shape, write(Path(name), rows(shape)), capsys)


def test_what_was_recognised_is_said_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("tickets.csv"), rows("classification"))
    assert init("--from", "tickets.csv", "--dry-run") == 0
    out = capsys.readouterr().out
    assert out.splitlines()[:12] == [
        "recognised as classification: label column label",
        "  kind: classification; inputs from: text",
        "  ids: made of each row's contents",
        "  120 rows read",
        "splits: dev and heldout drawn from 120 rows with seed 7 "
        "(stratified by label, rows that ask the same on one side)",
        "  train: 70 rows: refund 34%, account 33%, delivery 33%",
        "  dev: 14 rows: account 36%, delivery 36%, refund 29%",
        "  heldout: 36 rows: account 33%, delivery 33%, refund 33%",
        "  36 held-out rows (30% of all, no more is taken): they show gains from 22.7 points on; 742 would "
        "show a gain of 5 points with 80% power at alpha 0.05, if two systems differ on up to 30% of the answers",
        out.splitlines()[9],
        "  | Classify as one of: account, delivery, refund. Answer with the label alone.",
        "  | ",
    ]
    assert out.endswith("nothing was written (--dry-run)\n")
    assert not Path("suites").exists()


def test_a_conversation_keeps_its_turns_and_its_last_answer_is_the_reference() -> None:
    turns = [("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello"), ("user", "Bye")]
    data = [
        {"messages": [{"role": r, "content": f"{c} {i}"} for r, c in [*turns, ("assistant", "See you")]]}
        for i in range(80)
    ]
    write(Path("chats.jsonl"), data)
    assert init("--from", "chats.jsonl") == 0
    example = splits_of()["train"][0]
    number = example.references[0].rpartition(" ")[2]
    assert example.references == (f"See you {number}",)
    shown = example.inputs["conversation"]
    assert [(m.role, m.content) for m in shown] == [(r, f"{c} {number}") for r, c in turns]  # type: ignore[union-attr]


def test_preference_pairs_keep_chosen_as_the_reference_and_leave_rejected_out() -> None:
    chat = [
        {"chosen": [{"role": "user", "content": asked(i)}, {"role": "assistant", "content": answer(i)}]}
        for i in range(80)
    ]
    write(Path("pairs.jsonl"), [{**r, "rejected": r["chosen"][:1]} for r in chat])
    assert init("--from", "pairs.jsonl") == 0
    assert "rejected" not in Path("suites/desk/answer/train.jsonl").read_text()
    (example, *_) = splits_of()["train"]
    assert example.references[0].startswith("Your ")


def test_transcripts_of_humans_and_assistants_are_read_as_turns() -> None:
    text = "\n\nHuman: {}\n\nAssistant: Which one?\n\nHuman: That one.\n\nAssistant: {}"
    data = [{"chosen": text.format(asked(i), answer(i)), "rejected": "x"} for i in range(80)]
    write(Path("hh.jsonl"), data)
    assert init("--from", "hh.jsonl") == 0
    (example, *_) = splits_of()["train"]
    assert [m.role for m in example.inputs["conversation"]] == ["user", "assistant", "user"]  # type: ignore[union-attr]


def test_two_readings_are_refused_with_the_flag_that_decides(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("t.jsonl"), [{**r, "label": "ab"[i % 2]} for i, r in enumerate(rows("json"))])
    assert init("--from", "t.jsonl") == 64
    assert capsys.readouterr().err == (
        "error[unclear-shape]: the rows can be read in 2 ways:\n"
        "  --shape classification: classification: label column label\n"
        "  --shape json: json: column target holds JSON objects\n"
        "  at: t.jsonl:1\n\n"
        "hint: choose one, e.g. `--shape classification`\n"
    )
    assert init("--from", "t.jsonl", "--shape", "json") == 0
    assert init("--from", "t.jsonl", "--label-column", "label", name="routes") == 0


def test_of_two_columns_of_turns_one_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    turns = [[{"from": "human", "value": asked(i)}, {"from": "gpt", "value": answer(i)}] for i in range(80)]
    write(Path("t.jsonl"), [{"conversations": t, "messages": t[:1] + t} for t in turns])
    assert init("--from", "t.jsonl") == 64
    assert capsys.readouterr().err == (
        "error[unclear-shape]: the rows can be read in 2 ways:\n"
        "  --text-columns messages: sharegpt: column messages holds turns with from, value\n"
        "  --text-columns conversations: sharegpt: column conversations holds turns with from, value\n"
        "  at: t.jsonl:1\n\n"
        "hint: choose one, e.g. `--text-columns messages`\n"
    )
    assert init("--from", "t.jsonl", "--text-columns", "conversations") == 0
    (example, *_) = splits_of()["train"]
    assert len(example.inputs["conversation"]) == 1


def test_columns_that_say_nothing_are_refused_and_flags_mend_it(capsys: pytest.CaptureFixture[str]) -> None:
    data = [{"foo": asked(i), "bar": answer(i), "baz": "x y"} for i in range(80)]
    write(Path("t.csv"), data)
    assert init("--from", "t.csv") == 64
    assert capsys.readouterr().err == (
        "error[unknown-shape]: the columns have no shape that is known\n"
        "  at: t.csv:2\n\n"
        "hint: say what they are: `--label-column C` for classes or `--answer-column C` for texts and JSON, "
        "with `--text-columns A,B`; the columns are: foo, bar, baz\n"
    )
    assert init("--from", "t.csv", "--answer-column", "bar") == 64
    assert capsys.readouterr().err == (
        "error[unclear-input]: which columns are the input is not clear: could be foo, baz\n"
        "  at: t.csv:2\n\n"
        "hint: name them: `--text-columns A,B`; the columns are: foo, bar, baz\n"
    )
    assert init("--from", "t.csv", "--answer-column", "bar", "--text-columns", "foo") == 0
    assert init("--from", "t.csv", "--answer-column", "bat", name="b") == 64
    assert capsys.readouterr().err == (
        "error[unknown-column]: there is no column 'bat'\n"
        "  at: t.csv:2\n\nhint: correct --answer-column; the columns are: foo, bar, baz\n"
    )


def test_columns_with_names_that_templates_cannot_use_get_others() -> None:
    data = [{"Customer text": asked(i), "items": f"item {i}", "labels": "ab"[i % 2]} for i in range(80)]
    write(Path("t.csv"), data)
    assert init("--from", "t.csv", "--label-column", "labels", "--text-columns", "Customer text,items") == 0
    assert set(splits_of()["dev"][0].inputs) == {"customer_text", "items_text"}
    assert "Customer: {{ customer_text }}" in Path("baselines/desk/zero_shot.j2").read_text()


def test_nothing_is_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("t.jsonl"), rows("text"))
    assert init("--from", "t.jsonl") == 0
    before = Path("suites/desk/suite.yaml").read_bytes()
    capsys.readouterr()
    assert init("--from", "t.jsonl") == 64
    assert capsys.readouterr().err == (
        "error[suite-exists]: 'suites/desk' is already there, and nothing is overwritten\n"
        "  at: suites/desk\n\n"
        "hint: choose another name or another folder with `-o`, or move the old one away\n"
    )
    assert Path("suites/desk/suite.yaml").read_bytes() == before


@pytest.mark.parametrize("said", ["prompt_completion", "prompt-completion"])
def test_a_shape_may_be_said_with_either_dash(said: str) -> None:
    write(Path("t.jsonl"), rows("prompt_completion"))
    assert init("--from", "t.jsonl", "--shape", said) == 0


@pytest.mark.parametrize(("kind", "task"), [("classification", "classify"), ("extraction", "extract")])
def test_chats_may_teach_labels_and_json(kind: str, task: str) -> None:
    said = {"classification": ("yes", "no"), "extraction": ('{"a": 1}', '{"a": 2}')}[kind]
    chats = [[{"role": "user", "content": asked(i)}, {"role": "assistant", "content": said[i % 2]}] for i in range(90)]
    write(Path("t.jsonl"), [{"messages": chat} for chat in chats])
    assert init("--from", "t.jsonl", "--kind", kind) == 0
    example = splits_of()["dev"][0]
    assert (example.label or example.references[0]) in said
    assert Path(f"suites/desk/{task}/heldout.jsonl").exists()


@pytest.mark.parametrize("arguments", [["Desk"], ["../x"], ["ok", "--task", "latency"], ["ok", "--task", "a-b"]])
def test_a_name_must_be_one(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("t.jsonl"), rows("text"))
    assert run_cli(["init", *arguments, "--from", "t.jsonl"]) == 64
    what = "a task" if "--task" in arguments else "a suite"
    assert capsys.readouterr().err == (
        f"error[bad-name]: '{arguments[-1]}' cannot be the name of {what}\n\n"
        "hint: use lower-case letters, digits and '_', beginning with a letter\n"
    )


def test_a_failure_takes_back_what_was_written(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("t.jsonl"), rows("text"))
    Path("baselines").write_text("a file where a folder should be")
    assert init("--from", "t.jsonl") == 3
    assert capsys.readouterr().err == (
        f"error[not-writable]: cannot write: Not a directory\n  at: {Path.cwd() / 'baselines' / 'desk'}\n\n"
        "hint: choose another folder with `-o FOLDER`\n"
    )
    assert not Path("suites/desk").exists()


def test_references_of_other_scripts_are_not_ranked_by_rouge() -> None:
    write(Path("t.jsonl"), [{"prompt": f"вопрос {i}", "completion": f"ответ номер {i}"} for i in range(80)])
    assert init("--from", "t.jsonl") == 0
    assert load_suite_spec(Path("suites/desk")).gates[0].metric == "answer.token_f1"


def test_the_written_yaml_survives_odd_names() -> None:
    odd = Path("a\nb: [\x07 é.jsonl")
    write(odd, rows("text"))
    assert init("--from", str(odd)) == 0
    assert run_cli(["validate", "suites/desk"]) == 0


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["classification", "messages"])
def test_a_made_suite_runs(shape: str, tmp_path: Path) -> None:
    from test_job_e2e_fake import run

    model = tmp_path / "tiny"
    model.mkdir()
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"no weights")
    write(Path("t.jsonl"), rows(shape))
    assert init("--from", "t.jsonl", "--model", "tiny") == 0
    assert run_cli(["freeze", "suites/desk"]) == 0
    suite = (tmp_path / "suites" / "desk").absolute()
    backend = FakeBackend(lambda prompt: "refund")
    decision: Any = run(suite, backend, limit=None)
    assert decision.outcome == "keep_baseline"
    assert len(backend.asked) == 2 * 36
    prompts = [prompt for _, prompt in backend.asked]
    assert all(prompt.rstrip().endswith(("Label:", "Assistant:")) for prompt in prompts)
    assert any(prompt.count("brandel") > 1 for prompt in prompts), "few-shot prompts show examples"


def test_the_same_rows_in_another_order_make_the_same_suite() -> None:
    data = rows("classification")
    write(Path("a.jsonl"), data)
    random.Random(1).shuffle(data)
    write(Path("b.csv"), data)
    assert init("--from", "a.jsonl", name="a") == 0
    assert init("--from", "b.csv", name="b") == 0
    for split in ("train", "dev", "heldout"):
        one, other = (Path(f"suites/{name}/classify/{split}.jsonl").read_bytes() for name in "ab")
        assert one == other


def test_json_answers_get_a_schema_that_they_keep(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("t.jsonl"), rows("json"))
    assert init("--from", "t.jsonl") == 0
    out = capsys.readouterr().out
    assert "schema: inferred from 120 answers (3 keys): tighten it by hand" in out
    schema = json.loads(Path("suites/desk/extract/schema.json").read_text())
    assert schema["properties"]["number"] == {"type": "integer"}
    assert schema["properties"]["urgent"] == {"type": "boolean"}
    assert schema["properties"]["thing"]["enum"] == sorted({r["target"]["thing"] for r in rows("json")})
    assert '"required": ["thing", "number", "urgent"]' in out, "the prompt shows the schema as JSON"
    assert schema["required"] == ["thing", "number", "urgent"]
