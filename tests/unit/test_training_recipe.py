"""The recipe's keyword dictionaries, whole, and the rows' order, masks and refusals. No torch."""

from pathlib import Path
from typing import Any

import pytest

from evalgate.core.data import Message, PromptDraft, Recipe, Replay
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.training.checkpoints import open_checkpoints
from evalgate.training.data import TrainRow, conversation, encode, ordered, rows_digest
from evalgate.training.recipe import as_named, lora_arguments, quantization_arguments, recipe_digest, sft_arguments

RECIPE = Recipe(name="qlora", prompts={})
COMMON = {
    "output_dir": "out",
    "learning_rate": 2e-4,
    "num_train_epochs": 1.0,
    "max_length": 512,
    "seed": 0,
    "data_seed": 0,
    "lr_scheduler_type": "cosine",
    "warmup_steps": 0.03,
    "max_grad_norm": 0.3,
    "weight_decay": 0.0,
    "completion_only_loss": True,
    "train_sampling_strategy": "sequential",
    "eval_packing": False,
    "eval_strategy": "steps",
    "eval_steps": 0.25,
    "save_strategy": "steps",
    "save_steps": 0.25,
    "save_total_limit": 2,
    "logging_steps": 0.02,
    "logging_first_step": True,
    "logging_nan_inf_filter": False,
    "dataloader_num_workers": 0,
    "dataset_kwargs": {"skip_prepare_dataset": True},
    "report_to": "none",
    "disable_tqdm": True,
    "torch_compile": False,
    "gradient_checkpointing": None,
}


class WordTokenizer:
    """Words as ids: 1 opens, 2 closes, a word's length plus 2 stands for it."""

    bos_token_id, eos_token_id = 1, 2
    bos, eos = (1,), (2,)

    def apply_chat_template(self, talks: list[Any], add_generation_prompt: bool = False, **_: Any) -> dict[str, Any]:
        return {"input_ids": [self.one(talk) for talk in talks]}

    def one(self, talk: list[dict[str, str]]) -> list[int]:
        ids = list(self.bos)
        for message in talk:
            ids += [len(word) + 2 for word in message["content"].split()]
            ids += self.eos if message["role"] == "assistant" else ()
        return ids


def row(name: str, prompt: str = "how are you", completion: str = "fine") -> TrainRow:
    return TrainRow(id=name, task="t", messages=(Message(role="user", content=prompt),), completion=completion)


def test_cpu_arguments() -> None:
    assert sft_arguments(RECIPE, device="cpu", output_dir="out", has_dev=True) == COMMON | {
        "per_device_train_batch_size": 16,
        "gradient_accumulation_steps": 1,
        "per_device_eval_batch_size": 16,
        "use_cpu": True,
        "bf16": False,
        "optim": "adamw_torch",
        "activation_checkpointing": False,
        "dataloader_pin_memory": False,
    }


def test_cuda_arguments() -> None:
    assert sft_arguments(RECIPE, device="cuda", output_dir="out", has_dev=True) == COMMON | {
        "per_device_train_batch_size": 4,
        "gradient_accumulation_steps": 4,
        "per_device_eval_batch_size": 4,
        "use_cpu": False,
        "bf16": True,
        "optim": "paged_adamw_8bit",
        "activation_checkpointing": True,
        "dataloader_pin_memory": True,
    }


def test_micro_batches_divide_the_batch_and_no_dev_rows_means_no_evaluation() -> None:
    arguments = sft_arguments(Recipe(name="r", prompts={}, batch_size=6), device="cuda", output_dir="o", has_dev=False)
    assert arguments["per_device_train_batch_size"] * arguments["gradient_accumulation_steps"] == 6
    assert arguments["eval_strategy"] == "no"


