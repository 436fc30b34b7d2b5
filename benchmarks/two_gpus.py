"""One GPU against two: the same rows in every step, the loss curve within noise, the speed-up.

Run on a machine with two GPUs of one host, from the repository's root:

    export PYTHONPATH=/tmp/site PYTHONUNBUFFERED=1          # where wheels were installed with `pip install --target`
    timeout 400 python3 -m benchmarks.two_gpus | tee two_gpus.txt   # the planned way, 1b shape, 64 rows a step
    timeout 590 python3 -m benchmarks.two_gpus --shape 7b --batch 16 64
    timeout 590 python3 -m benchmarks.two_gpus --stock              # TRL's own way, and FSDP2

The training processes inherit PYTHONPATH; settings that keep NVLink multicast off are made here if they are not.
`--cpu` tries the script itself on a tiny shape. Needs torch (2.11 will do), transformers (5.17 will do) with
tokenizers, trl, peft, bitsandbytes, accelerate, datasets, safetensors, liger-kernel and triton, and of evalgate's own
msgspec, numpy and pyyaml. Nothing is downloaded: the base has random weights, the rows are random words. Each process
takes some 40 s before it trains, so that the first command should end within 200 s on two H200s.

Trainings, each in processes of its own, the second through the same door as `num_gpus: 2` in a recipe; for each number
of rows a step that `--batch` names:
  one     QLoRA on one GPU
  two     the same recipe with `num_gpus: 2` (DDP)
  noise   with `--noise`: one GPU in packs (or micro-batches) of half the size: what rounding alone does to the curve
  fsdp2   with `--stock`, unless `--no-fsdp`: LoRA on the bf16 base with an FSDP2 file, against `lora` on one GPU
Prints a line of JSON for each: its way (`plan`: packs a step and process, layers computed again, tokens of the largest
pack, predicted need of a card; null is TRL's own way), loss curve, tokens/s between the fifth and the last step, and by
process peak, reserved and all memory that the card has in use at the end. Then whether every step had the same rows,
the largest difference of the loss curves and the speed-up; a training that fails prints the end of its log, and the
others go on. Dropout is 0 in the comparison of curves: its masks cannot be the same on another number of processes.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from msgspec.structs import replace

from benchmarks.two_gpus_process import HALVED, N_WARM, PRETEND, Silent
from evalgate.core.artefacts import CARD
from evalgate.core.data import Message, Recipe
from evalgate.core.drafts import Checkpoints
from evalgate.core.record import to_json_line
from evalgate.core.seeds import rng
from evalgate.training import launch
from evalgate.training.data import TrainRow, ordered
from evalgate.training.selection import chooses
from evalgate.training.work import TRAINED, Job

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
PROCESS = "benchmarks.two_gpus_process"
TAIL = 3000  # characters of a failed training's log


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


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """End what takes too long: processes that wait for each other would wait for ever."""

    def late(*_: Any) -> None:
        raise TimeoutError(f"more than {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def alone(spec: Path, log: Path) -> None:
    """A training in one process, on the first GPU."""
    first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-m", PROCESS, str(spec)], stdout=out, stderr=subprocess.STDOUT,
                                   env=os.environ | {"CUDA_VISIBLE_DEVICES": first}, cwd=ROOT)  # fmt: skip
        try:
            if process.wait():
                raise RuntimeError(f"exit code {process.returncode}")
        finally:
            process.kill()


def measure(recipe: Recipe, model: Path, folder: Path, rows: list[TrainRow], limit_s: float) -> dict[str, Any]:
    """Train a recipe in processes of its own, and what can be said of it; `failed` if it could not be."""
    place = folder / recipe.name
    job = Job(recipe=recipe, rows=ordered(rows, recipe.seed), dev_rows=(), model_path=str(model), revision=None,
              base_digest="random", folder=str(place))  # fmt: skip
    started, log = time.monotonic(), place / launch.FOLDER / "log.txt"
    try:
        with within(limit_s):
            if launch.processes(recipe) > 1:
                launch.launched(job, recipe, place, Silent(), module=PROCESS)
            else:
                log.parent.mkdir(parents=True)
                spec = log.with_name(launch.SPEC)
                spec.write_bytes(to_json_line(job))
                alone(spec, log)
        return said(recipe, place, time.monotonic() - started)
    except Exception as error:  # noqa: BLE001 - the other trainings are worth their numbers
        found = {"name": recipe.name, "failed": f"{type(error).__name__}: {error}"[:1500]}
        print(json.dumps(found), flush=True)
        if log.exists():
            print(log.read_text(errors="replace")[-TAIL:], flush=True)
        return found


def said(recipe: Recipe, place: Path, wall_s: float) -> dict[str, Any]:
    """What a training's files say."""
    # That of several processes: no checkpoint is chosen here.
    file = place / TRAINED if launch.processes(recipe) > 1 and chooses(recipe) else place / CARD
    card = json.loads(file.read_text())
    ranks = [json.loads(file.read_text()) for file in sorted(place.parent.glob(f"{place.name}.rank*"))]
    steps = [together(ranks, k) for k in range(card["n_steps"])]
    (warm, start), (last, end) = ((int(step), at) for step, at in ranks[0]["began"].items())
    found = {
        "name": recipe.name,
        "n_steps": len(steps),
        "plan": ranks[0]["plan"],
        "tokens_per_s": round(sum(step["n_tokens"] for step in steps[warm:last]) / (end - start), 1),
        "step_s": round((end - start) / (last - warm), 4),
        "tokens_a_step": round(sum(step["n_tokens"] for step in steps) / len(steps)),
        **{key: [round(rank.get(key, 0.0), 2) for rank in ranks] for key in ("peak_gb", "reserved_gb", "card_gb")},
        "wall_s": round(wall_s, 1),
        "curve": [round(point["loss"], 6) for point in card["curves"] if point["loss"] is not None],
    }
    print(json.dumps(found), flush=True)
    return found | {"steps": steps}


