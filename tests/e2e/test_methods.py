"""DoRA, preference pairs, trainings that go on from an adapter: real trainings of a tiny random model on the CPU."""

import json
import math
import shutil
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace
from recorder import Recorder
from test_training import COLOURS, RECIPE, model_path, rows

from evalgate.core.adapter_files import adapter_digest
from evalgate.core.data import Recipe
from evalgate.core.drafts import Preferences
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.core.results import AdapterCard
from evalgate.training.dpo import SFT, prefer, preference_class
from evalgate.training.elsewhere import take_over
from evalgate.training.loading import load_base, load_tokenizer
from evalgate.training.quiet import quiet
from evalgate.training.sft import watcher
from evalgate.training.start import continued, restore
from evalgate.training.trainer import train

pytestmark = pytest.mark.slow
__all__ = ["model_path"]
LORA = replace(RECIPE, method="lora", max_rows=16)


def run(folder: Path, model_path: str, recipe: Recipe, **extra: Any) -> AdapterCard:
    return train(
        recipe,
        rows(80),
        rows(8),
        model_path=model_path,
        revision=None,
        base_digest="base",
        folder=folder,
        progress=Recorder(),
        **extra,
    )


def pairs(path: Path, n: int = 24) -> str:
    """White is preferred, whatever training taught."""
    lines = [
        {
            "prompt": row.messages[0].content,
            "chosen": COLOURS[3],
            "rejected": COLOURS[i % 3],
        }
        for i, row in enumerate(rows(n))
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


class Killer:
    """Stops a training after a step, as a kill does."""

    def __new__(cls, step: int) -> Any:
        from transformers import TrainerCallback

        class AtStep(TrainerCallback):
            def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                if state.global_step == step:
                    raise KeyboardInterrupt

        return AtStep()


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, model_path: str) -> tuple[Path, AdapterCard]:
    """A QLoRA adapter, so that the second stage starts on a 4-bit base."""
    folder = tmp_path_factory.mktemp("first")
    return folder, run(folder, model_path, replace(RECIPE, max_rows=40))


@pytest.fixture(scope="module")
def preferred(first: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, AdapterCard, Recipe]:
    folder = tmp_path_factory.mktemp("preferred")
    data = pairs(folder.with_suffix(".jsonl"))
    recipe = replace(RECIPE, max_rows=40, dpo=Preferences(data=data, learning_rate=5e-3, epochs=2))
    return folder, prefer(recipe, first[1], start=first[0], folder=folder, progress=Recorder()), recipe


