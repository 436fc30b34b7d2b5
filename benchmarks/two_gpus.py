"""One GPU against two: the same rows in every step, the loss curve within noise, the speed-up.

Run on a machine with two GPUs of one host, from the repository's root:

    export PYTHONPATH=/tmp/site PYTHONUNBUFFERED=1          # where wheels were installed with `pip install --target`
    export NCCL_NVLS_ENABLE=0 TORCH_SYMM_MEM_DISABLE_MULTICAST=1 NVSHMEM_DISABLE_NVLS=1
    timeout 400 python3 benchmarks/two_gpus.py | tee two_gpus.txt     # also: --shape 7b, --no-fsdp, --rows 640

The training processes inherit PYTHONPATH; the three NCCL settings keep NVLink multicast off and are set here if they
are not. `--cpu` tries the script itself on a tiny shape. Needs torch (2.11 will do), transformers (5.17 will do) with
tokenizers, trl, peft, bitsandbytes, accelerate, datasets, safetensors, and of evalgate's own msgspec, numpy and pyyaml.
Nothing is downloaded: the base has random weights, the rows are random words. Written for 1b to end within 200 s on two
H200s, loading included; `--rows N` (default 320, batches of 16) changes how long each training is.

Four trainings, each in processes of its own, through the same door as `num_gpus: 2` in a recipe:
  one     QLoRA on one GPU, micro-batches of 4
  noise   the same with micro-batches of 2: what rounding alone does to the curve
  two     the same recipe with `num_gpus: 2` (DDP)
  fsdp2   LoRA on the bf16 base with an FSDP2 file passed through, against `lora`, the same on one GPU
Prints a line of JSON for each (curve, tokens/s, seconds a step, peak GB), then whether every step had the same rows,
the largest difference of the loss curves and the speed-up; a training that fails says so and the others go on.
Dropout is 0: its random masks are the one thing that cannot be the same on another number of processes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from msgspec.structs import replace

from evalgate.core.data import Message, Recipe
from evalgate.core.record import from_json, to_json_line
from evalgate.core.seeds import rng
from evalgate.training import launch, trainer, worker
from evalgate.training.data import TrainRow, ordered
from evalgate.training.work import Job

ROOT = Path(__file__).resolve().parents[1]
SHAPES: dict[str, dict[str, Any]] = {
    "tiny": {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
             "num_key_value_heads": 2, "vocab_size": 512},
    "1b": {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32,
           "num_key_value_heads": 8, "head_dim": 64, "vocab_size": 128256},
    "7b": {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32,
           "num_key_value_heads": 32, "vocab_size": 32000},
}  # fmt: skip
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}{{ m['content'] }}\n{% elif m['role'] == "
    "'assistant' %}Answer: {{ m['content'] }}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}Answer:{% endif %}"
)
FSDP2 = """\
compute_environment: LOCAL_MACHINE
distributed_type: FSDP
mixed_precision: 'no'
num_machines: 1
machine_rank: 0
fsdp_config:
  fsdp_version: 2
  fsdp_auto_wrap_policy: TRANSFORMER_BASED_WRAP
  fsdp_transformer_layer_cls_to_wrap: LlamaDecoderLayer
  fsdp_reshard_after_forward: true
  fsdp_state_dict_type: FULL_STATE_DICT
  fsdp_offload_params: false
  fsdp_activation_checkpointing: false
  fsdp_cpu_ram_efficient_loading: false
"""
# Inherited by the training processes.
ENVIRONMENT = {"NCCL_NVLS_ENABLE": "0", "TORCH_SYMM_MEM_DISABLE_MULTICAST": "1", "NVSHMEM_DISABLE_NVLS": "1",
               "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "4"}  # fmt: skip
N_WARM = 3  # steps before time is taken


class Silent:
    """A progress that shows nothing."""

    def stage(self, name: str, total: int, done: int = 0) -> Any:
        """Nothing."""
        from contextlib import nullcontext

        return nullcontext(lambda *_: None)

    def note(self, text: str) -> None:
        """A line, to see that rows were left out."""
        print(text, file=sys.stderr)


def save_model(folder: Path, shape: dict[str, Any], *, cuda: bool) -> None:
    """A random model of a shape and a tokenizer of bytes, as files."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = {token: i for i, token in enumerate(["<pad>", "<s>", "</s>", *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=tokens, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>",
                            chat_template=TEMPLATE).save_pretrained(folder)  # fmt: skip
    config = AutoConfig.for_model("llama", **shape, max_position_embeddings=4096, tie_word_embeddings=True,
                                  bos_token_id=1, eos_token_id=2, pad_token_id=0)  # fmt: skip
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda" if cuda else "cpu"):
        model = AutoModelForCausalLM.from_config(config)
    torch.set_default_dtype(torch.float32)
    model.save_pretrained(folder)


