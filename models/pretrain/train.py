"""Train the embedded base model from scratch on one GPU: general text, in-context skills, simple facts.

    python models/pretrain/train.py --text ../shared/data/text --out models/base-5m --seconds 480

The model is an ordinary Llama of about 5 M parameters. It never sees a row of `suites/`: the synthetic half of its
corpus comes from `mix.py` and `facts.py`, whose domains and wordings are others (tests/unit check the overlap).
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import multiprocessing
import random
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

VOCAB, CONTEXT = 4096, 1024
SPECIAL = ["<pad>", "<s>", "</s>"]
EOS = "</s>"
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}User: {{ m['content'] }}\n"
    "{% elif m['role'] == 'assistant' %}Assistant:{% generation %} {{ m['content'] }}{{ eos_token }}"
    "{% endgeneration %}\n{% else %}{{ m['content'] }}\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)
# Share of training windows by source, before and after the learning rate starts to fall.
EARLY = {"general": 0.34, "skills": 0.60, "facts": 0.06}
LATE = {"general": 0.16, "skills": 0.78, "facts": 0.06}
DECAY_FROM = 0.65


def general_documents(folder: Path) -> list[str]:
    """All documents of the JSONL files (plain or gzipped) in a folder, field `text`."""
    documents: list[str] = []
    for path in sorted(folder.glob("*.jsonl*")):
        opener: Any = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8") as file:
            documents += [json.loads(line)["text"] for line in file]
    return documents


def synthetic(job: tuple[str, int, int]) -> list[str]:
    """Generate documents of one source until `size` characters are reached; one worker's share."""
    source, seed, size = job
    module = import_module({"skills": "models.pretrain.mix", "facts": "models.pretrain.facts"}[source])
    documents: list[str] = []
    for document in module.documents(random.Random(seed)):
        documents.append(document)
        size -= len(document)
        if size <= 0:
            return documents
    return documents


