"""evalgate's transformers backend beside a plain loop, lm-eval's `hf` and inspect-ai's `hf`: same model, same prompts.

`make bench` runs it (`python -m benchmarks.engine [--rounds N] [--prompts N] [--questions N]`). All contestants answer
in one process, one after the other in every round, so that other work on the machine meets all alike; ratios are taken
within a round and their median is shown. Greedy texts must be equal, likelihoods equal to 1e-4, or it exits with 1.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.engine_questions import MAX_TOKENS, MODEL, choices, prompts
from evalgate.core.seeds import clock

TOLERANCE = 1e-4
N_ADAPTERS = 4
Times = dict[str, list[float]]


def main() -> int:
    """Run all parts; 1 if an answer differs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--prompts", type=int, default=200)
    parser.add_argument("--questions", type=int, default=500)
    chosen = parser.parse_args()
    quiet()
    import torch
    import transformers

    from evalgate.backends.hf import HFBackend
    from evalgate.backends.model_files import locate
    from evalgate.core.data import ModelSpec

    spec = ModelSpec(id=str(MODEL), dtype="float32")
    started = clock()
    backend = HFBackend(spec, locate(spec))
    load_s = clock() - started
    print(f"{MODEL.name} in float32, {torch.get_num_threads()} threads, torch {torch.__version__}, ", end="")
    print(f"transformers {transformers.__version__}; {chosen.rounds} rounds\n")
    equal = [texts(backend, chosen.prompts, chosen.rounds), likelihoods(backend, chosen.questions, chosen.rounds)]
    equal.append(five_systems(backend, chosen.prompts, chosen.rounds, load_s))
    return 0 if all(equal) else 1


def texts(backend: Any, n: int, rounds: int) -> bool:
    """Greedy text of prompts with one beginning."""
    from benchmarks.engine_rivals import Evalgate, Inspect, LmEval, Loop
    from evalgate.backends.batching import shared_prefix

    asked = prompts(n)
    rows = [backend.tokenizer(text).input_ids for text in asked]
    shared = shared_prefix(rows)
    print(f"{n} prompts of {statistics.mean(map(len, rows)):.0f} tokens, {shared} of them shared, ", end="")
    print(f"at most {MAX_TOKENS} new tokens")
    contestants: dict[str, Callable[[list[str]], list[str]]] = {
        "loop, one at a time": Loop(backend.module, backend.tokenizer).answer,
        "lm-eval hf": LmEval(backend.module, backend.tokenizer).answer,
    }
    try:
        contestants["inspect-ai hf"] = Inspect().answer
    except ImportError:
        print("(inspect-ai is not installed: `make bench` installs it)")
    contestants["evalgate"] = Evalgate(backend).answer
    times, found = in_rounds(contestants, asked, rounds)
    wanted = [text.strip() for text in found["loop, one at a time"]]
    same = {name: [t.strip() for t in given] == wanted for name, given in found.items()}
    table(times, {name: "equal" if ok else "DIFFER" for name, ok in same.items()}, "texts")
    return all(same.values())


