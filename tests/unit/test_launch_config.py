"""What a recipe may say of GPUs and trackers. No torch."""

from pathlib import Path

import pytest
from test_methods_config import fault, recipes, suite

from evalgate.core.data import Recipe

__all__ = ["suite"]


def test_gpus_their_configuration_and_trackers_stand_in_a_recipe(suite: Path) -> None:
    (suite / "candidates" / "fsdp.txt").write_text("distributed_type: FSDP\n")
    recipe = recipes(suite, q="num_gpus: 2\naccelerate_config: fsdp.txt\nreport_to: [wandb, mlflow, wandb]\n")["q"]
    assert recipe.num_gpus == 2
    assert recipe.accelerate_config == str((suite / "candidates" / "fsdp.txt").absolute())
    assert recipe.report_to == ("wandb", "mlflow")


@pytest.mark.parametrize(
    ("text", "names"), [("tensorboard", ("tensorboard",)), ("none", None), ("[]", None), ("[mlflow]", ("mlflow",))]
)
def test_report_to_is_written_as_for_trl(suite: Path, text: str, names: tuple[str, ...] | None) -> None:
    assert (recipes(suite, q=f"report_to: {text}\n")["q"].report_to or None) == names


def test_one_gpu_is_what_a_recipe_without_the_key_has(suite: Path) -> None:
    found = recipes(suite, a="num_gpus: 1\n", b="learning_rate: 2.0e-4\n")
    a, b = found["a"], found["b"]
    assert isinstance(a, Recipe)
    assert not a.num_gpus
    assert (a.num_gpus, a.accelerate_config, a.report_to) == (b.num_gpus, b.accelerate_config, b.report_to)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("report_to: [comet]\n", "'comet' is not allowed"),
        ("report_to: [mlfow]\n", "did you mean 'mlflow'"),
        ("num_gpus: 0\n", "input should be greater than or equal to 1"),
        ("accelerate_config: x.yaml\n", "`accelerate_config` is for several GPUs: give `num_gpus`, too"),
        ("num_gpus: 2\naccelerate_config: x.txt\n", "there is no file"),
        ("overrides: {}\nadapter: x\nreport_to: wandb\n", "nothing is trained for an `adapter`"),
    ],
)
def test_what_cannot_be_is_said_with_its_place(suite: Path, text: str, words: str) -> None:
    assert words in fault(suite, q=text)