def rows_of(n: int) -> list[TrainRow]:
    """Rows of some 150 to 600 tokens, a byte each: words to sort, which a model can begin to learn."""
    words, random = ("lamp", "sofa", "chair", "table", "shelf", "couch", "desk", "stool"), rng(0, "two-gpus")
    found = []
    for i in range(n):
        picked = [words[k] for k in random.integers(len(words), size=int(random.integers(15, 60)))]
        text = Message(role="user", content=f"{i} sort: {' '.join(picked)}")
        found.append(TrainRow(id=f"r{i:05}", task="sort", messages=(text,), completion=" ".join(sorted(picked))))
    return found


def observed(kind: type[Any], file: Path) -> type[Any]:
    """A trainer's class that writes for each step when it began, its rows with loss, and all its tokens."""
    import torch

    class Observed(kind):  # type: ignore[misc]
        """See the function."""

        def get_batch_samples(self, *arguments: Any, **options: Any) -> Any:
            """One step's micro-batches of this process."""
            batches, n_items = super().get_batch_samples(*arguments, **options)
            rows, n_tokens = [], 0
            for batch in batches:
                for ids, labels in zip(batch["input_ids"].tolist(), batch["labels"].tolist(), strict=True):
                    if any(label != -100 for label in labels):
                        text = [i for i in ids if i]  # without padding
                        rows.append(hash(tuple(text)))
                        n_tokens += len(text)
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self.note({"step": self.state.global_step, "rows": rows, "n_tokens": n_tokens, "began": time.monotonic()})
            return batches, n_items

        def train(self, *arguments: Any, **options: Any) -> Any:
            """The whole training; its end closes the last step."""
            result = super().train(*arguments, **options)
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            peak = torch.cuda.max_memory_allocated() / 1e9 if torch.cuda.is_available() else 0.0
            self.note({"ended": time.monotonic(), "peak_gb": peak})
            return result

        def note(self, line: dict[str, Any]) -> None:
            """One line of the file."""
            with file.open("a") as out:
                out.write(json.dumps(line) + "\n")

    return Observed


def work(spec: Path) -> None:
    """One process of a training, observed."""
    made, folder = trainer.trainer_class, spec.parent.parent
    file = folder.with_name(f"{folder.name}.rank{os.environ.get('RANK', '0')}")
    trainer.trainer_class = lambda: observed(made(), file)
    if "RANK" in os.environ:
        worker.main(spec)
    else:
        from contextlib import ExitStack

        from evalgate.training.quiet import quiet

        with quiet(), ExitStack() as stack:
            trainer.fit(from_json(spec.read_bytes(), Job), Silent(), stack)