def corpus(text: Path, megabytes: dict[str, int], workers: int) -> dict[str, list[str]]:
    """The documents of the three sources, shuffled."""
    jobs = [
        (source, 1000 * i + n, megabytes[source] * 1_000_000 // workers)
        for i, source in enumerate(("skills", "facts"))
        for n in range(workers)
    ]
    sources: dict[str, list[str]] = {"general": general_documents(text), "skills": [], "facts": []}
    with multiprocessing.Pool(workers) as pool:
        for job, documents in zip(jobs, pool.imap(synthetic, jobs), strict=True):
            sources[job[0]] += documents
    for documents in sources.values():
        random.Random(0).shuffle(documents)
    for name, documents in sources.items():
        print(f"{name}: {len(documents)} documents, {sum(map(len, documents)) / 1e6:.0f} M characters", flush=True)
    return sources


def train_tokenizer(sources: dict[str, list[str]]) -> Any:
    """Byte-level BPE with single digits, so that numbers can be copied digit by digit."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB, special_tokens=SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    some = [d for name, step in (("general", 3), ("skills", 6), ("facts", 12)) for d in sources[name][::step]]
    tokenizer.train_from_iterator((d.replace(EOS, "") for d in some), trainer)
    return tokenizer


def encode(tokenizer: Any, documents: list[str]) -> np.ndarray[Any, np.dtype[np.uint16]]:
    """All documents in one row of token ids, each between `<s>` and `</s>`; `</s>` marks inside are single tokens."""
    chunks = []
    for i in range(0, len(documents), 8000):
        texts = [d.rstrip().removesuffix(EOS) for d in documents[i : i + 8000]]
        chunks += [np.array([1, *encoding.ids, 2], dtype=np.uint16) for encoding in tokenizer.encode_batch(texts)]
    return np.concatenate(chunks)


def make_model() -> Any:
    """The untrained model, fp32."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCAB,
        hidden_size=256,
        intermediate_size=640,
        num_hidden_layers=6,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    return LlamaForCausalLM(config)


class Windows:
    """Random windows of CONTEXT tokens, drawn from the sources by weight."""

    def __init__(self, ids: dict[str, np.ndarray[Any, np.dtype[np.uint16]]], batch: int) -> None:
        import torch

        self.data = {k: torch.from_numpy(v.astype(np.int32)).cuda() for k, v in ids.items()}
        self.batch, self.generator = batch, np.random.default_rng(0)
        self.offsets = torch.arange(CONTEXT, device="cuda")

    def draw(self, weights: dict[str, float]) -> Any:
        """One batch of token ids, shape [batch, CONTEXT]."""
        import torch

        counts = self.generator.multinomial(self.batch, list(weights.values()))
        rows = []
        for name, n in zip(weights, counts, strict=True):
            data = self.data[name]
            starts = torch.from_numpy(self.generator.integers(0, len(data) - CONTEXT, n)).cuda()
            rows.append(data[starts[:, None] + self.offsets])
        return torch.cat(rows).long()


def learning_rate(fraction: float, step: int, peak: float) -> float:
    """Warm-up over 200 steps, flat, then a cosine to zero from DECAY_FROM on."""
    rate = peak * min(1.0, (step + 1) / 200)
    if fraction > DECAY_FROM:
        rate *= 0.5 * (1 + math.cos(math.pi * (fraction - DECAY_FROM) / (1 - DECAY_FROM)))
    return rate


def train(model: Any, windows: Windows, seconds: float, peak: float) -> None:
    """AdamW for a fixed time; prints the loss as it goes."""
    import torch

    model.cuda().train()
    compiled = torch.compile(model)
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() <= 1]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=peak, betas=(0.9, 0.95), fused=True)
    start, step, seen = time.time(), 0, 0
    while (fraction := (time.time() - start) / seconds) < 1:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(fraction, step, peak)
        ids = windows.draw(EARLY if fraction < DECAY_FROM else LATE)
        with torch.autocast("cuda", torch.bfloat16):
            loss = compiled(input_ids=ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step, seen = step + 1, seen + ids.numel()
        if step % 500 == 0:
            rate = seen / (time.time() - start)
            print(f"step {step} f {fraction:.2f} loss {loss.item():.3f} {seen / 1e6:.0f} Mtok {rate:.0f}/s", flush=True)
    print(f"done: {step} steps, {seen / 1e6:.0f} M tokens, loss {loss.item():.3f}", flush=True)


def save(model: Any, tokenizer: Any, out: Path) -> None:
    """Write bf16 safetensors, tokenizer and chat template."""
    import torch
    from transformers import PreTrainedTokenizerFast

    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token=EOS,
        model_max_length=2048,
        padding_side="left",
    )
    wrapped.chat_template = TEMPLATE
    model.to(torch.bfloat16).eval()
    model.generation_config.do_sample = False
    model.save_pretrained(out)
    wrapped.save_pretrained(out)


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, required=True, help="folder of JSONL files with a field `text`")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=480, help="training time after the corpus is ready")
    parser.add_argument("--workers", type=int, default=multiprocessing.cpu_count())
    parser.add_argument("--batch", type=int, default=128, help="windows of 1,024 tokens a step")
    parser.add_argument("--rate", type=float, default=3e-3, help="peak learning rate")
    parser.add_argument("--skills-mb", type=int, default=400)
    parser.add_argument("--facts-mb", type=int, default=40)
    options = parser.parse_args()
    started = time.time()
    sources = corpus(options.text, {"skills": options.skills_mb, "facts": options.facts_mb}, options.workers)
    tokenizer = train_tokenizer(sources)
    print(f"tokenizer after {time.time() - started:.0f} s", flush=True)
    ids = {name: encode(tokenizer, documents) for name, documents in sources.items()}
    for name, row in ids.items():
        print(f"{name}: {len(row) / 1e6:.1f} M tokens", flush=True)
    print(f"corpus after {time.time() - started:.0f} s", flush=True)
    model = make_model()
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters", flush=True)
    train(model, Windows(ids, options.batch), options.seconds, options.rate)
    save(model, tokenizer, options.out)
    print(f"total {time.time() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
