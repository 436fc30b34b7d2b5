"""Promotion: only what ships, only while everything is as it was decided; whole or not at all, with its proof."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from promotable import FAILS, changed, fault, promoted, shipped
from recorder import Recorder

from evalgate.cli import run_cli
from evalgate.core.adapter_files import adapter_digest
from evalgate.core.results import AdapterCard, Decision, Run
from evalgate.files import read_record, write_record
from evalgate.judging import judge_run
from evalgate.manifest import recorded_files, write_digests
from evalgate.promoting.model_index import read_front_matter
from evalgate.promoting.promote import promote
from evalgate.promoting.targets import parse_target
from evalgate.store import RunFolder, load_run

TEXTS = ("message 1", "a short summary", "base says no", "30 days")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite, a run that ships `good`, and its promotion in `out`."""
    root = tmp_path_factory.mktemp("promoted")
    assert shipped(root).ship == "good"
    promoted(root)
    return root


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_gated_bytes_lie_in_the_folder_with_what_they_were_gated_with(made: Path) -> None:
    source, out = RunFolder(made / "run").adapter("good"), made / "out"
    assert (out / "adapter_model.safetensors").read_bytes() == (source / "adapter_model.safetensors").read_bytes()
    run = read_record(made / "run" / "run.json", Run, fix="")
    assert adapter_digest(out) == run.systems["good"].adapter_digest
    top = {p.name for p in out.iterdir()}
    assert top == {
        "README.md", "adapter_card.json", "adapter_config.json", "adapter_model.safetensors", "chat_template.jinja",
        "evidence", "prompts", "provenance.json", "special_tokens_map.json",
    }  # fmt: skip
    assert (out / "chat_template.jinja").read_text() == "{{ messages }}"
    assert (out / "prompts" / "route.j2").read_text() == run.systems["good"].prompts["route"].template
    shots = [json.loads(line)["id"] for line in (out / "prompts" / "route.shots.jsonl").read_text().splitlines()]
    assert tuple(shots) == run.systems["good"].prompts["route"].shots
    assert json.loads((out / "prompts" / "route.labels.json").read_text()) == ["order", "refund"]
    assert json.loads((out / "prompts" / "extract.schema.json").read_text())["required"] == ["order"]
    card = read_record(out / "adapter_card.json", AdapterCard, fix="")
    assert (card.name, card.adapter_digest) == ("good", adapter_digest(out))
    assert (out / "evidence" / "decision.json").read_bytes() == (made / "run" / "decision.json").read_bytes()


def test_no_question_and_no_answer_of_the_held_out_set_is_in_it(made: Path) -> None:
    recorded = b"".join(files(made / "run").values()).decode()
    assert all(text in recorded for text in TEXTS), "the search finds what lies there"
    shown = files(made / "out")
    found = {name for name, data in shown.items() for text in TEXTS if text.encode() in data}
    assert found == {"prompts/route.shots.jsonl"}, "training examples that the prompt shows"
    assert not any(b"heldout" in data for name, data in shown.items() if name.startswith("prompts/"))


def test_the_carried_recording_is_judged_as_the_run_is(made: Path) -> None:
    assert judge_run(load_run(made / "out" / "evidence")) == judge_run(load_run(made / "run"))


def test_the_statement_has_the_shape_of_in_toto_and_the_digest_of_every_file(made: Path) -> None:
    statement = json.loads((made / "out" / "provenance.json").read_text())
    assert list(statement) == ["_type", "subject", "predicateType", "predicate"]
    assert (statement["_type"], statement["predicateType"]) == (
        "https://in-toto.io/Statement/v1",
        "urn:evalgate:promotion:v1",
    )
    digests = {one["name"]: one["digest"]["sha256"] for one in statement["subject"]}
    found = {n: hashlib.sha256(data).hexdigest() for n, data in files(made / "out").items()}
    assert digests == {n: d for n, d in found.items() if n != "provenance.json"}
    run, decision = load_run(made / "run").run, load_run(made / "run").decision
    assert decision is not None
    told = statement["predicate"]
    assert (told["candidate"], told["decision"]["outcome"], told["run"]["id"]) == ("good", "ship", run.id)
    assert told["artefact"]["digest"] == run.systems["good"].adapter_digest
    assert (told["suite"]["digest"], told["suite"]["data_digest"]) == (run.suite_digest, run.data_digest)
    assert told["suite"]["metric_signatures"] == run.signatures
    assert set(told["suite"]["files"]) >= {"route/heldout.jsonl", "route/train.jsonl"}
    assert told["run"]["files"] == recorded_files(made / "run")
    assert told["run"]["versions"] == run.versions
    assert (told["base_model"]["digest"], told["run"]["code_commit"]) == (run.model_digest, run.code_commit)
    assert [(g["gate"], g["outcome"]) for g in told["decision"]["gates"]] == [("routing", "pass"), ("json", "pass")]
    estimate = decision.verdicts[0].estimate
    assert estimate is not None
    assert (told["decision"]["gates"][0]["value"], told["decision"]["gates"][0]["low"]) == (
        estimate.value,
        estimate.low,
    )
    assert told["signer"] is None