def test_lora_arguments_take_their_overrides_and_sft_the_others() -> None:
    recipe = Recipe(name="r", prompts={}, rank=8, alpha=8, dropout=0.0, overrides={"use_rslora": True, "optim": "sgd"})
    assert lora_arguments(recipe) == {
        "r": 8,
        "lora_alpha": 8,
        "lora_dropout": 0.0,
        "target_modules": "all-linear",
        "bias": "none",
        "task_type": "CAUSAL_LM",
        "use_rslora": True,
    }
    arguments = sft_arguments(recipe, device="cpu", output_dir="o", has_dev=False)
    assert arguments["optim"] == "sgd"
    assert "use_rslora" not in arguments


def test_quantization_is_nf4_with_double_quantisation_and_only_for_qlora() -> None:
    assert quantization_arguments(RECIPE, "bfloat16") == {
        "load_in_4bit": True,
        "bnb_4bit_quant_type": "nf4",
        "bnb_4bit_use_double_quant": True,
        "bnb_4bit_compute_dtype": "bfloat16",
    }
    assert quantization_arguments(Recipe(name="r", prompts={}, method="lora"), "bfloat16") is None


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("num_train_epochs", "has a key of its own\n  at: r.yaml\n\nhint: set `epochs:` in the recipe instead"),
        ("output_dir", "is fixed\n  at: r.yaml\n\nhint: remove `output_dir` from `overrides`"),
    ],
)
def test_reserved_overrides_are_refused(key: str, text: str) -> None:
    recipe = Recipe(name="r", prompts={}, overrides={key: 1}, path="r.yaml")
    with pytest.raises(UsageError) as caught:
        sft_arguments(recipe, device="cpu", output_dir="o", has_dev=False)
    assert str(caught.value) == f"error[reserved-override]: recipe 'r' overrides `{key}`, which {text}"


def test_packing_that_lets_rows_see_each_other_is_refused() -> None:
    recipe = Recipe(name="r", prompts={}, overrides={"packing": True, "packing_strategy": "wrapped"}, path="r.yaml")
    with pytest.raises(UsageError) as caught:
        sft_arguments(recipe, device="cpu", output_dir="o", has_dev=False)
    assert str(caught.value) == (
        "error[bad-packing]: recipe 'r' overrides `packing_strategy` with `wrapped`, which cuts answers and lets rows "
        "see each other\n  at: r.yaml\n\n"
        "hint: take `packing_strategy` out of `overrides`: TRL's own, bfd, keeps rows whole and apart"
    )


def test_recipe_digest_ignores_names_and_places_only() -> None:
    same = Recipe(name="other", prompts={}, description="words", path="elsewhere.yaml")
    assert recipe_digest(same) == recipe_digest(RECIPE)
    assert recipe_digest(Recipe(name="qlora", prompts={}, seed=1)) != recipe_digest(RECIPE)


def test_recipe_digest_knows_templates_and_replay_by_their_content(tmp_path: Path) -> None:
    def digest(folder: str, template: str = "{{ text }}", rows: bytes = b"row\n", share: float = 0.1) -> str:
        file = tmp_path / folder / "replay.jsonl"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(rows)
        prompts = {"route": PromptDraft(template=template, template_path=str(file.with_name("t.j2")))}
        return recipe_digest(Recipe(name="r", prompts=prompts, replay=Replay(path=str(file), share=share)))

    same = digest("a")
    assert digest("b") == digest("b", rows=b"row\r\n") == same
    assert len({same, digest("a", "{{ x }}"), digest("a", rows=b"other\n"), digest("a", share=0.2)}) == 4


def test_order_depends_on_the_seed_and_not_on_the_order_given() -> None:
    rows = [row(str(i)) for i in range(50)]
    assert ordered(rows, 1) == ordered(rows[::-1], 1)
    assert ordered(rows, 1) != ordered(rows, 2)
    assert ordered(rows, 1, 5) == ordered(rows, 1)[:5]
    assert rows_digest(rows) != rows_digest(rows[::-1])


def test_a_row_is_a_conversational_prompt_and_completion() -> None:
    assert conversation(row("a")) == {
        "prompt": [{"role": "user", "content": "how are you"}],
        "completion": [{"role": "assistant", "content": "fine"}],
    }


