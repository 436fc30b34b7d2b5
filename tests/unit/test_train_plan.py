"""`evalgate train --plan`: the printed plan of a model that is not there, whole, and what stops it."""

import json
from pathlib import Path

import pytest
from small_suite import rows_of, write_rows, write_suite

from evalgate.cli import run_cli
from evalgate.console.training import trained_text

LLAMA = {
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "vocab_size": 32000,
}
PLAN = Path(__file__).with_name("training_plan.txt")


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_suite(tmp_path, 40)
    monkeypatch.chdir(tmp_path)
    Path("llama.json").write_text(json.dumps(LLAMA))
    return Path("suites/desk")


def test_the_plan_of_a_model_that_is_not_there(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["train", str(suite), "--plan", "--model", "llama.json"]) == 0
    assert capsys.readouterr().out == PLAN.read_text()


def test_the_plan_as_json_has_bytes_and_seconds(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["train", str(suite), "--plan", "--model", "llama.json", "--format", "json", "--tflops", "98"]) == 0
    plan = json.loads(capsys.readouterr().out)
    [qlora] = plan["candidates"]
    assert (plan["n_parameters"], qlora["tflops"], plan["troubles"]) == (6_738_415_616, 98.0, [])
    assert qlora["seconds"] == pytest.approx(qlora["flops"] / 98e12)
    assert {term["name"] for term in qlora["memory"]["terms"]} >= {"base weights", "activations", "gradients"}
    assert [fit["method"] for fit in qlora["fits"]] == ["full", "lora", "qlora"]
    assert not (suite.parents[1] / "reports").exists()


def test_the_plan_of_two_gpus_is_that_of_each_card(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["train", str(suite), "--plan", "--model", "llama.json", "--format", "json"]
    assert run_cli(asked) == 0
    [one] = json.loads(capsys.readouterr().out)["candidates"]
    with (suite / "candidates" / "qlora.yaml").open("a") as recipe:
        recipe.write("num_gpus: 2\nmemory_gb: 24\n")
    assert run_cli(asked) == 0
    [two] = json.loads(capsys.readouterr().out)["candidates"]
    assert (two["n_gpus"], two["work"]["n_steps"]) == (2, one["work"]["n_steps"])
    assert two["work"]["n_per_step"] * 2 == one["work"]["n_per_step"]
    assert two["seconds"] == pytest.approx(two["flops"] / 2 / (430 * 1e12))
    assert run_cli(asked[:-2]) == 0
    told = capsys.readouterr().out
    assert "  steps     10 of 1 micro-batch on each of 2 GPUs; the largest: 4,096 tokens of documents" in told
    assert "of each card, of 24.0 GB that it may take (`memory_gb`)" in told
    assert " at a stated rate of 430 TFLOP/s on each of 2 GPUs\n" in told
    assert "gradient buckets 0.16 GB" in told


@pytest.mark.slow
def test_contamination_is_told_and_stops(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = rows_of("route", "train", 40)
    rows[0]["inputs"] = rows_of("route", "heldout", 40)[0]["inputs"]
    write_rows(suite / "route" / "train.jsonl", rows)
    assert run_cli(["train", str(suite), "--plan", "--model", "llama.json"]) == 3
    said = capsys.readouterr()
    assert "this training would be stopped:\n  contaminated-train: 1 training row " in said.out
    assert "error[contaminated-train]" in said.err
    assert run_cli(["train", str(suite), "--plan", "--model", "llama.json", "--drop"]) == 0
    assert capsys.readouterr().out.endswith("\nnothing stops this training\n")


@pytest.mark.parametrize(
    ("text", "what", "fix"),
    [
        (
            "{",
            "the model's configuration is not JSON: Expecting property name enclosed in double quotes: "
            "line 1 column 2 (char 1)",
            "give the config.json of a model in the Hugging Face layout",
        ),
        (
            '{"model_type": "mamba"}',
            "memory is predicted for llama, mistral, qwen2, qwen3, gemma, not for `model_type: mamba`",
            "give the config.json of such a model with `--model FILE`; others can be trained, but not planned",
        ),
    ],
)
def test_a_configuration_that_says_too_little(
    suite: Path, capsys: pytest.CaptureFixture[str], text: str, what: str, fix: str
) -> None:
    Path("llama.json").write_text(text)
    assert run_cli(["train", str(suite), "--plan", "--model", "llama.json"]) == 64
    assert capsys.readouterr().err == f"error[unknown-architecture]: {what}\n  at: llama.json\n\nhint: {fix}\n"


def test_a_model_that_is_nowhere(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["train", str(suite), "--plan", "--model", "./gone"]) == 64
    assert "error[base-model-missing]" in capsys.readouterr().err


def test_what_was_trained_is_told() -> None:
    assert trained_text({"qlora": Path("r/adapters/qlora")}, "text") == "qlora: r/adapters/qlora\n"
    assert json.loads(trained_text({"qlora": Path("r/q")}, "json")) == {"qlora": "r/q"}
    assert trained_text({}, "text") == "no candidate is trained\n"
