"""Sweeps, stages, starting points and adapters from elsewhere, as recipes say them. No torch."""

import json
from pathlib import Path

import pytest
from small_suite import RECIPE, write_suite

from evalgate.config import load_project, load_recipes, load_suite_spec
from evalgate.config.project import chosen
from evalgate.core.data import Recipe
from evalgate.core.drafts import Preferences
from evalgate.core.errors import UsageError
from evalgate.suite.frozen import freeze
from evalgate.training.recipe import dpo_arguments, lora_arguments, quantization_arguments, recipe_digest

HEAD = "prompts_from: ../../../baselines/desk/zero_shot.yaml\n"


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_suite(tmp_path)
    monkeypatch.chdir(tmp_path)  # short, stable paths in error texts
    folder = Path("suites/desk")
    for path in (folder / "candidates").glob("*"):
        path.unlink()
    (folder / "candidates" / "pairs.jsonl").write_text('{"prompt": "a", "chosen": "b", "rejected": "c"}\n')
    return folder


def adapter(folder: Path, weights: bytes = b"weights") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA"}))
    (folder / "adapter_model.safetensors").write_bytes(weights)
    return folder


def recipes(suite: Path, **files: str) -> dict[str, Recipe]:
    for name, text in files.items():
        (suite / "candidates" / f"{name}.yaml").write_text(HEAD + text)
    return {recipe.name: recipe for recipe in load_recipes(suite / "candidates", load_suite_spec(suite))}


def fault(suite: Path, **files: str) -> str:
    with pytest.raises(UsageError) as caught:
        recipes(suite, **files)
    return str(caught.value)


def test_dora_is_lora_with_magnitudes_on_the_unquantised_base(suite: Path) -> None:
    recipe = recipes(suite, d="method: dora\n")["d"]
    assert lora_arguments(recipe) == {
        "r": 16,
        "lora_alpha": 32,
        "lora_dropout": 0.05,
        "target_modules": "all-linear",
        "bias": "none",
        "task_type": "CAUSAL_LM",
        "use_dora": True,
    }
    assert quantization_arguments(recipe, "bfloat16") is None


def test_a_sweep_is_a_candidate_for_each_combination(suite: Path) -> None:
    found = recipes(suite, q="sweep: {rank: [8, 16], learning_rate: [1.0e-4, 2e-4]}\nseeds: [1, 2]\n")
    names = [f"q.learning_rate-{lr}.rank-{r}@{s}" for lr in ("0.0001", "0.0002") for r in (8, 16) for s in (1, 2)]
    assert list(found) == names
    one = found["q.learning_rate-0.0001.rank-16@2"]
    assert (one.learning_rate, one.rank, one.seed, one.swept) == (1e-4, 16, 2, "q")
    assert one.written == "q.learning_rate-0.0001.rank-16"
    assert len({recipe.written for recipe in found.values()}) == 4, "four candidates, and four claims"


def test_a_sweep_may_be_chosen_whole_or_by_its_points(suite: Path) -> None:
    (suite / "candidates" / "q.yaml").write_text(HEAD + "sweep: {rank: [8, 16]}\n")
    freeze(suite, load_suite_spec(suite))
    project = load_project(suite)
    assert [r.name for r in chosen(project, ("q",)).recipes] == ["q.rank-8", "q.rank-16"]
    assert [r.name for r in chosen(project, ("q.rank-8",)).recipes] == ["q.rank-8"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (
            "sweep: {rank: [1, 2, 3, 4, 5], alpha: [1, 2, 3, 4]}\n",
            "sweep: has 20 points, more than 16: each is gated, and each makes it harder for all to pass, found "
            "{'rank': [1, 2, 3, 4, 5], 'alpha': [1, 2, 3, 4]}\n  at: suites/desk/candidates/r.yaml:2",
        ),
        (
            "sweep: {rank: [8]}\n",
            "sweep: `rank` must have two or more different values, found {'rank': [8]}\n"
            "  at: suites/desk/candidates/r.yaml:2",
        ),
        ("sweep: {}\n", "sweep: names no knob: e.g. `sweep: { learning_rate: [1.0e-4, 2.0e-4] }`, found {}"),
        ("sweep: {rank: [8, 16]}\nrank: 4\n", "give `rank` or a sweep of it, not both"),
        ("sweep: {rnk: [8, 16]}\n", "sweep.rnk: unknown key; did you mean 'rank'?"),
        ("adapter: there\n", "adapter: '{here}/suites/desk/candidates/there' is no adapter that can be loaded: "),
        ("adapter: there\ncheckpoints: {keep: last}\n", "nothing is trained for an `adapter`, so `checkpoints` says"),
        ("checkpoints: {keep: lst}\n", "checkpoints.keep: 'lst' is not allowed; did you mean 'last'?"),
        ("checkpoints: {patience: 0}\n", "checkpoints.patience: "),
        ("adapter: there\nrank: 4\n", "nothing is trained for an `adapter`, so `rank` says nothing: delete it"),
        ("continue_from: ./there\nrank: 4\n", "`rank` is that of the adapter to continue from: delete it"),
        ("continue_from: thre\n", "continue_from: 'thre' is no candidate to continue from"),
        ("continue_from: r\n", "continue_from: 'r' would continue from itself"),
        ("dpo: gone.jsonl\n", "dpo.data: there is no file '{here}/suites/desk/candidates/gone.jsonl'"),
        ("dpo: {data: pairs.jsonl, beta: 0}\n", "dpo.beta: input should be greater than 0"),
        ("method: ppo\n", "method: 'ppo' is not allowed"),
    ],
)
def test_what_a_recipe_cannot_mean_is_told_at_its_line(suite: Path, text: str, what: str) -> None:
    assert f"error[bad-config]: {what.format(here=Path.cwd()) if '{here}' in what else what}" in fault(suite, r=text)


