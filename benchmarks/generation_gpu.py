"""How fast a model of Llama 2's 7B shape answers on one GPU: transformers' ways beside evalgate's default.

Run: `python benchmarks/generation_gpu.py [PART ...]` (`--help` names the parts; without any, all). Prints one line of
JSON a part, as soon as it is known; a part that fails says so and the others go on. Weights are random, so nothing is
downloaded; the end token cannot be chosen, so every answer has all its tokens. Figures: docs/log.md. `--tiny` runs it
all on a CPU, to see that it works.
"""

from __future__ import annotations

import argparse
import gc
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from gpu_workload import END, GPU, Clock, draw_prompts, open_model, open_tokenizer, profiled, stock

from evalgate.backends import hf
from evalgate.backends.model_files import ModelFiles, locate
from evalgate.core.data import Message, ModelSpec, Sampling
from evalgate.core.protocols import Request

N_PROMPTS, N_NEW = 256, 96
ROOT = Path(__file__).resolve().parents[1]


class Bench:
    """The parts; each gives figures."""

    def __init__(self, tiny: bool, kv_heads: int | None) -> None:
        self.n, self.n_new = (8, 12) if tiny else (N_PROMPTS, N_NEW)
        self.model, self.tokenizer = open_model(tiny, kv_heads), open_tokenizer()
        self.rows = sorted(draw_prompts(self.n), key=len, reverse=True)
        stock(self.model, self.rows[-2:], 2)
        self.backend = self.open_backend(self.model)

    def open_backend(self, model: Any) -> hf.HFBackend:
        """evalgate's default backend on a model that is in memory already."""
        hf.load_model, hf.load_tokenizer = lambda *_: model, lambda *_: self.tokenizer
        with Clock() as clock:
            backend = hf.HFBackend(
                ModelSpec(id="random"), ModelFiles(path="", revision=None, digest="random"), slots=True
            )
        show("opened", {"seconds": round(clock.seconds, 3), **backend.identity})
        return backend

    def ask(self, rows: Sequence[list[int]], n_new: int, backend: Any = None, adapter: str | None = None) -> int:
        """Answer rows through the public door; gives the new tokens."""
        sampling = Sampling(max_tokens=n_new)
        requests = [
            Request(messages=(Message(role="user", content=" ".join(f"w{t}" for t in row[1:])),), sampling=sampling)
            for row in rows
        ]
        answers = [a for _, a in (backend or self.backend).generate(requests, adapter=adapter)]
        assert sum(a.prompt_tokens or 0 for a in answers) == sum(map(len, rows)), "other prompts than the others'"
        return sum(a.completion_tokens or 0 for a in answers)

    def loop(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Three prompts, each alone."""
        rows = self.rows[:: max(1, self.n // 3)][:3]
        with Clock() as clock:
            for row in rows:
                stock(self.model, [row], self.n_new)
        yield "one prompt at a time", clock.report(len(rows) * self.n_new)

    def _stock(self, size: int) -> Iterator[tuple[str, dict[str, Any]]]:
        with Clock() as clock:
            n = sum(
                len(new)
                for i in range(0, self.n, size)
                for new in stock(self.model, self.rows[i : i + size], self.n_new)
            )
        yield f"generate, batch {size}", clock.report(n)

    def stock64(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """`generate` in batches of 64, by length."""
        yield from self._stock(64)

    def stock256(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """`generate` in one batch."""
        yield from self._stock(256)

    def batching(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """transformers' continuous batching, with graphs."""
        from transformers import ContinuousBatchingConfig, GenerationConfig

        settings = GenerationConfig(max_new_tokens=self.n_new, do_sample=False, pad_token_id=0, eos_token_id=END)
        config = ContinuousBatchingConfig(use_cuda_graph=True, max_memory_percent=0.6)
        with Clock() as clock:
            found = self.model.generate_batch(
                self.rows, generation_config=settings, continuous_batching_config=config, progress_bar=False
            )
        yield "generate_batch, graphs", clock.report(sum(len(r.generated_tokens) for r in found.values()))

    def slots(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """evalgate's default, captures included; the second call captures again."""
        for name in ("slots, first call", "slots, second call"):
            with Clock() as clock:
                n = self.ask(self.rows, self.n_new)
            yield name, clock.report(n, **self.trouble())
        for size in (16, 64):
            with Clock() as clock:
                n = self.ask(self.rows[:size], self.n_new)
            yield f"slots, {size} prompts", clock.report(n)

    def trouble(self) -> dict[str, str]:
        """Why slots were left, if they were."""
        return {k: v for k, v in self.backend.identity.items() if k == "decoding_trouble"}

    def step(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Milliseconds of one decoding step at batch 1: what two answers of unlike length differ by."""
        row, short, long = self.rows[self.n // 2 : self.n // 2 + 1], self.n_new // 3, self.n_new
        ways: dict[str, Callable[[int], Any]] = {
            "generate": lambda n: stock(self.model, row, n),
            "slots": lambda n: self.ask(row, n),
        }
        for name, answer in ways.items():
            answer(short)
            seconds = []
            for n in (short, long, 1):
                answer(n)
                with Clock() as clock:
                    answer(n)
                seconds.append(clock.seconds)
            yield (
                f"batch 1, {name}",
                {
                    "step_ms": round(1e3 * (seconds[1] - seconds[0]) / (long - short), 2),
                    "first_token_ms": round(1e3 * seconds[2], 1),
                    "all_tokens_ms": round(1e3 * seconds[1], 1),
                },
            )

    def nf4(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The same model with its layers in NF4. Comes late: it changes the model."""
        import bitsandbytes as bnb

        for module in list(self.model.modules()):
            for name, child in list(module.named_children()):
                if isinstance(child, torch.nn.Linear) and child is not self.model.lm_head:
                    four = bnb.nn.Linear4bit(
                        child.in_features, child.out_features, False, torch.bfloat16, quant_type="nf4"
                    )
                    four.weight = bnb.nn.Params4bit(child.weight.data, requires_grad=False, quant_type="nf4")
                    setattr(module, name, four.to(child.weight.device))
        gc.collect()
        if GPU:
            torch.cuda.empty_cache()
        self.backend = self.open_backend(self.model)
        yield from ((f"nf4, {name}", found) for name, found in self.step())
        with Clock() as clock:
            n = self.ask(self.rows, self.n_new)
        yield "nf4, slots", clock.report(n, **self.trouble())
        with Clock() as clock:
            stock(self.model, self.rows, self.n_new // 4)
        yield "nf4, generate, batch 256, a quarter of the tokens", clock.report(self.n * (self.n_new // 4))

    def lora(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Two random adapters on all layers, answered in turn."""
        from peft import LoraConfig, get_peft_model

        config = LoraConfig(r=16, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
        with tempfile.TemporaryDirectory() as folder:
            adapted = get_peft_model(self.model, config)
            adapted.save_pretrained(folder, save_embedding_layers=False)
            self.model = adapted.unload()
            for name in ("a", "b"):
                self.backend.add_adapter(name, folder)
        for name in ("a", "b", "a"):
            with Clock() as clock:
                n = self.ask(self.rows, self.n_new, adapter=name)
            yield f"slots, adapter {name}", clock.report(n, **self.trouble())
        row = self.rows[self.n // 2 : self.n // 2 + 1]
        seconds = {}
        for n_new in (self.n_new // 3, self.n_new):
            self.ask(row, n_new, adapter="a")
            with Clock() as clock:
                self.ask(row, n_new, adapter="a")
            seconds[n_new] = clock.seconds
        ms = 1e3 * (seconds[self.n_new] - seconds[self.n_new // 3]) / (self.n_new - self.n_new // 3)
        yield "batch 1, slots, adapter a", {"step_ms": round(ms, 2)}
        self.model = self.backend.module.unload()
        self.backend = self.open_backend(self.model)

    def agreement(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Equal greedy texts of a trained small model, 20 dev questions a task."""
        folder = ROOT / "models" / "base-5m"
        files = sorted((ROOT / "suites" / "support").glob("*/dev.jsonl"))
        lines = [json.loads(line) for file in files for line in file.read_text().splitlines()[:20]]
        texts = [str(next(iter(line["inputs"].values())))[:600] for line in lines]
        requests = [
            Request(messages=(Message(role="user", content=text),), sampling=Sampling(max_tokens=32)) for text in texts
        ]
        from evalgate.backends.loading import load_model, load_tokenizer

        hf.load_model, hf.load_tokenizer = load_model, load_tokenizer
        for dtype in ("float32", "bfloat16") if GPU else ("float32",):
            spec = ModelSpec(id=str(folder), dtype=dtype)
            found = {}
            for slots in (False, True):
                backend = hf.HFBackend(spec, locate(spec), slots=slots)
                batch = {i: a.output for i, a in backend.generate(requests)}
                name = "slots" if slots else "generate"
                found[f"{name}, batch"] = [batch[i] for i in range(len(requests))]
                found[f"{name}, single"] = [next(backend.generate([r]))[1].output for r in requests]
            wanted = found["generate, single"]
            equal = {name: sum(a == b for a, b in zip(texts, wanted, strict=True)) for name, texts in found.items()}
            yield f"{dtype}: texts equal to one prompt at a time by generate", {"n": len(wanted), **equal}

    def profile_generate(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Where `generate` spends its time."""
        yield from self._profile("generate", lambda rows, n: stock(self.model, rows, n))

    def profile_slots(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Where evalgate's default spends it."""
        yield from self._profile("slots", self.ask)

    def _profile(
        self, name: str, answer: Callable[[Sequence[list[int]], int], Any]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Milliseconds of the prompts and of a decoding step by kind of work, of all rows at once and of one."""
        n_new = 9 if self.n_new > 9 else 3
        for rows in (self.rows, self.rows[:1]):
            answer(rows, n_new)
            found = {}
            for n in (1, n_new):
                with profiled() as kinds, Clock() as clock:
                    answer(rows, n)
                found[n] = {"wall": 1e3 * clock.seconds, **kinds}
            step = {k: round((v - found[1].get(k, 0)) / (n_new - 1), 2) for k, v in found[n_new].items()}
            prompts = {k: round(v, 1) for k, v in found[1].items()}
            yield f"profile, {name}, batch {len(rows)}, ms", {"step": step, "prompts": prompts}


def show(name: str, figures: dict[str, Any]) -> None:
    """One line of JSON."""
    print(json.dumps({"part": name, **figures}), flush=True)


def main() -> None:
    """Measure the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = (
        "slots",
        "step",
        "stock256",
        "stock64",
        "loop",
        "profile_generate",
        "profile_slots",
        "lora",
        "nf4",
        "agreement",
        "batching",
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(parts))
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--kv-heads", type=int, help="heads of keys and values (32)")
    given = parser.parse_args()
    device = torch.cuda.get_device_name() if GPU else "cpu"
    show("machine", {"device": device, "torch": torch.__version__, "prompts": N_PROMPTS, "new_tokens": N_NEW})
    with Clock() as clock:
        bench = Bench(given.tiny, given.kv_heads)
    show("model", clock.report(0, n_prompt_tokens=sum(map(len, bench.rows)), longest=len(bench.rows[0])))
    for part in given.parts or parts:
        try:
            for name, figures in getattr(bench, part)():
                show(name, figures)
        except Exception as error:  # noqa: BLE001 - the other parts go on
            show(part, {"failed": f"{type(error).__name__}: {str(error)[:300]}"})
            gc.collect()
            if GPU:
                torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