def test_dora_trains_magnitudes_on_the_unquantised_base(model_path: str, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    card = run(tmp_path, model_path, replace(LORA, method="dora"))
    weights = load_file(tmp_path / "adapter_model.safetensors")
    assert json.loads((tmp_path / "adapter_config.json").read_text())["use_dora"]
    assert sum("lora_magnitude_vector" in name for name in weights) == 14
    assert card.parameters > run(tmp_path / "lora", model_path, LORA).parameters
    assert run(tmp_path / "again", model_path, replace(LORA, method="dora")).adapter_digest == card.adapter_digest


def test_dora_is_served_beside_lora_and_the_base_stays_itself(model_path: str, first: Any, tmp_path: Path) -> None:
    from evalgate.backends.hf import HFBackend
    from evalgate.backends.model_files import locate
    from evalgate.core.data import ModelSpec

    run(tmp_path, model_path, replace(LORA, method="dora"))
    (tmp_path / "card.json").unlink()  # it names no real base
    spec = ModelSpec(id=model_path)
    pairs = [("say the colour of box 1", " blue"), ("say the colour of sofa 2", " green")]
    base = HFBackend(spec, locate(spec))
    plain = base.loglikelihood(pairs)
    alone = HFBackend(spec, locate(spec))
    alone.add_adapter("dora", str(tmp_path))
    together = HFBackend(spec, locate(spec))
    shutil.copytree(first[0], tmp_path / "lora", ignore=shutil.ignore_patterns("card.json"))
    together.add_adapter("lora", str(tmp_path / "lora"))
    dora = HFBackend.loglikelihood(alone, pairs, adapter="dora")
    lora = together.loglikelihood(pairs, adapter="lora")
    together.add_adapter("dora", str(tmp_path))
    assert together.loglikelihood(pairs, adapter="dora") == dora
    assert together.loglikelihood(pairs, adapter="lora") == lora
    assert together.loglikelihood(pairs) == plain
    assert len({*plain, *dora, *lora}) == 6


def test_the_policy_starts_exactly_at_its_reference_and_learns_the_preference(preferred: Any, first: Any) -> None:
    """The loss of a policy that is its reference is ln 2; TRL's rounding to bf16 would move it."""
    folder, card, _ = preferred
    points = [p for p in card.curves if p.step > first[1].n_steps and p.loss is not None]
    assert points[0].loss == pytest.approx(math.log(2), abs=1e-6)
    assert points[-1].loss < 0.65
    assert (card.n_pairs, card.n_rows, card.n_steps) == (24, 40, first[1].n_steps + 12)
    assert card.started_from == first[1].adapter_digest == adapter_digest(first[0])
    assert card.adapter_digest == adapter_digest(folder) != first[1].adapter_digest
    assert card.trained_tokens > first[1].trained_tokens
    assert {p.name for p in folder.iterdir()} == {"adapter_config.json", "adapter_model.safetensors", "card.json"}


def test_a_killed_preference_stage_resumes_to_the_same_bytes(preferred: Any, first: Any, tmp_path: Path) -> None:
    _, card, recipe = preferred
    with pytest.raises(KeyboardInterrupt):
        prefer(recipe, first[1], start=first[0], folder=tmp_path, progress=Recorder(), callbacks=[Killer(8)])
    progress = Recorder()
    again = prefer(recipe, first[1], start=first[0], folder=tmp_path, progress=progress)
    assert progress.stages == [["preferences tiny", 12, 6, 12]]
    assert again.adapter_digest == card.adapter_digest
    assert [p.loss for p in again.curves] == [p.loss for p in card.curves]
    progress = Recorder()
    assert prefer(recipe, first[1], start=first[0], folder=tmp_path, progress=progress) == again
    assert progress.stages == []


def test_the_rows_of_trl_are_the_rows_that_were_checked(preferred: Any, first: Any, model_path: str) -> None:
    from evalgate.training import dpo
    from evalgate.training.data import encode
    from evalgate.training.pairs import pairs_of

    folder, card, recipe = preferred
    found = pairs_of(recipe.dpo, recipe.seed)
    stage = dpo.Stage(recipe=recipe, pairs=found, first=first[1], start=str(first[0]), folder=str(folder))
    with quiet():
        tokenizer = load_tokenizer(model_path, None)
        table = dpo._trainer(stage, found, tokenizer, "cpu").train_dataset
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    mine = encode([row for pair in found for row in pair.rows], tokenizer, 512)
    theirs = [row[name] for row in table for name in ("chosen_ids", "rejected_ids")]
    prompts = [row["prompt_ids"] for row in table for _ in range(2)]
    assert [p + t for p, t in zip(prompts, theirs, strict=True)] == mine.ids
    assert [len(p) for p in prompts] == mine.prompt_lengths
    assert card.n_pairs == len(table)


def test_going_on_keeps_every_bit_of_an_adapter_on_a_4_bit_base(first: Any, model_path: str, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file
    from trl import DPOConfig, DPOTrainer

    from evalgate.training.recipe import as_named, dpo_arguments

    recipe = replace(RECIPE, dpo=Preferences(data=pairs(tmp_path / "p.jsonl", 4)))
    with quiet():
        from datasets import Dataset

        model = continued(load_base(model_path, None, recipe, "cpu"), first[0], recipe)
        table = Dataset.from_list([{"prompt": "a", "chosen": "b", "rejected": "c"}])
        arguments = dpo_arguments(recipe, device="cpu", output_dir=str(tmp_path))
        config = DPOConfig(**as_named(arguments, DPOConfig.__dataclass_fields__))
        trainer = DPOTrainer(model, args=config, train_dataset=table, processing_class=load_tokenizer(model_path, None))
    saved = load_file(first[0] / "adapter_model.safetensors")
    live = {n: p for n, p in trainer.model.named_parameters() if ".default." in n}
    rounded = [n for n, p in live.items() if not torch.equal(p.float(), saved[n.replace(".default.", ".")])]
    assert rounded, "TRL no longer rounds: `restore` has become needless"
    restore(trainer.model, first[0])
    for adapter in ("default", "ref"):
        for name, value in saved.items():
            stem, _, last = name.rpartition(".")
            assert torch.equal(trainer.model.get_parameter(f"{stem}.{adapter}.{last}").float(), value)


def test_a_training_goes_on_from_an_earlier_adapter(first: Any, model_path: str, tmp_path: Path) -> None:
    folder, card = first
    more = run(tmp_path / "more", model_path, replace(RECIPE, start=str(folder)), start=folder)
    assert more.started_from == card.adapter_digest != more.adapter_digest
    loss = next(p.loss for p in more.curves if p.loss is not None)
    fresh = next(p.loss for p in card.curves if p.loss is not None)
    assert loss < fresh - 0.5
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "killed", model_path, replace(RECIPE, start=str(folder)), start=folder, callbacks=[Killer(11)])
    resumed = run(tmp_path / "killed", model_path, replace(RECIPE, start=str(folder)), start=folder)
    assert resumed.adapter_digest == more.adapter_digest


def test_going_on_with_another_kind_or_without_learning_is_an_error(
    first: Any, model_path: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        run(tmp_path, model_path, replace(LORA, method="dora", path="r.yaml"), start=first[0])
    assert str(caught.value) == (
        "error[bad-start]: recipe 'tiny' is of `method: dora`, but goes on from an adapter without DoRA's magnitudes\n"
        "  at: r.yaml\n\nhint: write `method: lora` or `method: qlora`"
    )
    with pytest.raises(EvalgateError) as dead:
        run(tmp_path, model_path, replace(RECIPE, learning_rate=1e-60), start=first[0])
    assert str(dead.value) == (
        "error[adapter-dead]: the adapter learned nothing: all its weights are those that training started from\n"
        f"  at: {first[0]}\n\n"
        "hint: check the recipe: `learning_rate` above 0, `epochs` and `max_rows` large enough for several steps"
    )
    assert not (tmp_path / "card.json").exists()


def test_an_adapter_from_elsewhere_is_copied_as_it_is(first: Any, model_path: str, tmp_path: Path) -> None:
    recipe = Recipe(name="theirs", prompts={}, adapter=str(first[0]))
    card = take_over(recipe, model_path=model_path, revision=None, base_digest="base", folder=tmp_path / "run")
    assert card.elsewhere == card.adapter_digest == first[1].adapter_digest
    assert (card.n_rows, card.train_digest, card.parameters) == (0, "", first[1].parameters)
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert (tmp_path / "run" / name).read_bytes() == (first[0] / name).read_bytes()


def test_other_kinds_of_adapters_are_refused(first: Any, model_path: str, tmp_path: Path) -> None:
    shutil.copytree(first[0], tmp_path / "ia3")
    config = tmp_path / "ia3" / "adapter_config.json"
    config.write_text(config.read_text().replace('"LORA"', '"IA3"'))
    recipe = Recipe(name="theirs", prompts={}, adapter=str(tmp_path / "ia3"))
    with pytest.raises(EvalgateError) as caught:
        take_over(recipe, model_path=model_path, revision=None, base_digest="base", folder=tmp_path / "run")
    assert str(caught.value) == (
        f"error[not-lora]: the adapter is of PEFT's kind IA3, not LORA\n  at: {config}\n\n"
        "hint: give a LoRA adapter (DoRA and rsLoRA are kinds of it), or serve this one elsewhere and enter it as "
        "`kind: api` or `kind: recorded`"
    )


def test_a_full_device_is_a_clear_error_and_the_checkpoint_stays(model_path: str, tmp_path: Path) -> None:
    import torch
    from transformers import TrainerCallback

    class Full(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step == 3:
                torch.empty(1 << 60)

    with pytest.raises(EvalgateError) as caught:
        run(tmp_path, model_path, LORA, callbacks=[Full()])
    text = str(caught.value)
    assert text.startswith("error[training-out-of-memory]: training 'tiny' ran out of memory: ")
    assert "hint: lower `max_length` (the longest row has " in text
    assert list((tmp_path / "checkpoints").glob("checkpoint-*"))
    assert run(tmp_path, model_path, LORA).n_steps == 4


def test_a_training_whose_loss_stays_up_is_stopped(tmp_path: Path) -> None:
    state = SimpleNamespace(global_step=9, log_history=[{"loss": loss} for loss in (2.0, 1.0, 9.0, 9.0, 9.5)])
    with ExitStack() as stack, pytest.raises(EvalgateError) as caught:
        watcher(Recorder(), "training", stack, tmp_path).on_log(None, state, None, logs={"loss": 9.5})
    assert str(caught.value) == (
        "error[training-diverged]: training diverged: the loss rose from 2.00 to 9.50 and stayed there for 3 logs, at "
        f"step 9\n  at: {tmp_path}\n\n"
        "hint: lower `learning_rate` in the recipe (half of it is a good next try) and train again"
    )


def test_the_trainer_leaves_no_reference_behind() -> None:
    assert preference_class().__name__ == "OwnFiles"
    assert SFT == "sft"