def test_hugging_face_reads_the_card_and_finds_the_decision_s_numbers(made: Path) -> None:
    hub = pytest.importorskip("huggingface_hub", reason="the oracle of model cards comes with the extra `run`")
    from huggingface_hub.repocard_data import eval_results_to_model_index

    text = (made / "out" / "README.md").read_text()
    data = hub.ModelCard(text).data
    own = read_front_matter(text)
    assert own is not None
    assert eval_results_to_model_index(data.model_name, data.eval_results) == own["model-index"]
    decision = load_run(made / "run").decision
    assert decision is not None
    scores = {f"{s.task}.{s.metric}": s.estimate for s in decision.scores if s.system == "good"}
    assert {r.metric_name: r.metric_value for r in data.eval_results} == {k: e.value for k, e in scores.items() if e}
    for result in data.eval_results:
        estimate = scores[result.metric_name]
        assert estimate is not None
        args = result.metric_args
        assert (args["low"], args["high"], args["n"]) == (estimate.low, estimate.high, estimate.n)
        assert args["method"] == estimate.method
        assert args["baseline"]["system"] == decision.best_baselines[result.task_name]
    assert (data.library_name, data.tags, data.get("base_model")) == ("peft", ["evalgate", "lora"], None)


def test_the_card_names_base_and_licence_where_it_can(made: Path, tmp_path: Path) -> None:
    from evalgate.promoting.model_index import front_matter

    data = load_run(made / "run")
    assert data.decision is not None
    card = msgspec.structs.replace(data.cards["good"], base_model="org/base-1b")
    told = front_matter(data.run, data.decision, card, "apache-2.0")
    assert (told["license"], told["base_model"], told["base_model_relation"]) == (
        "apache-2.0",
        "org/base-1b",
        "adapter",
    )
    whole = front_matter(data.run, data.decision, msgspec.structs.replace(card, kind="model", merge="bf16"), None)
    assert (whole["library_name"], whole["base_model_relation"], "license" in whole) == ("transformers", "merge", False)


def test_the_same_promotion_again_changes_nothing_and_another_is_refused(made: Path) -> None:
    before = files(made / "out")
    assert promoted(made).already
    assert files(made / "out") == before
    with changed(made / "out" / "README.md", lambda data: data + b"mine\n"):
        assert fault(lambda: promoted(made)) == (
            "error[promotion-exists]: there is something else at the place to promote to, and nothing is overwritten\n"
            f"  at: {made / 'out'}\n\nhint: name a new folder with `--to FOLDER`, or move the old one away"
        )
    assert promoted(made, "empty/deep").already is False
    assert "promotion-exists" in fault(lambda: promoted(made, "run"))
    assert [p.name for p in made.iterdir() if p.name.startswith(".")] == [], "no half of a folder is left"


def test_what_does_not_ship_is_refused_with_the_decision_s_exit_code(tmp_path: Path) -> None:
    assert shipped(tmp_path, answers=FAILS).outcome == "keep_baseline"
    decision = read_record(tmp_path / "run" / "decision.json", Decision, fix="")
    reason = next(v.reason for v in decision.verdicts if v.gate == "routing")
    assert fault(lambda: promoted(tmp_path)) == (
        f"error[not-shipping]: run {load_run(tmp_path / 'run').run.id} ships nothing, its decision is keep_baseline: "
        f"good on gate 'routing': fail. {reason}\n  at: {tmp_path / 'run' / 'decision.json'}\n\n"
        f"hint: read why: `evalgate report {tmp_path / 'run'}`"
    )
    command = ["promote", str(tmp_path / "run"), "--to", str(tmp_path / "out")]
    assert run_cli(command) == 1
    write_record(tmp_path / "run" / "decision.json", msgspec.structs.replace(decision, outcome="inconclusive"))
    assert run_cli(command) == 2
    assert not (tmp_path / "out").exists()