def likelihoods(backend: Any, n: int, rounds: int) -> bool:
    """Four choices a question, without examples and with five."""
    from benchmarks.engine_rivals import Evalgate, LmEval

    good = True
    for n_shots, n_questions in ((0, n), (5, n // 5)):
        asked = choices(n_questions, n_shots)
        print(f"{n_questions} questions of four choices by likelihood, {n_shots} examples before each")
        contestants = {
            "lm-eval hf": LmEval(backend.module, backend.tokenizer).likelihoods,
            "evalgate": Evalgate(backend).likelihoods,
        }
        times, found = in_rounds(contestants, asked, rounds)
        off = max(abs(a - b) for a, b in zip(found["lm-eval hf"], found["evalgate"], strict=True))
        table(times, {"lm-eval hf": "", "evalgate": f"largest difference {off:.1e}"}, "scores")
        good &= off <= TOLERANCE
    return good


def five_systems(backend: Any, n: int, rounds: int, load_s: float) -> bool:
    """The base and four adapters on one loaded base: all seconds, and those spent in the model's forward passes.

    A forward pass counts once for all lanes: seconds in passes are divided by the lanes that ran them side by side.
    """
    from benchmarks.engine_rivals import Evalgate
    from evalgate.backends.lanes import lanes_for

    asked, engine = prompts(n), Evalgate(backend)
    with tempfile.TemporaryDirectory() as root:
        folders = {f"adapter-{k}": _adapter(Path(root) / f"adapter-{k}", k) for k in range(1, 1 + N_ADAPTERS)}
        started = clock()
        for name, folder in folders.items():
            backend.add_adapter(name, folder)
        adding_s = clock() - started
    systems: list[str | None] = [None, *folders]
    alone = {system: engine.answer(asked, system) for system in systems}
    taken, pure = [], []
    for _ in range(rounds):
        with in_passes(backend.module.get_base_model()) as passes:
            started = clock()
            together = {system: engine.answer(asked, system) for system in systems}
            taken.append(clock() - started)
        pure.append(sum(passes) / lanes_for(backend.device))
        if together != alone:
            print("FIVE SYSTEMS DIFFER")
            return False
    ratios = [all_s / pass_s for all_s, pass_s in zip(taken, pure, strict=True)]
    print(f"base and {N_ADAPTERS} adapters on {n} prompts each: one load of {load_s:.2f} s, adapters {adding_s:.2f} s")
    print(
        f"  in forward passes {statistics.median(pure):7.2f} s\n  all together {statistics.median(taken):12.2f} s",
        end="",
    )
    print(f"   median ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})\n")
    return True


@contextlib.contextmanager
def in_passes(module: Any) -> Iterator[list[float]]:
    """Seconds of each forward pass of a module, whichever thread it runs in."""
    begun, seconds = threading.local(), list[float]()

    def before(*_: Any) -> None:
        begun.at = clock()

    def after(*_: Any) -> None:
        seconds.append(clock() - begun.at)

    hooks = [module.register_forward_pre_hook(before), module.register_forward_hook(after)]
    try:
        yield seconds
    finally:
        for hook in hooks:
            hook.remove()


def in_rounds(
    contestants: dict[str, Callable[[Any], Any]], asked: Sequence[Any], rounds: int
) -> tuple[Times, dict[str, Any]]:
    """Seconds of each contestant in each round, after a short warm-up, and its last answers."""
    for answer in contestants.values():
        answer(asked[:8])
    times: Times = {name: [] for name in contestants}
    found = {}
    for k in range(rounds):
        names = [*contestants][k % len(contestants) :] + [*contestants][: k % len(contestants)]
        for name in names:
            started = clock()
            found[name] = contestants[name](asked)
            times[name].append(clock() - started)
    return times, found


def table(times: Times, remarks: dict[str, str], what: str) -> None:
    """Medians, and how many times as long as evalgate each took: the median of the rounds, least and most."""
    print(f"  {'':22}{'median s':>9}{'x evalgate':>12}{'least, most':>15}  {what}")
    for name, seconds in times.items():
        ratios = [theirs / ours for theirs, ours in zip(seconds, times["evalgate"], strict=True)]
        spread = f"{min(ratios):.2f}, {max(ratios):.2f}"
        middle = f"{statistics.median(seconds):9.2f}{statistics.median(ratios):12.2f}"
        print(f"  {name:22}{middle}{spread:>15}  {remarks[name]}")
    print(flush=True)


def quiet() -> None:
    """Libraries' warnings and progress would stand between the tables."""
    import logging

    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")


def _adapter(folder: Path, seed: int) -> str:
    """A LoRA adapter of rank 16 on all linear layers with small random weights."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    config = LoraConfig(r=16, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(MODEL, dtype="float32"), config)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.02)
    model.save_pretrained(folder)
    return str(folder)


if __name__ == "__main__":
    sys.exit(main())
