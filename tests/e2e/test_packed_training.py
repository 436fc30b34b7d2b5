"""Documents packed side by side give what each gives alone; fused adapters, dropout and the head's loss on a CPU."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM

from evalgate.training.data import Encoded
from evalgate.training.dropping import add_dropped, dropped
from evalgate.training.head_loss import head_loss
from evalgate.training.kernels import packed_hidden, packed_loss, prepare
from evalgate.training.lora_linear import Casts, Group, plain, weight_of
from evalgate.training.packing import collate, packed_dataset, packs
from evalgate.training.quiet import quiet
from evalgate.training.sft import completion_loss

pytestmark = pytest.mark.slow

LENGTHS = (7, 1, 12, 5, 3)
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


def adapted(family: str, *, dropout: float = 0.0, device: str = "cpu") -> Any:
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        family, hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, head_dim=16, vocab_size=50, max_position_embeddings=64, pad_token_id=0,
    )  # fmt: skip
    with quiet():
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="sdpa")
    lora = LoraConfig(
        r=4, lora_alpha=8, lora_dropout=dropout, target_modules="all-linear", init_lora_weights=False,
        task_type="CAUSAL_LM",
    )  # fmt: skip
    with quiet():
        model = get_peft_model(model, lora)
    return model if device == "cpu" else model.to(device, torch.bfloat16)


def documents() -> Encoded:
    generator = torch.Generator().manual_seed(1)
    ids = [torch.randint(3, 50, (n,), generator=generator).tolist() for n in LENGTHS]
    return Encoded(ids=ids, prompt_lengths=[n // 2 for n in LENGTHS], n_dropped=0)


def packed(encoded: Encoded, device: str = "cpu") -> dict[str, Any]:
    n = len(encoded.ids)
    batch = collate(list(packed_dataset(encoded, packs(list(map(len, encoded.ids)), n, 1))))
    return {k: v.to(device) if isinstance(v, torch.Tensor) else v for k, v in batch.items()}


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("family", ["llama", "mistral", "qwen2", "qwen3"])
def test_packed_documents_give_the_logits_that_each_gives_alone(family: str, device: str) -> None:
    model, encoded = adapted(family, device=device), documents()
    alone = [model(torch.tensor([ids], device=device)).logits[0].float() for ids in encoded.ids]
    prepare(model, n_checkpointed=0)
    base = model.get_base_model()
    logits = base.lm_head(packed_hidden(base, packed(encoded, device)))[0].float()
    # bf16 has 8 bits: sums in another order differ in the last one.
    within = {"rtol": 1e-5, "atol": 1e-5} if device == "cpu" else {"rtol": 0.05, "atol": 0.05}
    for got, expected in zip(logits.split(LENGTHS), alone, strict=True):
        torch.testing.assert_close(got, expected, **within)


@pytest.mark.slow
@pytest.mark.parametrize("n_checkpointed", [0, 2, 3])
def test_a_packed_step_has_the_loss_and_gradients_of_a_padded_one(n_checkpointed: int) -> None:
    stock, fast, encoded = adapted("llama"), adapted("llama"), documents()
    padded = torch.nn.utils.rnn.pad_sequence([torch.tensor(x) for x in encoded.ids], batch_first=True)
    labels = torch.full_like(padded, -100)
    for i, (ids, n) in enumerate(zip(encoded.ids, encoded.prompt_lengths, strict=True)):
        labels[i, n : len(ids)] = torch.tensor(ids[n:])
    expected = completion_loss(stock.get_base_model(), {"input_ids": padded, "labels": labels}, None)
    prepare(fast.train(), n_checkpointed=n_checkpointed)
    got = packed_loss(fast.get_base_model(), packed(encoded), None)
    torch.testing.assert_close(got, expected)
    got.backward(), expected.backward()
    for (name, mine), (_, theirs) in zip(fast.named_parameters(), stock.named_parameters(), strict=True):
        if mine.requires_grad:
            torch.testing.assert_close(mine.grad, theirs.grad, msg=name)


@pytest.mark.slow
def test_checkpointed_layers_draw_the_same_dropout_again() -> None:
    grads = []
    for n_checkpointed in (0, 3):
        model = adapted("llama", dropout=0.5)
        prepare(model.train(), n_checkpointed=n_checkpointed)
        torch.manual_seed(5)
        packed_loss(model.get_base_model(), packed(documents()), 10).backward()
        grads.append([p.grad for p in model.parameters() if p.requires_grad])
    torch.testing.assert_close(*grads)


@pytest.mark.parametrize("device", DEVICES)
def test_dropout_drops_its_share_keeps_the_mean_and_repeats_itself(device: str) -> None:
    x = torch.ones(300, 1001, device=device)
    out = dropped(x, 0.25, 7)
    assert torch.equal(out, dropped(x, 0.25, 7)) and not torch.equal(out, dropped(x, 0.25, 8))
    assert sorted(out.unique().tolist()) == pytest.approx([0, 4 / 3])
    assert float((out == 0).float().mean()) == pytest.approx(0.25, abs=0.005)
    torch.testing.assert_close(add_dropped(x.clone(), 2 * x, 0.25, 7), 1 + 2 * out)


@pytest.mark.filterwarnings("ignore:Attempting to run cuBLAS")  # the first product of autograd's own thread on a device
@pytest.mark.parametrize("p", [0.0, 0.3])
@pytest.mark.parametrize("device", DEVICES)
def test_the_fused_adapter_has_the_gradients_of_its_definition(p: float, device: str) -> None:
    model = adapted("llama", dropout=p, device=device).float().train()
    mlp, casts = model.get_base_model().model.layers[0].mlp, Casts()
    layers = [mlp.gate_proj, mlp.up_proj]
    assert all(map(plain, layers))
    group = Group(layers, casts, torch.float32)
    casts.begin()
    x = torch.randn(2, 5, 64, device=device, requires_grad=True)
    mask = dropped(torch.ones(10, 64, device=device), p, casts.seed).view(2, 5, 64) if p else 1.0
    expected = [
        layer.base_layer(x) + 2.0 * (x * mask) @ layer.lora_A.default.weight.t() @ layer.lora_B.default.weight.t()
        for layer in layers
    ]
    out = group(x)
    torch.testing.assert_close(out, tuple(expected), rtol=1e-4, atol=1e-4)
    of, g = [x, *group.weights], [torch.randn_like(y) for y in out]
    torch.testing.assert_close(
        torch.autograd.grad(out, of, g), torch.autograd.grad(expected, of, g), rtol=1e-4, atol=1e-4
    )


@pytest.mark.gpu
def test_4_bit_matrices_are_unpacked_as_bitsandbytes_does() -> None:
    import bitsandbytes as bnb

    for n_out, n_in in ((64, 64), (11008, 4096), (520, 192)):
        weight = torch.randn(n_out, n_in, dtype=torch.bfloat16, device="cuda")
        layer = bnb.nn.Linear4bit(n_in, n_out, bias=False, quant_type="nf4", compute_dtype=torch.bfloat16)
        layer.weight = bnb.nn.Params4bit(weight, requires_grad=False, quant_type="nf4").to("cuda")
        expected = bnb.functional.dequantize_4bit(layer.weight.data, layer.weight.quant_state)
        assert torch.equal(weight_of(layer, torch.bfloat16), expected)


@pytest.mark.gpu
def test_a_packed_step_on_a_gpu_has_the_gradients_of_a_cpu_within_bf16() -> None:
    grads = []
    for device, dtype in (("cpu", torch.float32), ("cpu", torch.bfloat16), ("cuda", torch.bfloat16)):
        model = adapted("llama", device=device).to(dtype)
        prepare(model.train(), n_checkpointed=1)
        packed_loss(model.get_base_model(), packed(documents(), device), None).backward()
        grads.append(torch.cat([p.grad.flatten().float().cpu() for p in model.parameters() if p.requires_grad]))
    exact, rounded, found = grads
    # What bf16 loses on a CPU, by torch's own operations: 8 % of the gradient's norm; the GPU lost 7 %.
    assert float((found - exact).norm()) < 1.5 * float((rounded - exact).norm())


def test_two_processes_draw_the_seeds_that_one_draws_for_the_same_packs() -> None:
    drawn = []
    for casts, n in ((Casts(), 4), (Casts(0, 2), 2), (Casts(1, 2), 2)):
        torch.manual_seed(3)
        casts.groups.append(
            Group([adapted("llama").get_base_model().model.layers[0].mlp.up_proj], casts, torch.float32)
        )
        torch.manual_seed(3)
        drawn.append([(casts.begin(), casts.seed)[1] for _ in range(n)])
    one, first, second = drawn
    assert one == [first[0], second[0], first[1], second[1]]
    assert len(set(one)) == 4


def test_a_pack_without_rows_has_no_loss_and_gradients_of_zero() -> None:
    encoded = documents()
    filler = list(packed_dataset(encoded, [[0, 1], []]))[1]
    assert filler["input_ids"] == min(encoded.ids, key=len)
    model = adapted("llama").train()
    prepare(model, n_checkpointed=1)
    loss = packed_loss(model.get_base_model(), collate([filler]), 10)
    loss.backward()
    assert float(loss.detach()) == 0
    assert all(p.grad is not None and not p.grad.any() for p in model.parameters() if p.requires_grad)


@pytest.mark.filterwarnings("ignore:.*lora_bias")
@pytest.mark.parametrize("more", [{"use_dora": True}, {"lora_bias": True}])
def test_an_adapter_with_more_to_it_is_left_as_it_is(more: dict[str, Any]) -> None:
    config = AutoConfig.for_model("llama", hidden_size=16, intermediate_size=16, num_hidden_layers=1,
                                  num_attention_heads=2, vocab_size=20)  # fmt: skip
    with quiet():
        lora = LoraConfig(target_modules="all-linear", **more)
        model = get_peft_model(AutoModelForCausalLM.from_config(config), lora)
    assert not plain(model.get_base_model().model.layers[0].mlp.down_proj)


def test_the_heads_loss_is_cross_entropy_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalgate.training.head_loss.AT_ONCE", 40)  # three rows at a time
    head, labels = torch.nn.Linear(6, 13), torch.randint(0, 13, (8,))
    head.requires_grad_(False)
    mine, theirs = (torch.ones(8, 6).mul_(torch.arange(8.0)[:, None]).requires_grad_() for _ in range(2))
    got, expected = (
        head_loss(mine, head, labels),
        torch.nn.functional.cross_entropy(head(theirs), labels, reduction="sum"),
    )
    torch.testing.assert_close(got, expected)
    (got / 3).backward(), (expected / 3).backward()
    torch.testing.assert_close(mine.grad, theirs.grad)