def test_every_file_that_is_not_as_it_was_decided_is_named(made: Path) -> None:
    run = made / "run"
    for name in ("scores/good/route.jsonl", "predictions/zero_shot/extract.jsonl", "decision.json", "run.json"):
        was = recorded_files(run)[name]
        with changed(run / name, lambda data: data.replace(b"0", b"1", 1).replace(b"}", b"} ", 1)):
            now = recorded_files(run)[name]
            assert fault(lambda: promoted(made, "new")) == (
                f"error[recording-changed]: 1 recorded file is not as when run {load_run(run).run.id} was decided: "
                f"{name} (expected {was[:12]}, found {now[:12]})\n  at: {run / name}\n\n"
                f"hint: restore what was recorded; if the change is right, judge it: `evalgate gate {run}`"
            )
    with changed(run / "scores" / "rag" / "policy_qa.jsonl", None):
        assert "scores/rag/policy_qa.jsonl (expected " in fault(lambda: promoted(made, "new"))
    with changed(run / "digests.json", None):
        assert fault(lambda: promoted(made, "new")) == (
            f"error[not-a-run]: there is no digests.json\n  at: {run / 'digests.json'}\n\n"
            f"hint: judge it again, which notes them: `evalgate gate {run}`"
        )
    assert not (made / "new").exists()


def test_digests_that_were_written_anew_do_not_hide_what_was_changed(made: Path) -> None:
    run, identity = made / "run", load_run(made / "run").run.id
    scores, decided = run / "scores" / "good" / "route.jsonl", run / "decision.json"
    with changed(run / "digests.json", lambda data: data):
        with changed(scores, lambda data: data.replace(b'"parts":[0.0]', b'"parts":[1.0]')):
            write_digests(run, identity)
            told = fault(lambda: promoted(made, "new"))
            first = next(row for row in map(json.loads, scores.read_text().splitlines()) if "order" in row["detail"])
            assert told == (
                "error[answers-changed]: 4 of 80 scores of good on route are not what the metrics say of its answers "
                f"(first: {first['example_id']}, accuracy)\n  at: {scores}\n\n"
                "hint: restore predictions and scores, or delete that file of scores and run again"
            )
        with changed(decided, lambda data: data.replace(b'"value": 0.9,', b'"value": 0.95,', 1)):
            write_digests(run, identity)
            assert "decision-changed]: judged again, the recording gives another decision than decision.json: " in (
                told := fault(lambda: promoted(made, "new"))
            )
            assert "recorded 0.95, now 0.9\n" in told
            assert told.endswith(
                f"  at: {decided}\n\nhint: see what holds now with `evalgate gate {run}`; a run that was gated "
                "`--against` accepted baselines is promoted with the same `--against`"
            )


def test_a_suite_that_is_no_longer_the_one_that_was_gated_is_named(made: Path, tmp_path: Path) -> None:
    suite = made / "suites" / "desk"
    with changed(suite / "route" / "heldout.jsonl", lambda data: data.replace(b"message 7", b"message x", 1)):
        told = fault(lambda: promoted(made, "new"))
        assert told.startswith("error[suite-digest-mismatch]: suite 'desk' has changed since it was frozen: ")
        assert "route/heldout.jsonl:8 (id 'route-heldout-7')" in told
    kept = {name: (suite / name).read_bytes() for name in ("suite.lock", "suite.yaml")}
    (suite / "suite.yaml").write_text(kept["suite.yaml"].decode().replace("min_gain: 0.2", "min_gain: 0.3"))
    assert run_cli(["freeze", str(suite), "--bump"]) == 0
    told = fault(lambda: promoted(made, "new"))
    for name, data in kept.items():
        (suite / name).write_bytes(data)
    run = load_run(made / "run").run
    assert told.startswith("error[suite-moved]: suite 'desk' is frozen as version 2 (")
    assert told.endswith(
        f"), and the decision was made on version 1 ({run.suite_digest[:12]})\n  at: {suite}\n\n"
        "hint: run the suite that is in force, or check out the commit that the run was made from"
    )
    moved = suite.rename(suite.with_name("elsewhere"))
    told = fault(lambda: promoted(made, "new"))
    moved.rename(suite)
    assert told.startswith("error[suite-not-there]: the suite 'desk' is not there, so answers cannot be scored again\n")


def test_weights_and_base_must_be_those_that_were_gated(made: Path) -> None:
    weights = RunFolder(made / "run").adapter("good") / "adapter_model.safetensors"
    with changed(weights, lambda data: data + b"!"):
        assert "error[artefact-changed]: the files of 'good' are not those that were gated: expected " in fault(
            lambda: promoted(made, "new")
        )
    model = made / "models" / "tiny"
    with changed(model / "chat_template.jinja", lambda data: data + b"!"):
        told = fault(lambda: promoted(made, "new"))
    digest = load_run(made / "run").cards["good"].base_digest
    assert told.startswith(f"error[base-changed]: the base model is not the one that was gated: expected {digest[:12]}")
    assert told.endswith(f"  at: {model}\n\nhint: restore its files, or run the suite again on what lies there now")
    moved = model.rename(model.with_name("away"))
    found = promoted(made, "bare")
    moved.rename(model)
    assert found.tokenizer == ()
    assert not (made / "bare" / "chat_template.jinja").exists()
    assert not (made / "new").exists()


