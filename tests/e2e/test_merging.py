"""Adapters merged into their base: by which policy, how close they stay, and what is refused."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from test_methods import LORA
from test_training import RECIPE, model_path, rows, run

from evalgate.core.artefacts import MODEL, model_digest
from evalgate.core.errors import EvalgateError
from evalgate.core.results import AdapterCard
from evalgate.files import read_record
from evalgate.training.data import TrainRow
from evalgate.training.loading import load_base
from evalgate.training.merging import Served, merged
from evalgate.training.quiet import quiet
from evalgate.training.whole import save_model

pytestmark = pytest.mark.slow
__all__ = ["model_path"]
SERVED = Served()


@pytest.fixture(scope="module")
def qlora(tmp_path_factory: pytest.TempPathFactory, model_path: str) -> tuple[Path, AdapterCard]:
    folder = tmp_path_factory.mktemp("qlora")
    return folder, run(folder, model_path, replace(RECIPE, max_rows=40))[0]


def merge(
    trained: tuple[Path, AdapterCard],
    out: Path,
    policy: Any,
    recipe: Any = RECIPE,
    *,
    served: Served = SERVED,
    dev: Sequence[TrainRow] = tuple(rows(24)),
) -> AdapterCard:
    folder, card = trained
    return merged(
        recipe, card, dev, policy=policy, adapter=folder, folder=out / MODEL, record=out / "merged.json", served=served
    )


def test_merging_into_unpacked_weights_keeps_the_adapters_answers(qlora: Any, model_path: str, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    card = merge(qlora, tmp_path, "dequantized")
    assert (card.kind, card.merge, card.dtype) == ("model", "dequantized", "float32")
    assert card.merged_from == qlora[1].adapter_digest
    assert card.adapter_digest == model_digest(tmp_path / MODEL) != card.merged_from
    trained, served = card.parity
    assert [(p.beside, p.role) for p in card.parity] == [("nf4", "trained"), ("float32", "served")]
    assert (trained.n_prompts, trained.n_same, trained.agreement.value) == (16, 16, 1.0)
    assert 0 <= trained.kl.value < 1e-8
    assert trained.kl.value < served.kl.value < 1.0
    assert trained.kl.low is not None
    assert trained.kl.high is not None
    assert trained.kl.low <= trained.kl.value <= trained.kl.high
    weights = load_file(tmp_path / MODEL / "model.safetensors")
    assert {str(value.dtype) for value in weights.values()} == {"torch.float32"}
    assert set(weights) == set(load_file(Path(model_path) / "model.safetensors"))
    assert read_record(tmp_path / "merged.json", AdapterCard, fix="") == card

    before = (tmp_path / MODEL / "model.safetensors").stat().st_mtime_ns
    assert merge(qlora, tmp_path, "dequantized") == card
    assert (tmp_path / MODEL / "model.safetensors").stat().st_mtime_ns == before
    (tmp_path / MODEL / "model.safetensors").write_bytes(b"torn")
    assert merge(qlora, tmp_path, "dequantized") == card
    assert model_digest(tmp_path / MODEL) == card.adapter_digest


def test_merging_into_a_16_bit_base_is_stored_and_measured_in_16_bits(qlora: Any, tmp_path: Path) -> None:
    card = merge(qlora, tmp_path, "bf16")
    assert card.dtype == json.loads((tmp_path / MODEL / "config.json").read_text())["dtype"] == "bfloat16"
    trained, served = card.parity
    assert served.kl.value < trained.kl.value, "the base in bf16 is closer to the base than to its 4-bit weights"
    assert 1e-9 < served.kl.value < 1e-3


def test_an_adapter_on_an_unquantised_base_has_one_row_and_is_merged_exactly(model_path: str, tmp_path: Path) -> None:
    trained = (tmp_path / "lora", run(tmp_path / "lora", model_path, LORA)[0])
    [parity] = merge(trained, tmp_path, "dequantized", LORA).parity
    assert (parity.beside, parity.role, parity.agreement.value) == ("float32", "both", 1.0)
    assert parity.kl.value < 1e-9
    outside = replace(LORA, adapter=str(trained[0]))
    [parity] = merge(trained, tmp_path / "outside", "bf16", outside).parity
    assert (parity.beside, parity.role) == ("float32", "served")


def test_a_base_served_in_4_bits_is_compared_in_4_bits(qlora: Any, tmp_path: Path) -> None:
    [parity] = merge(qlora, tmp_path, "dequantized", served=Served(quantization="nf4")).parity
    assert (parity.beside, parity.role) == ("nf4", "both")


def test_nothing_is_merged_into_4_bit_weights(model_path: str, tmp_path: Path) -> None:
    with quiet():
        model = load_base(model_path, None, RECIPE, "cpu")
    with pytest.raises(EvalgateError) as caught:
        save_model(model, Path(model_path), tmp_path / MODEL, "float32")
    assert str(caught.value) == (
        "error[merge-into-4-bit]: 14 weights are quantised (first: model.layers.0.self_attn.q_proj.weight): merged "
        f"into them, an adapter is rounded away\n  at: {tmp_path / MODEL}\n\n"
        "hint: write `merge: dequantized` or `merge: bf16` in the recipe, which unpack or reload the base"
    )
    assert not (tmp_path / MODEL).exists()


def test_a_merge_without_dev_prompts_is_refused(qlora: Any, tmp_path: Path) -> None:
    with pytest.raises(EvalgateError) as caught:
        merge(qlora, tmp_path, "bf16", replace(RECIPE, path="r.yaml"), dev=())
    assert str(caught.value) == (
        "error[merge-unmeasured]: 'tiny' cannot be merged: there is no dev prompt to compare the merged model with its "
        "adapter on\n  at: r.yaml\n\nhint: give a task a dev split, or take `merge` out of the recipe"
    )
    assert not (tmp_path / "merged.json").exists()


def test_the_backend_serves_the_merged_model_in_its_own_precision(qlora: Any, model_path: str, tmp_path: Path) -> None:
    from evalgate.backends.beside import Beside
    from evalgate.backends.hf import HFBackend
    from evalgate.backends.model_files import locate
    from evalgate.core.data import ModelSpec

    merge(qlora, tmp_path / "deq", "dequantized")
    merge(qlora, tmp_path / "half", "bf16")
    shutil.copytree(qlora[0], tmp_path / "lora", ignore=shutil.ignore_patterns("card.json"))
    spec = ModelSpec(id=model_path)
    backend = Beside(HFBackend(spec, locate(spec)))
    asked = [("say the colour of box 1", " blue"), ("say the colour of sofa 2", " green")]
    plain = backend.loglikelihood(asked)
    for name in ("deq", "half"):
        backend.add_adapter(name, str(tmp_path / name / MODEL))
        backend.add_adapter(name, str(tmp_path / name / MODEL))
    backend.add_adapter("lora", str(tmp_path / "lora"))
    lora, deq, half = (backend.loglikelihood(asked, adapter=name) for name in ("lora", "deq", "half"))
    assert backend.open_models == ["half"]
    assert backend.loglikelihood(asked) == plain
    assert len({*plain, *lora, *deq, *half}) == 8
    assert half == pytest.approx(lora, rel=0.1)
    with backend.using("half") as module:
        assert str(module.dtype) == "torch.bfloat16"
    with backend.together(["deq", "half"]):
        assert backend.loglikelihood(asked, adapter="deq") == deq
        assert backend.loglikelihood(asked, adapter="half") == half
        assert backend.open_models == ["half", "deq"]
        assert backend.load_s > 0
    assert backend.open_models == []
    keys = [backend.answerer(name) for name in (None, "lora", "deq", "half")]
    assert len({key.model for key in keys if key}) == 3
    assert [key.dtype for key in keys if key] == ["float32", "float32", "float32", "bfloat16"]
    with backend.resting():
        assert backend.open_models == []
    backend.close()
