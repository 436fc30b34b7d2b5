"""Predicted bytes against real tensors: parameters, NF4 layers, gradients, optimizer states, what backward needs."""

from typing import Any

import pytest
from msgspec.structs import replace

from evalgate.training.loading import keep_layout
from evalgate.training.memory import Setup, layer_bytes, nf4_bytes, optimizer_bytes, predict, trained_tensors
from evalgate.training.quiet import quiet
from evalgate.training.shape import FAMILIES, Shape, shape_of

pytestmark = pytest.mark.slow

SIZES = {
    "hidden_size": 256, "intermediate_size": 640, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 64,
    "vocab_size": 512,
}  # fmt: skip
N_ROWS, LENGTH = 2, 64


def config_of(family: str, **more: Any) -> Any:
    from transformers import AutoConfig

    return AutoConfig.for_model(family, **(SIZES | {"num_hidden_layers": 3} | more))


def bare_model(family: str, **more: Any) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_config(config_of(family, **more))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("more", [{}, {"tie_word_embeddings": True}, {"num_key_value_heads": 4}])
def test_a_configuration_alone_gives_transformers_own_parameters(family: str, more: dict[str, Any]) -> None:
    import torch

    with quiet(), torch.device("meta"):
        model = bare_model(family, **more)
    shape = shape_of(model.config.to_dict())
    assert shape.n_parameters == sum(p.numel() for p in model.parameters())
    names = {name.removeprefix("model.layers.0."): tuple(m.weight.shape) for name, m in model.named_modules()
             if name.startswith("model.layers.0.") and isinstance(m, torch.nn.Linear)}  # fmt: skip
    assert {x.name: (x.n_out, x.n_in) for x in shape.linears} == names


@pytest.mark.parametrize("bias", ["attention_bias", "mlp_bias"])
def test_biases_count(bias: str) -> None:
    import torch

    with quiet(), torch.device("meta"):
        model = bare_model("llama", **{bias: True})
    assert shape_of(model.config.to_dict()).n_parameters == sum(p.numel() for p in model.parameters())


def adapted(family: str, layers: int, *, dropout: float = 0.0, four_bit: bool = False) -> tuple[Any, Shape]:
    """A bf16 model, or one in NF4, with fp32 adapters, as training makes it on a GPU."""
    import torch
    from peft import LoraConfig, get_peft_model

    with quiet():
        model = bare_model(family, num_hidden_layers=layers).to(torch.bfloat16)
        if four_bit:
            quantise(model)
        shape = shape_of(model.config.to_dict())
        lora = LoraConfig(r=8, lora_dropout=dropout, target_modules="all-linear", task_type="CAUSAL_LM")
        model = get_peft_model(model, lora).train()
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return model, shape


def quantise(model: Any) -> None:
    import bitsandbytes as bnb
    import torch

    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, torch.nn.Linear) and child is not model.lm_head:
                four = bnb.nn.Linear4bit(child.in_features, child.out_features, False, torch.bfloat16, quant_type="nf4")
                four.weight = bnb.nn.Params4bit(child.weight.data, requires_grad=False, quant_type="nf4")
                setattr(module, name, four.to("cpu"))
    keep_layout(model)


def test_nf4_layers_take_the_bytes_that_are_counted() -> None:
    with quiet():
        model = bare_model("llama")
        quantise(model)
    shape = shape_of(model.config.to_dict())
    for linear in shape.linears:
        weight = model.get_submodule(f"model.layers.0.{linear.name}").weight
        state = weight.quant_state
        parts = [weight.data, state.absmax, state.code, state.offset.reshape(1), state.state2.absmax, state.state2.code]
        assert nf4_bytes(linear) == sum(part.numel() * part.element_size() for part in parts)


@pytest.mark.parametrize("name", ["adamw_torch", "sgd"])
def test_adapters_gradients_and_states_of_a_real_step(name: str) -> None:
    import torch

    model, shape = adapted("llama", 3)
    trained = [p for p in model.parameters() if p.requires_grad]
    setup = Setup(method="lora", n_rows=N_ROWS, length=LENGTH, n_supervised=8, rank=8, optimizer=name)
    assert sorted(p.numel() for p in trained) == sorted(trained_tensors(shape, setup))
    optimizer = torch.optim.AdamW(trained) if name == "adamw_torch" else torch.optim.SGD(trained)
    ids = torch.randint(3, 500, (N_ROWS, LENGTH), generator=torch.Generator().manual_seed(0))
    model(input_ids=ids, labels=ids).loss.backward()
    optimizer.step()
    terms = {term.name: term.n_bytes for term in predict(shape, setup).terms}
    base = [p for p in model.parameters() if not p.requires_grad]
    assert terms["base weights"] == sum(p.numel() * p.element_size() for p in base)
    assert terms["trained weights"] == sum(p.numel() * p.element_size() for p in trained)
    assert terms["gradients"] == sum(p.grad.numel() * p.grad.element_size() for p in trained)
    moments = [t for s in optimizer.state.values() for t in s.values() if torch.is_tensor(t) and t.dim() > 0]
    assert terms.get("optimizer states", 0) == sum(t.numel() * t.element_size() for t in moments)