def test_what_has_no_weights_here_cannot_be_promoted(made: Path) -> None:
    run = made / "run"
    served = (run / "run.json").read_bytes().replace(b'"kind": "tuned"', b'"kind": "api"')
    with changed(run / "digests.json", lambda data: data), changed(run / "run.json", lambda _: served):
        write_digests(run, "")
        assert fault(lambda: promoted(made, "new")) == (
            "error[no-weights]: 'good' is of `kind: api`: its weights are not here, so none can be promoted\n"
            f"  at: {run / 'run.json'}\n\nhint: promote it where it is served; the decision is in decision.json"
        )


def test_a_folder_that_does_not_verify_is_not_kept(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from evalgate.promoting import promote as module

    def late(system: object, suite: object, to: Path) -> None:
        to.mkdir()
        (to / "system.json").write_text("{}")  # as if somebody wrote into it meanwhile

    monkeypatch.setattr(module, "write_prompts", late)
    told = fault(lambda: promoted(made, "new"))
    assert told.startswith(
        "error[promotion-unsound]: the promoted folder does not pass its own verification, so it was not kept: "
        "prompts/system.json: system.json cannot be read: "
    )
    assert told.endswith(
        "\n\nhint: let nothing write to the run or the suite meanwhile, and repeat the command; if it stays, report it"
    )
    assert not (made / "new").exists()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("served/x", "folder"),
        ("/abs", "folder"),
        ("~/models/x", "folder"),
        ("hf://org/name", "hub"),
        ("hf://org/na.me-1@main", "hub"),
        ("mlflow://support bot@champion", "mlflow"),
        ("mlflow://support", "mlflow"),
    ],
)
def test_targets(text: str, kind: str) -> None:
    assert parse_target(text).kind == kind


@pytest.mark.parametrize("text", ["hf://name", "hf://a/b/c", "hf:/a/b", "mlflow://", "mlflow://a/b", "s3://b/k", " "])
def test_what_is_no_target(text: str) -> None:
    assert fault(lambda: parse_target(text)) == (
        f"error[bad-target]: '{text}' is no place to promote to\n\n"
        "hint: write a folder, `hf://OWNER/NAME[@BRANCH]` or `mlflow://MODEL_NAME[@ALIAS]`"
    )


def test_the_commands_say_what_they_did(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["promote", str(made / "run"), "--to", str(made / "said")]) == 0
    digest = load_run(made / "run").run.systems["good"].adapter_digest
    assert digest is not None
    n = len(files(made / "said"))
    assert capsys.readouterr().out == (
        f"good: {made / 'said'}\n  an adapter, digest {digest[:12]}, {n} files, 0.4 MB, not signed\n"
        "  check it with `evalgate verify`\n"
    )
    assert run_cli(["promote", str(made / "run"), "--to", str(made / "said"), "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["already"], told["candidate"], told["tokenizer"]) == (True, "good", ["chat_template.jinja"])


@pytest.mark.slow
def test_promoting_and_verifying_load_no_torch(made: Path) -> None:
    code = (
        "import sys; from evalgate.cli import run_cli\n"
        f"print(run_cli(['promote', {str(made / 'run')!r}, '--to', {str(made / 'fresh')!r}]))\n"
        f"print(run_cli(['verify', {str(made / 'fresh')!r}]))\n"
        "print(sorted({'torch', 'transformers', 'peft', 'mlflow', 'cryptography'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert (lines[-1], lines.count("0")) == ("[]", 2), done.stdout + done.stderr


def test_a_key_that_is_none_stops_before_anything_is_read(tmp_path: Path) -> None:
    pytest.importorskip("cryptography", reason="signatures need the extra `sign`")
    (tmp_path / "key").write_text("no key")
    told = fault(lambda: promote(tmp_path, str(tmp_path / "out"), Recorder(), key=tmp_path / "key"))
    assert told == (
        f"error[bad-key]: the file holds no private Ed25519 key in PEM\n  at: {tmp_path / 'key'}\n\n"
        "hint: make a pair with `evalgate keygen FILE --sign`: FILE signs, FILE.pub verifies"
    )