def measure(recipe: Recipe, model: Path, folder: Path, rows: list[TrainRow]) -> dict[str, Any]:
    """Train a recipe in processes of its own, and what can be said of it; `failed` if it could not be."""
    place = folder / recipe.name
    job = Job(recipe=recipe, rows=ordered(rows, recipe.seed), dev_rows=(), model_path=str(model), revision=None,
              base_digest="random", folder=str(place))  # fmt: skip
    started = time.monotonic()
    try:
        if launch.processes(recipe) > 1:
            launch.launched(job, recipe, place, Silent(), module="benchmarks.two_gpus")
        else:
            spec = place / launch.FOLDER / launch.SPEC
            spec.parent.mkdir(parents=True)
            spec.write_bytes(to_json_line(job))
            alone = os.environ | {"CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]}
            subprocess.run([sys.executable, __file__, str(spec)], check=True, env=alone)
    except Exception as error:  # noqa: BLE001 - the other trainings are worth their numbers
        log = place / launch.FOLDER / "log.txt"
        tail = log.read_text(errors="replace")[-3000:] if log.exists() else ""
        found = {"name": recipe.name, "failed": str(error)[:1500], "log": tail}
        print(json.dumps(found), flush=True)
        return found
    return said(recipe, place, time.monotonic() - started)


def said(recipe: Recipe, place: Path, wall_s: float) -> dict[str, Any]:
    """What a training's files say."""
    card = json.loads((place / "card.json").read_text())
    ranks = [[json.loads(line) for line in file.read_text().splitlines()]
             for file in sorted(place.parent.glob(f"{place.name}.rank*"))]  # fmt: skip
    steps = [{"rows": sorted(row for rank in ranks for row in rank[k]["rows"]),
              "n_tokens": sum(rank[k]["n_tokens"] for rank in ranks)} for k in range(len(ranks[0]) - 1)]  # fmt: skip
    warm = min(N_WARM, len(steps) - 1)
    seconds = ranks[0][-1]["ended"] - ranks[0][warm]["began"]
    found = {
        "name": recipe.name,
        "n_steps": len(steps),
        "tokens_per_s": round(sum(step["n_tokens"] for step in steps[warm:]) / seconds, 1),
        "step_s": round(seconds / (len(steps) - warm), 4),
        "peak_gb": [round(rank[-1]["peak_gb"], 2) for rank in ranks],
        "wall_s": round(wall_s, 1),
        "curve": [round(point["loss"], 6) for point in card["curves"] if point["loss"] is not None],
    }
    print(json.dumps(found), flush=True)
    return found | {"steps": steps}


def compare(one: dict[str, Any], two: dict[str, Any]) -> None:
    """A sentence of two trainings."""
    if "failed" in one or "failed" in two:
        print(f"{one['name']} against {two['name']}: not comparable, one failed")
        return
    same = [a["rows"] for a in one["steps"]] == [b["rows"] for b in two["steps"]]
    apart = max(abs(a - b) for a, b in zip(one["curve"], two["curve"], strict=True))
    print(f"{one['name']} against {two['name']}: rows of all {len(one['steps'])} steps equal: {same}; largest "
          f"difference of the loss curves {apart:.6f} nats (first {one['curve'][0]:.4f}, last {one['curve'][-1]:.4f}); "
          f"{one['tokens_per_s']:.0f} against {two['tokens_per_s']:.0f} tokens/s: "
          f"{two['tokens_per_s'] / one['tokens_per_s']:.2f} times")  # fmt: skip


def main() -> None:
    """All trainings and the comparisons."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=["1b", "7b", "tiny"], default="1b")
    parser.add_argument("--rows", type=int, default=320)
    parser.add_argument("--no-fsdp", action="store_true")
    parser.add_argument("--cpu", action="store_true", help="two processes on the CPU and the tiny shape")
    asked = parser.parse_args()
    for key, value in ENVIRONMENT.items():
        os.environ.setdefault(key, value)
    if asked.cpu:
        os.environ |= {launch.USE_CPU: "true", "OMP_NUM_THREADS": "1"}
        asked.shape, asked.no_fsdp = "tiny", True
    one = Recipe(name="one", prompts={}, dropout=0.0, max_length=1024, max_rows=asked.rows, batch_size=16,
                 overrides={"logging_steps": 1, "save_steps": 10_000})  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="two-gpus-") as name:
        folder, rows = Path(name), rows_of(asked.rows)
        model = folder / "model"
        saving = f"import sys; from pathlib import Path; from benchmarks.two_gpus import SHAPES, save_model; " \
                 f"save_model(Path(sys.argv[1]), SHAPES['{asked.shape}'], cuda={not asked.cpu})"  # fmt: skip
        subprocess.run([sys.executable, "-c", saving, str(model)], check=True, cwd=ROOT)
        small = {**one.overrides, "per_device_train_batch_size": 2, "gradient_accumulation_steps": 8}
        alone = measure(one, model, folder, rows)
        noise = measure(replace(one, name="noise", overrides=small), model, folder, rows)
        both = measure(replace(one, name="two", num_gpus=2), model, folder, rows)
        print()
        compare(alone, noise)
        compare(alone, both)
        if not asked.no_fsdp:
            file = folder / "fsdp2.yaml"
            file.write_text(FSDP2)
            bare = replace(one, name="lora", method="lora", overrides={**one.overrides, "optim": "adamw_torch"})
            lora = measure(bare, model, folder, rows)
            sharded = replace(bare, name="fsdp2", num_gpus=2, accelerate_config=str(file))
            compare(lora, measure(sharded, model, folder, rows))


if __name__ == "__main__":
    if len(sys.argv) == 2 and sys.argv[1].endswith(launch.SPEC):
        work(Path(sys.argv[1]))
    else:
        main()
