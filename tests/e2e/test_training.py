"""Real QLoRA trainings of a tiny random model on the CPU."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from recorder import Recorder

from evalgate.core.adapter_files import adapter_digest
from evalgate.core.data import Message, Recipe
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.core.results import AdapterCard
from evalgate.training.adapter import check_alive
from evalgate.training.data import TrainRow, conversation, encode, to_dataset
from evalgate.training.loading import load_base, load_tokenizer
from evalgate.training.quiet import quiet
from evalgate.training.recipe import lora_arguments, sft_arguments
from evalgate.training.sft import sft_config, trainer_class
from evalgate.training.trainer import train

pytestmark = pytest.mark.slow

TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}User: {{ m['content'] }}\n"
    "{% elif m['role'] == 'assistant' %}Assistant:{% generation %} {{ m['content'] }}{{ eos_token }}"
    "{% endgeneration %}\n{% else %}{{ m['content'] }}\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)
COLOURS = ("red", "blue", "green", "white")
RECIPE = Recipe(name="tiny", prompts={}, learning_rate=5e-3, batch_size=4, rank=4, alpha=8, seed=3)


def rows(n: int) -> list[TrainRow]:
    words = ("box", "lamp", "sofa")
    return [
        TrainRow(
            id=f"r{i:03}",
            task="colour",
            messages=(Message(role="user", content=f"{'please ' * (i % 3)}say the colour of {words[i % 3]} {i % 4}"),),
            completion=COLOURS[i % 4],
        )
        for i in range(n)
    ]


@pytest.fixture(scope="module")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    with quiet():
        import torch
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
        from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

        folder = str(tmp_path_factory.mktemp("tiny"))
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=384,
            special_tokens=["<s>", "</s>", "<pad>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(
            [f"User: {r.messages[0].content} Assistant: {r.completion}" for r in rows(24)], trainer
        )
        fast = PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>", chat_template=TEMPLATE
        )
        fast.save_pretrained(folder)
        torch.manual_seed(0)
        config = LlamaConfig(
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            vocab_size=384,
            tie_word_embeddings=True,
            bos_token_id=0,
            eos_token_id=1,
            pad_token_id=2,
        )
        LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def run(folder: Path, model_path: str, recipe: Recipe = RECIPE, **extra: Any) -> tuple[AdapterCard, Recorder]:
    progress = Recorder()
    card = train(
        recipe,
        rows(80),
        rows(8),
        model_path=model_path,
        revision="r1",
        base_digest="base",
        folder=folder,
        progress=progress,
        **extra,
    )
    return card, progress


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, model_path: str) -> tuple[Path, AdapterCard, Recorder]:
    folder = tmp_path_factory.mktemp("trained")
    card, progress = run(folder, model_path)
    return folder, card, progress


def test_the_loss_falls_and_the_card_is_complete(trained: Any, model_path: str) -> None:
    folder, card, progress = trained
    losses = [p.loss for p in card.curves if p.loss is not None]
    dev = [p.dev_loss for p in card.curves if p.dev_loss is not None]
    assert losses[-1] < losses[0] - 0.5
    assert dev[-1] < dev[0]
    assert len(dev) == 4
    assert (card.n_rows, card.n_steps, card.seed, card.base_revision) == (80, 20, 3, "r1")
    assert card.parameters > 0
    assert card.trained_tokens > 80 * 10
    assert card.peak_memory_bytes > 1e8
    assert set(card.versions) >= {"torch", "trl", "peft", "bitsandbytes"}
    assert progress.stages == [["training tiny", 20, 0, 20]]
    assert {p.name for p in folder.iterdir()} == {"adapter_config.json", "adapter_model.safetensors", "card.json"}
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(Path(model_path).resolve())
    assert config["revision"] == "r1"
    assert config["target_modules"] == sorted(config["target_modules"])
    assert adapter_digest(folder) == card.adapter_digest


def test_every_b_matrix_moved(trained: Any) -> None:
    from safetensors.torch import load_file

    weights = load_file(trained[0] / "adapter_model.safetensors")
    moved = [bool(value.any()) for name, value in weights.items() if "lora_B" in name]
    assert len(moved) == 14
    assert all(moved)


def test_a_rerun_trains_nothing_and_another_recipe_trains_anew(trained: Any, model_path: str, tmp_path: Path) -> None:
    folder, card, _ = trained
    again, progress = run(folder, model_path)
    assert (again, progress.stages) == (card, [])
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    short = Recipe(name="tiny", prompts={}, max_rows=8, batch_size=4, rank=4, alpha=8, learning_rate=5e-3)
    other, progress = run(copy, model_path, short)
    assert progress.stages == [["training tiny", 2, 0, 2]]
    assert other.adapter_digest != card.adapter_digest


def test_the_same_recipe_and_seed_give_the_same_bytes_and_another_seed_others(
    trained: Any, model_path: str, tmp_path: Path
) -> None:
    card, _ = run(tmp_path / "same", model_path)
    assert card.adapter_digest == trained[1].adapter_digest
    from msgspec.structs import replace

    card, _ = run(tmp_path / "other", model_path, replace(RECIPE, seed=4))
    assert card.adapter_digest != trained[1].adapter_digest


def test_killed_and_resumed_is_the_same_adapter(trained: Any, model_path: str, tmp_path: Path) -> None:
    from transformers import TrainerCallback

    class Killer(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step == 11:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, model_path, callbacks=[Killer()])
    assert not (tmp_path / "card.json").exists()
    card, progress = run(tmp_path, model_path)
    assert progress.stages == [["training tiny", 20, 10, 20]]
    assert card.adapter_digest == trained[1].adapter_digest
    assert [p.loss for p in card.curves] == [p.loss for p in trained[1].curves]
    assert not (tmp_path / "checkpoints").exists()


def test_gradients_still_flow_after_a_forward_without_them(model_path: str) -> None:
    """bitsandbytes repacks 4-bit weights at the first such forward on AVX512_BF16 CPUs, unless it is told not to."""
    import torch

    with quiet():
        model = load_base(model_path, None, RECIPE, "cpu")
        layers = [m for m in model.modules() if hasattr(m, "support_avx512bf16_for_cpu")]
        assert len(layers) == 14
        assert not any(m.support_avx512bf16_for_cpu for m in layers)
        ids = torch.arange(3, 40)[None]

        def loss_and_gradient() -> tuple[float, Any]:
            x = model.get_input_embeddings()(ids).detach().requires_grad_()
            loss = model(inputs_embeds=x, labels=ids).loss
            loss.backward()
            return float(loss), x.grad

        before, gradient = loss_and_gradient()
        model.eval()
        with torch.no_grad():
            model(ids)
        model.train()
        after, same = loss_and_gradient()
    assert after == before
    assert torch.equal(gradient, same)
    assert bool(gradient.any())


def test_masks_are_those_of_trl_and_supervise_the_answer_and_its_end(model_path: str, tmp_path: Path) -> None:
    with quiet():
        from datasets import Dataset
        from transformers import AutoModelForCausalLM
        from trl import SFTConfig, SFTTrainer

        tokenizer = load_tokenizer(model_path, None)
        mine = encode(rows(12), tokenizer, 512)
        trainer = SFTTrainer(
            model=AutoModelForCausalLM.from_pretrained(model_path),
            args=SFTConfig(str(tmp_path), use_cpu=True, bf16=False, report_to="none"),
            train_dataset=Dataset.from_list([conversation(row) for row in rows(12)]),
            processing_class=tokenizer,
        )
        theirs = trainer.train_dataset
    assert theirs["input_ids"][:] == mine.ids
    labels = [[-100] * n + ids[n:] for ids, n in zip(mine.ids, mine.prompt_lengths, strict=True)]
    assert theirs["labels"][:] == labels
    for row, ids, n in zip(rows(12), mine.ids, mine.prompt_lengths, strict=True):
        assert tokenizer.decode(ids[n:]) == f" {row.completion}</s>"
        assert ids.count(tokenizer.bos_token_id) == 1
        assert tokenizer.decode(ids[:n]).endswith("\nAssistant:")


def test_the_cpu_loss_is_trls_loss(model_path: str) -> None:
    import torch

    from evalgate.training.sft import completion_loss

    with quiet():
        from transformers import AutoModelForCausalLM
        from trl.trainer.utils import add_fused_lm_head

        model = AutoModelForCausalLM.from_pretrained(model_path)
        ids = torch.randint(3, 300, (3, 20), generator=torch.Generator().manual_seed(0))
        labels = ids.clone()
        labels[:, :12] = -100
        mask = torch.ones_like(ids)
        mask[1, 15:], labels[1, 15:] = 0, -100
        inputs = {"input_ids": ids, "attention_mask": mask, "labels": labels}
        mine = completion_loss(model, inputs, None)
        add_fused_lm_head(model)
        theirs = model(**inputs, fused_lm_head=True).loss
    assert float(mine) == pytest.approx(float(theirs), rel=1e-5)


def test_the_dev_loss_on_a_cpu_is_trls_dev_loss(model_path: str, tmp_path: Path) -> None:
    with quiet():
        from peft import LoraConfig
        from transformers import AutoModelForCausalLM
        from trl import SFTTrainer

        tokenizer = load_tokenizer(model_path, None)
        dev = to_dataset(encode(rows(10), tokenizer, 512))

        def dev_loss(kind: type[Any]) -> float:
            arguments = sft_arguments(RECIPE, device="cpu", output_dir=str(tmp_path), has_dev=True)
            trainer = kind(
                model=AutoModelForCausalLM.from_pretrained(model_path),
                args=sft_config(arguments),
                train_dataset=dev,
                eval_dataset=dev,
                processing_class=tokenizer,
                peft_config=LoraConfig(**lora_arguments(RECIPE)),
            )
            return float(trainer.evaluate()["eval_loss"])

        mine, theirs = dev_loss(trainer_class()), dev_loss(SFTTrainer)
    assert mine == pytest.approx(theirs, rel=1e-5)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"learning_rate": 1e-60}, "adapter-dead"),
        ({"learning_rate": 1e30}, "training-diverged"),
        ({"overrides": {"weigth_decay": 0.1}}, "did you mean `weight_decay`"),
    ],
)
def test_bad_trainings_end_in_errors_and_without_a_card(
    model_path: str, tmp_path: Path, fields: dict[str, Any], error: str
) -> None:
    from msgspec.structs import replace

    with pytest.raises((EvalgateError, UsageError), match=error):
        run(tmp_path, model_path, replace(RECIPE, **fields))
    assert not (tmp_path / "card.json").exists()


def test_dead_b_matrices_are_noticed() -> None:
    import torch

    layer = torch.nn.Module()
    layer.lora_B = torch.nn.Parameter(torch.zeros(2, 2))
    with pytest.raises(EvalgateError, match="adapter-dead"):
        check_alive(layer, "here")


def test_nothing_reaches_the_terminal(model_path: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from msgspec.structs import replace

    run(tmp_path, model_path, replace(RECIPE, max_rows=8))
    assert capfd.readouterr() == ("", "")
