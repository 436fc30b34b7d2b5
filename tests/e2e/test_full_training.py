"""Full fine-tuning: real trainings of a tiny random model on the CPU, whose artefact is a whole model."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from recorder import Recorder
from test_methods import Killer, pairs
from test_training import RECIPE, model_path, rows, run
from transformers import TrainerCallback

from evalgate.core.artefacts import MODEL, model_digest
from evalgate.core.drafts import Preferences
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.core.results import AdapterCard
from evalgate.training.dpo import prefer

pytestmark = pytest.mark.slow
__all__ = ["model_path"]
FULL = replace(RECIPE, method="full", learning_rate=2e-3)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory, model_path: str) -> tuple[Path, AdapterCard]:
    folder = tmp_path_factory.mktemp("full")
    return folder, run(folder, model_path, FULL)[0]


def test_all_weights_are_trained_and_the_artefact_is_a_whole_model(full: Any, model_path: str) -> None:
    from transformers import AutoModelForCausalLM

    folder, card = full
    base = Path(model_path)
    losses = [p.loss for p in card.curves if p.loss is not None]
    assert losses[-1] < losses[0] - 0.5
    assert (card.kind, card.dtype, card.merge, card.base_digest) == ("model", "float32", "adapter", "base")
    assert card.adapter_digest == model_digest(folder / MODEL)
    assert {p.name for p in folder.iterdir()} == {"card.json", MODEL}
    names = {p.name for p in (folder / MODEL).iterdir()}
    assert "model.safetensors" in names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pth", ".pkl"))]
    for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        assert (folder / MODEL / name).read_bytes() == (base / name).read_bytes()
    config = json.loads((folder / MODEL / "config.json").read_text())
    assert config["dtype"] == "float32"
    assert "_name_or_path" not in config
    model, before = (AutoModelForCausalLM.from_pretrained(str(path)) for path in (folder / MODEL, base))
    assert card.parameters == model.num_parameters()
    assert all((a != b).any() for a, b in zip(model.parameters(), before.parameters(), strict=True))


class AtTheEnd(TrainerCallback):
    """Ctrl-C when all steps are trained and their checkpoint is written."""

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        raise KeyboardInterrupt


def test_one_that_was_killed_after_its_last_step_has_its_weights(full: Any, model_path: str, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, model_path, FULL, callbacks=[AtTheEnd()])
    assert not (tmp_path / "card.json").exists()
    assert run(tmp_path, model_path, FULL)[0].adapter_digest == full[1].adapter_digest


def test_the_same_recipe_gives_the_same_bytes_and_so_does_a_killed_one(
    full: Any, model_path: str, tmp_path: Path
) -> None:
    folder, card = full
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, model_path, FULL, callbacks=[Killer(11)])
    assert not (tmp_path / "card.json").exists()
    again, progress = run(tmp_path, model_path, FULL)
    assert progress.stages == [["training tiny", 20, 10, 20]]
    assert again.adapter_digest == card.adapter_digest
    weights = "model.safetensors"
    assert (tmp_path / MODEL / weights).read_bytes() == (folder / MODEL / weights).read_bytes()
    assert [p.loss for p in again.curves] == [p.loss for p in card.curves]
    third, progress = run(tmp_path, model_path, FULL)
    assert (third, progress.stages) == (again, [])


def test_a_model_that_learned_nothing_is_an_error(model_path: str, tmp_path: Path) -> None:
    with pytest.raises(EvalgateError) as dead:
        run(tmp_path, model_path, replace(FULL, learning_rate=1e-60))
    assert str(dead.value) == (
        "error[adapter-dead]: the model learned nothing: all its weights in float32 are those that training started "
        f"from\n  at: {model_path}\n\n"
        "hint: check the recipe: `learning_rate` above 0, `epochs` and `max_rows` large enough for several steps"
    )
    assert not (tmp_path / "card.json").exists()


def test_what_is_an_adapters_alone_cannot_be_overridden(model_path: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        run(tmp_path, model_path, replace(FULL, overrides={"use_rslora": True}, path="r.yaml"))
    assert str(caught.value) == (
        "error[unknown-override]: recipe 'tiny' overrides `use_rslora`, which SFTConfig does not take\n"
        "  at: r.yaml\n\nhint: see TRL's SFTConfig for the names that can be overridden"
    )


def test_preferences_go_on_from_the_whole_model_and_start_at_their_reference(
    full: Any, model_path: str, tmp_path: Path
) -> None:
    import math

    folder, first = full
    shutil.copytree(folder, tmp_path / "sft")
    data = pairs(tmp_path / "pairs.jsonl", 16)
    recipe = replace(FULL, dpo=Preferences(data=data, learning_rate=2e-3, epochs=2))
    card = prefer(recipe, first, start=tmp_path / "sft", folder=tmp_path / "dpo", progress=Recorder())
    points = [p.loss for p in card.curves if p.step > first.n_steps and p.loss is not None]
    assert points[0] == pytest.approx(math.log(2), abs=1e-6)
    assert points[-1] < 0.65
    assert (card.kind, card.dtype, card.n_pairs) == ("model", "float32", 16)
    assert card.started_from == first.adapter_digest == model_digest(tmp_path / "sft" / MODEL)
    assert card.adapter_digest == model_digest(tmp_path / "dpo" / MODEL) != first.adapter_digest
    assert {p.name for p in (tmp_path / "dpo").iterdir()} == {"card.json", MODEL}

    with pytest.raises(KeyboardInterrupt):
        prefer(recipe, first, start=tmp_path / "sft", folder=tmp_path / "k", progress=Recorder(), callbacks=[Killer(5)])
    again = prefer(recipe, first, start=tmp_path / "sft", folder=tmp_path / "k", progress=Recorder())
    assert again.adapter_digest == card.adapter_digest


def test_a_bf16_artefact_is_stored_in_bf16(model_path: str, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    card, _ = run(tmp_path, model_path, replace(FULL, max_rows=8), dtype="bfloat16")
    assert card.dtype == json.loads((tmp_path / MODEL / "config.json").read_text())["dtype"] == "bfloat16"
    assert {str(v.dtype) for v in load_file(tmp_path / MODEL / "model.safetensors").values()} == {"torch.bfloat16"}
    assert len(rows(8)) == card.n_rows