def together(ranks: list[dict[str, Any]], step: int) -> dict[str, Any]:
    """The rows of one step in all processes, and their tokens."""
    n = ranks[0]["per_step"]
    micro = [one for rank in ranks for one in rank["micro"][step * n : (step + 1) * n]]
    return {"rows": sorted(row for rows, _ in micro for row in rows), "n_tokens": sum(tokens for _, tokens in micro)}


def compare(one: dict[str, Any], two: dict[str, Any]) -> None:
    """A sentence of two trainings."""
    if "failed" in one or "failed" in two:
        print(f"{one['name']} against {two['name']}: not comparable, one failed", flush=True)
        return
    same = [a["rows"] for a in one["steps"]] == [b["rows"] for b in two["steps"]]
    apart = max(abs(a - b) for a, b in zip(one["curve"], two["curve"], strict=False))
    print(f"{one['name']} against {two['name']}: rows of all {len(one['steps'])} steps equal: {same}; largest "
          f"difference of the loss curves {apart:.6f} nats (first {one['curve'][0]:.4f}, last {one['curve'][-1]:.4f}); "
          f"{one['tokens_per_s']:.0f} against {two['tokens_per_s']:.0f} tokens/s: "
          f"{two['tokens_per_s'] / one['tokens_per_s']:.2f} times", flush=True)  # fmt: skip


def main() -> None:
    """All trainings and the comparisons."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=["1b", "7b", "tiny"], default="1b")
    parser.add_argument("--batch", type=int, nargs="+", help="rows of a step; 64, with --stock 16")
    parser.add_argument("--steps", type=int, default=20, help=f"{N_WARM} before time is taken (20)")
    parser.add_argument("--stock", action="store_true", help="TRL's own way, in micro-batches of 4")
    parser.add_argument("--noise", action="store_true")
    parser.add_argument("--no-fsdp", action="store_true")
    parser.add_argument("--limit", type=float, default=150, help="seconds of one training, loading included (150)")
    parser.add_argument("--cpu", action="store_true", help="two processes on the CPU and the tiny shape")
    asked = parser.parse_args()
    for key, value in ENVIRONMENT.items():
        os.environ.setdefault(key, value)
    # A worker of accelerate's finds evalgate by its own path, and this package by this one.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    if asked.cpu:
        os.environ |= {launch.USE_CPU: "true", "OMP_NUM_THREADS": "1", **({} if asked.stock else {PRETEND: "1"})}
        asked.shape, asked.no_fsdp = "tiny", True
    with tempfile.TemporaryDirectory(prefix="two-gpus-") as name:
        folder = Path(name)
        model = folder / "model"
        saving = f"import sys; from pathlib import Path; from benchmarks.two_gpus import SHAPES, save_model; " \
                 f"save_model(Path(sys.argv[1]), SHAPES['{asked.shape}'], cuda={not asked.cpu})"  # fmt: skip
        subprocess.run([sys.executable, "-c", saving, str(model)], check=True, cwd=ROOT)
        for batch in asked.batch or [16 if asked.stock else 64]:
            pair(asked, batch, model, folder)


def pair(asked: argparse.Namespace, batch: int, model: Path, folder: Path) -> None:
    """The trainings of so many rows a step."""
    rows = rows_of(batch * asked.steps)
    stock = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": batch // 4} if asked.stock else {}
    one = Recipe(name=f"one-{batch}", prompts={}, dropout=0.0, max_length=1024, max_rows=len(rows), batch_size=batch,
                 checkpoints=Checkpoints(evaluations=1, keep="last"),
                 overrides={"logging_steps": 4, **stock})  # fmt: skip

    def trained(recipe: Recipe) -> dict[str, Any]:
        return measure(recipe, model, folder, rows, asked.limit)

    alone = trained(one)
    compare(alone, trained(replace(one, name=f"two-{batch}", num_gpus=2)))
    if asked.noise:
        half = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": batch // 2} if asked.stock else {}
        os.environ[HALVED] = "1"
        compare(alone, trained(replace(one, name=f"noise-{batch}", overrides=one.overrides | half)))
        del os.environ[HALVED]
    if asked.stock and not asked.no_fsdp:
        file = folder / "fsdp2.yaml"
        file.write_text(FSDP2)
        bare = replace(one, name=f"lora-{batch}", method="lora", overrides=one.overrides | {"optim": "adamw_torch"})
        lora = trained(bare)
        compare(lora, trained(replace(bare, name=f"fsdp2-{batch}", num_gpus=2, accelerate_config=str(file))))


if __name__ == "__main__":
    main()