def test_encoding_counts_tokens_and_drops_what_does_not_fit() -> None:
    rows = [row(str(i)) for i in range(200)] + [row("long", prompt="word " * 30)]
    encoded = encode(rows, WordTokenizer(), max_length=10)
    assert (len(encoded.ids), encoded.n_dropped) == (200, 1)
    assert (encoded.n_tokens, encoded.n_supervised) == (200 * 6, 200 * 2)
    assert encoded.ids[0] == [1, 5, 5, 5, 6, 2]
    assert encoded.prompt_lengths[0] == 4


class TwoStarts(WordTokenizer):
    bos = (1, 1)


class NoEnd(WordTokenizer):
    eos = ()


class Restless(WordTokenizer):
    """Renders a prompt alone in another way than with its answer."""

    def one(self, talk: list[dict[str, str]]) -> list[int]:
        return super().one(talk) if len(talk) > 1 else [*super().one(talk), 99]


@pytest.mark.parametrize(
    ("tokenizer", "max_length", "message"),
    [
        (
            TwoStarts(),
            10,
            "error[bos-not-once]: a rendered row has 2 BOS tokens; exactly one must stand first\n  at: t: row 'a'\n\n"
            "hint: let the chat template write {{ bos_token }} once, at its start, and keep it out of the data",
        ),
        (
            NoEnd(),
            10,
            "error[eos-not-supervised]: the answer does not end with the EOS token, so the model would not learn to "
            "stop\n  at: t: row 'a'\n\n"
            "hint: write {{ eos_token }} after the assistant's content in the chat template",
        ),
        (
            Restless(),
            10,
            "error[prompt-not-prefix]: the prompt's tokens are not the beginning of the whole conversation's tokens\n"
            "  at: t: row 'a'\n\n"
            "hint: use a chat template that renders a prompt alike with and without its answer",
        ),
        (
            WordTokenizer(),
            5,
            "error[rows-too-long]: 1 of 1 training rows are longer than max_length = 5 (longest: 6)\n\n"
            "hint: set `max_length: 6` in the recipe, or shorten the prompt",
        ),
    ],
)
def test_rows_that_would_be_masked_wrongly_are_errors(tokenizer: Any, max_length: int, message: str) -> None:
    with pytest.raises(EvalgateError) as caught:
        encode([row("a")], tokenizer, max_length)
    assert str(caught.value) == message


def test_no_rows_is_an_error() -> None:
    with pytest.raises(EvalgateError, match="no-training-rows"):
        encode([], WordTokenizer(), 10)


def test_the_newest_whole_checkpoint_is_found_and_torn_or_foreign_ones_go(tmp_path: Any) -> None:
    folder = tmp_path / "checkpoints"
    assert open_checkpoints(folder, "a") is None
    for step, text in ((5, '{"global_step": 5}'), (20, '{"global_step": 20}'), (100, '{"glob')):
        (folder / f"checkpoint-{step}").mkdir()
        (folder / f"checkpoint-{step}" / "trainer_state.json").write_text(text)
    newest = open_checkpoints(folder, "a")
    assert newest is not None
    assert newest.name == "checkpoint-20"
    assert not (folder / "checkpoint-100").exists()
    assert open_checkpoints(folder, "b") is None
    assert not (folder / "checkpoint-5").exists()


def test_checkpointing_by_its_older_name_is_the_same() -> None:
    recipe = Recipe(name="r", prompts={}, overrides={"gradient_checkpointing": False})
    arguments = sft_arguments(recipe, device="cuda", output_dir="o", has_dev=False)
    assert (arguments["activation_checkpointing"], arguments["gradient_checkpointing"]) == (False, False)


def test_arguments_take_the_names_of_the_trainer_that_is_installed() -> None:
    arguments = {"activation_checkpointing": True, "gradient_checkpointing": None, "seed": 1}
    assert as_named(arguments, {"activation_checkpointing", "seed"}) == arguments
    assert as_named(arguments, {"gradient_checkpointing", "seed"}) == {"gradient_checkpointing": True, "seed": 1}