def test_8_bit_states_are_those_of_bitsandbytes() -> None:
    """The optimizer itself needs a GPU, but makes its states wherever the parameters lie."""
    import bitsandbytes as bnb
    import torch

    sizes = [4_095, 4_096, 65_536, 700_001]
    tensors = [torch.nn.Parameter(torch.zeros(n)) for n in sizes]
    for p in tensors:
        p.grad = torch.zeros_like(p)
    with quiet():
        optimizer = bnb.optim.AdamW8bit(tensors)
        optimizer.fill_qmap()
        for i, p in enumerate(tensors):
            optimizer.init_state(optimizer.param_groups[0], p, 0, i)
    names = {"state1", "state2", "absmax1", "absmax2"}
    held = sum(v.numel() * v.element_size() for s in optimizer.state.values() for k, v in s.items() if k in names)
    assert optimizer_bytes(sizes, "adamw_8bit") == (held, 0)


def saved_bytes(model: Any) -> int:
    """Bytes of all distinct storages that autograd keeps of one forward pass through the layers, weights left out."""
    import torch

    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, Any] = {}

    def keep(tensor: Any) -> Any:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage
        return tensor

    ids = torch.randint(3, 500, (N_ROWS, LENGTH), generator=torch.Generator().manual_seed(0))
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t), torch.autocast("cpu", torch.bfloat16):
        out = model.base_model.model.model(input_ids=ids, use_cache=False).last_hidden_state
        assert bool(torch.isfinite(out).all())
        return sum(storage.nbytes() for storage in kept.values())


@pytest.mark.parametrize("family", ["llama", "qwen3"])
@pytest.mark.parametrize("dropout", [0.0, 0.05])
def test_a_layer_keeps_for_its_backward_what_is_counted(family: str, dropout: float) -> None:
    """A model of four layers less one of three, under autocast to bf16 as on a GPU."""
    found = []
    for layers in (3, 4):
        model, shape = adapted(family, layers, dropout=dropout)
        found.append(saved_bytes(model))
    setup = Setup(method="lora", n_rows=N_ROWS, length=LENGTH, n_supervised=8, rank=8, dropout=dropout, padded=False)
    copies = 2 * sum(trained_tensors(shape, setup)) // shape.layers
    # A CPU keeps dropout's mask as fp32 factors, a GPU as one byte each.
    masks = 3 * setup.n_tokens * sum(x.n_in for x in shape.linears) if dropout else 0
    assert found[1] - found[0] == layer_bytes(shape, setup) + copies + masks


def test_the_activations_of_all_layers_are_the_sum_but_for_the_first_input() -> None:
    model, shape = adapted("llama", 3)
    setup = Setup(
        method="lora", n_rows=N_ROWS, length=LENGTH, n_supervised=1, rank=8, dropout=0.0, padded=False,
        checkpointing=False,
    )  # fmt: skip
    predicted = {term.name: term.n_bytes for term in predict(shape, setup).terms}
    last = 4 * setup.n_tokens * shape.hidden  # the last norm's copy, which is gone when the layers' backward peaks
    assert saved_bytes(model) == pytest.approx(predicted["activations"] + predicted["bf16 copies"] + last, rel=0.02)


def test_four_bit_layers_share_the_inputs_that_lora_copies() -> None:
    """On a CPU PEFT asks whether CUDA autocasts, so this counts the prediction's difference alone."""
    _, shape = adapted("llama", 3)
    setup = Setup(method="qlora", n_rows=N_ROWS, length=LENGTH, n_supervised=8, rank=8, dropout=0.0, padded=False)
    more = layer_bytes(shape, replace(setup, method="lora")) - layer_bytes(shape, setup)
    assert more == setup.n_tokens * 2 * (2 * 256 + 256 + 256)