def test_candidates_that_continue_each_other_in_a_ring_are_refused(suite: Path) -> None:
    assert "would continue from itself" in fault(suite, a="continue_from: b\n", b="continue_from: a\n")


def test_a_parent_stands_before_its_child_and_is_part_of_its_identity(suite: Path) -> None:
    found = recipes(suite, a="continue_from: b\n", b="epochs: 1\n")
    assert list(found) == ["b", "a"]
    assert found["a"].parent == found["b"]
    assert found["a"].lineage == (found["b"], found["a"])
    assert found["a"].outside == ""
    before = recipe_digest(found["a"])
    assert recipe_digest(recipes(suite, b="epochs: 2\n")["a"]) != before
    assert recipe_digest(recipes(suite, b="epochs: 1\ndescription: words\n")["a"]) == before


def test_a_child_whose_parent_is_not_chosen_is_refused(suite: Path) -> None:
    for name, text in {"a": "continue_from: b\n", "b": ""}.items():
        (suite / "candidates" / f"{name}.yaml").write_text(HEAD + text)
    freeze(suite, load_suite_spec(suite))
    project = load_project(suite)
    assert [r.name for r in chosen(project, ("a", "b")).recipes] == ["b", "a"]
    with pytest.raises(UsageError) as caught:
        chosen(project, ("a",))
    assert str(caught.value) == (
        "error[parent-not-chosen]: candidate 'a' continues from 'b', which is not chosen\n"
        "  at: suites/desk/candidates/a.yaml\n\n"
        "hint: choose both: `--candidates b,a`; or give the earlier adapter's folder as `continue_from`"
    )


def test_an_adapter_from_elsewhere_is_known_by_its_bytes(suite: Path) -> None:
    adapter(suite / "candidates" / "one")
    adapter(suite / "candidates" / "two")
    found = recipes(suite, a="adapter: one\n", b="adapter: two\n", c="continue_from: ./one\n")
    assert found["a"].outside == str(Path.cwd() / "suites/desk/candidates/one") == found["c"].start
    assert recipe_digest(found["a"]) == recipe_digest(found["b"]) != recipe_digest(found["c"])
    adapter(suite / "candidates" / "two", b"others")
    assert recipe_digest(found["a"]) != recipe_digest(found["b"])


def test_two_stages_are_one_recipe_that_knows_its_pairs_by_their_content(suite: Path) -> None:
    found = recipes(suite, a="dpo: pairs.jsonl\n", b="dpo: {data: pairs.jsonl, beta: 0.2, epochs: 2}\n")
    path = str(Path.cwd() / "suites/desk/candidates/pairs.jsonl")
    assert found["a"].dpo == Preferences(data=path, beta=0.1, learning_rate=5e-6, epochs=1.0)
    assert found["b"].dpo == Preferences(data=path, beta=0.2, learning_rate=5e-6, epochs=2)
    before = recipe_digest(found["a"])
    Path(path).write_bytes(Path(path).read_bytes().replace(b"\n", b"\r\n"))
    assert recipe_digest(found["a"]) == before
    Path(path).write_text('{"prompt": "a", "chosen": "c", "rejected": "b"}\n')
    assert recipe_digest(found["a"]) != before


def test_the_second_stages_arguments() -> None:
    recipe = Recipe(name="r", prompts={}, overrides={"optim": "sgd"}, dpo=Preferences(data="p.jsonl", beta=0.3))
    assert dpo_arguments(recipe, device="cpu", output_dir="out") == {
        "output_dir": "out",
        "learning_rate": 5e-6,
        "num_train_epochs": 1.0,
        "max_length": 512,
        "seed": 0,
        "data_seed": 0,
        "per_device_train_batch_size": 4,
        "gradient_accumulation_steps": 4,
        "per_device_eval_batch_size": 16,
        "lr_scheduler_type": "cosine",
        "warmup_steps": 0.03,
        "max_grad_norm": 0.3,
        "weight_decay": 0.0,
        "train_sampling_strategy": "sequential",
        "use_cpu": True,
        "bf16": False,
        "optim": "adamw_torch",
        "activation_checkpointing": False,
        "gradient_checkpointing": None,
        "dataloader_pin_memory": False,
        "eval_strategy": "no",
        "eval_steps": 0.25,
        "save_strategy": "steps",
        "save_steps": 0.25,
        "save_total_limit": 2,
        "logging_steps": 0.02,
        "logging_first_step": True,
        "logging_nan_inf_filter": False,
        "dataloader_num_workers": 0,
        "report_to": "none",
        "disable_tqdm": True,
        "torch_compile": False,
        "beta": 0.3,
        "loss_type": ["sigmoid"],
        "disable_dropout": True,
        "precompute_ref_log_probs": False,
    }


def test_a_recipe_without_the_later_keys_keeps_its_digest(suite: Path) -> None:
    """Adapters are found again until a default means another adapter, as `checkpoints` did last."""
    (suite / "candidates" / "q.yaml").write_text(RECIPE)
    recipe = load_recipes(suite / "candidates", load_suite_spec(suite))[0]
    assert recipe_digest(Recipe(name="q", prompts={})) == (
        "54ccab1a24e911f44ac6c549ee74c1b7a1bce2c68d0cc2d8102aec0a84476492"
    )
    assert not any((recipe.adapter, recipe.start, recipe.parent, recipe.dpo, recipe.swept))
