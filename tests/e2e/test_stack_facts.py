"""Facts of the libraries that training is built on, each guarded: if one moves, a test here says so."""

import dataclasses
import inspect
import socket
import warnings
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from recorder import Recorder
from test_training import RECIPE, model_path, rows

from evalgate.core.data import Recipe
from evalgate.core.drafts import Preferences
from evalgate.training import hardware
from evalgate.training.loading import load_base
from evalgate.training.quiet import quiet
from evalgate.training.recipe import dpo_arguments, lora_arguments, quantization_arguments, sft_arguments
from evalgate.training.trainer import train

pytestmark = pytest.mark.slow
__all__ = ["model_path"]


def test_the_base_of_qlora_is_nf4_quantised_twice_and_that_of_lora_has_its_own_dtype(model_path: str) -> None:
    """bitsandbytes' own defaults are fp4 and fp32; a model that TRL opens by its name comes in fp32."""
    import torch
    from bitsandbytes.nn import Linear4bit

    with quiet():
        model = load_base(model_path, None, RECIPE, "cpu")
        bare = load_base(model_path, None, replace(RECIPE, method="lora"), "cpu")
    layers = [m for m in model.modules() if isinstance(m, Linear4bit)]
    assert len(layers) == 14
    for layer in layers:
        assert (layer.weight.quant_state.quant_type, layer.weight.quant_state.nested) == ("nf4", True)
        assert layer.compute_dtype == getattr(torch, hardware.compute_dtype("cpu"))
    assert {p.dtype for p in bare.parameters()} == {torch.float32}
    assert hardware.weight_dtype("cuda") == "bfloat16"


def test_a_training_prepares_nothing_by_hand_asks_no_hub_and_trains_fp32_on_4_bits(
    model_path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`prepare_model_for_kbit_training` costs memory; `save_embedding_layers="auto"` asks the hub; a trainer that is
    given a model ignores a quantisation of its own."""
    import peft
    import torch
    from bitsandbytes.nn import Linear4bit
    from transformers import TrainerCallback

    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("nobody should ask for this")

    for module in (peft, peft.utils, peft.utils.other):
        monkeypatch.setattr(module, "prepare_model_for_kbit_training", never)
    monkeypatch.setattr(peft.utils.save_and_load, "check_file_exists_on_hf_hub", never)
    monkeypatch.setattr(socket.socket, "connect", never)
    seen = {}

    class Look(TrainerCallback):
        def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
            seen["layers"] = sum(isinstance(m, Linear4bit) for m in model.modules())
            seen["dtypes"] = {p.dtype for p in model.parameters() if p.requires_grad}

    card = train(
        replace(RECIPE, max_rows=8),
        rows(8),
        (),
        model_path=model_path,
        revision=None,
        base_digest="base",
        folder=tmp_path,
        progress=Recorder(),
        callbacks=[Look()],
    )
    assert card.n_steps == 2
    assert seen == {"layers": 14, "dtypes": {torch.float32}}


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_every_argument_has_a_name_that_the_installed_libraries_know(device: Any) -> None:
    """`warmup_ratio`, `group_by_length`, `max_seq_length` and `gradient_checkpointing` were renamed or are gone."""
    from peft import LoraConfig
    from transformers import BitsAndBytesConfig
    from trl import DPOConfig, SFTConfig

    def fields(kind: Any) -> set[str]:
        return {field.name for field in dataclasses.fields(kind)}

    recipe = Recipe(name="r", prompts={}, num_gpus=2, dpo=Preferences(data="p.jsonl"))
    from evalgate.training.launch import shared_out

    sft = shared_out(sft_arguments(recipe, device=device, output_dir="o", has_dev=True), recipe)
    assert set(sft) <= fields(SFTConfig)
    assert set(dpo_arguments(recipe, device=device, output_dir="o")) <= fields(DPOConfig)
    assert set(lora_arguments(recipe)) <= fields(LoraConfig)
    quantization = quantization_arguments(recipe, "bfloat16")
    assert quantization is not None
    assert set(quantization) <= set(inspect.signature(BitsAndBytesConfig.__init__).parameters)
    assert "use_liger_kernel" not in sft, "deprecated in TRL"


def test_a_share_of_warm_up_is_a_share_and_nothing_is_deprecated(tmp_path: Path) -> None:
    from trl import SFTConfig

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        config = SFTConfig(
            **sft_arguments(Recipe(name="r", prompts={}), device="cpu", output_dir=str(tmp_path), has_dev=True)
        )
    assert config.get_warmup_steps(1000) == 30
    assert config.packing_strategy == "bfd", "`wrapped` lets rows see each other"
    assert not config.activation_checkpointing


def test_packed_rows_do_not_see_each_other(model_path: str) -> None:
    """The mask is block-diagonal where positions begin anew: packed logits are those of each row alone."""
    import torch

    with quiet():
        model = load_base(model_path, None, replace(RECIPE, method="lora"), "cpu").eval()
    one, two = torch.arange(5, 25)[None], torch.arange(60, 90)[None]
    positions = torch.cat([torch.arange(20), torch.arange(30)])[None]
    with torch.no_grad():
        packed = model(torch.cat([one, two], dim=1), position_ids=positions).logits
        alone = torch.cat([model(one).logits, model(two).logits], dim=1)
    torch.testing.assert_close(packed, alone, rtol=1e-4, atol=1e-4)


def test_likelihoods_of_a_16_bit_model_are_summed_in_32_bits(model_path: str) -> None:
    """A log-softmax in bf16 puts scores on a coarse grid, where ties go to the first option (lm-eval's default)."""
    import torch

    from evalgate.backends.hf import HFBackend
    from evalgate.backends.likelihood import encode_pairs
    from evalgate.backends.model_files import locate
    from evalgate.core.data import ModelSpec

    spec = ModelSpec(id=model_path, dtype="bfloat16")
    with quiet():
        backend = HFBackend(spec, locate(spec))
        pairs = [("say the colour of box 1", end) for end in (" red", " blue", " green", " white sofa")]
        found = backend.loglikelihood(pairs)
        wanted = []
        for context, continuation in encode_pairs(backend.tokenizer, pairs):
            with torch.inference_mode():
                logits = backend.module(input_ids=torch.tensor([[*context, *continuation]])).logits[0]
            rows = logits.float().log_softmax(-1)[len(context) - 1 : -1]
            wanted.append(float(rows.gather(1, torch.tensor(continuation)[:, None]).double().sum()))
    assert logits.dtype == torch.bfloat16
    assert found == pytest.approx(wanted, abs=2e-2)
    singles = [p for (_, ids), p in zip(encode_pairs(backend.tokenizer, pairs), found, strict=True) if len(ids) == 1]
    assert singles
    assert all(float(torch.tensor(p).to(torch.bfloat16)) != p for p in singles)
    assert all(float(torch.tensor(p).to(torch.bfloat16)) != p for p in found)
