"""Capability of a base and four adapters against one pass of lm-eval alone for the base: MMLU, 5-shot.

`python -m benchmarks.capability_gpu --model FOLDER --questions FOLDER` on a GPU; `questions` has test.jsonl and
dev.jsonl with `subject`, `question`, `choices` and `answer` (a letter). It prints seconds, their ratio (the aim for
2,000 questions on an H200: at most 4.2) and how many items differ. `--limit 2 --subjects 2` tries it on a CPU.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evalgate.backends.hf import HFBackend
from evalgate.backends.model_files import locate
from evalgate.capability.harness import FEWSHOT_SEED, Harness
from evalgate.capability.loading import load_tasks
from evalgate.core.capability import Responses
from evalgate.core.data import CapabilitySpec, ModelSpec
from evalgate.core.seeds import clock
from evalgate.training.quiet import quiet


class Silent:
    """No progress display."""

    def stage(self, name: str, total: int, done: int = 0) -> Any:
        """A stage that shows nothing."""
        from contextlib import nullcontext

        return nullcontext(lambda _=1: None)

    def note(self, text: str) -> None:
        """Print it."""
        print(text)


def write_suite(folder: Path, questions: Path, n_subjects: int) -> int:
    """MMLU's subjects as lm-eval's own tasks over local files; gives how many."""
    rows: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for split in ("dev", "test"):
        for line in (questions / f"{split}.jsonl").read_text().strip().split("\n"):
            row = json.loads(line)
            kept = {k: row[k] for k in ("question", "subject", "choices")} | {"answer": "ABCD".index(row["answer"])}
            if len(row["choices"]) == 4:
                rows[row["subject"]][split].append(kept)
    subjects = sorted(rows)[:n_subjects]
    configs = ""
    for subject in subjects:
        configs += f"- config_name: {subject}\n  data_files:\n"
        for split, found in rows[subject].items():
            path = folder / "data" / subject / f"{split}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(json.dumps(row) + "\n" for row in found))
            configs += f"  - split: {split}\n    path: {subject}/{split}.jsonl\n"
    (folder / "data" / "README.md").write_text(f"---\nconfigs:\n{configs}---\n")
    (folder / "tasks").mkdir()
    members = "".join(f"  - task: mmlu_{s}\n    dataset_path: {folder / 'data'}\n" for s in subjects)
    (folder / "tasks" / "all.yaml").write_text(f"group: asked\ntask:\n{members}")
    return len(subjects)


def save_adapters(model: str, folders: Sequence[Path], dtype: str, device: str) -> None:
    """LoRA adapters with random weights on all linear layers."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    config = LoraConfig(
        r=16, lora_alpha=32, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM"
    )
    with quiet():
        base = AutoModelForCausalLM.from_pretrained(model, dtype=dtype, device_map=device)
        for seed, folder in enumerate(folders):
            torch.manual_seed(seed)
            adapted = get_peft_model(base, config)
            adapted.save_pretrained(folder)
            base = adapted.unload()


def lm_eval_alone(backend: HFBackend, spec: CapabilitySpec, suite: Path, batch: str) -> tuple[float, dict[str, Any]]:
    """Seconds of one pass of lm-eval's own evaluation of the base, and each item's number and likelihoods."""
    from lm_eval.evaluator import evaluate
    from lm_eval.models.huggingface import HFLM

    tasks = load_tasks(spec, suite)
    for task in tasks.values():
        task.set_fewshot_seed(FEWSHOT_SEED)
        task.set_config("num_fewshot", spec.num_fewshot)
    with backend.using(None) as module:
        lm = HFLM(pretrained=module, tokenizer=backend.tokenizer, batch_size=batch, softmax_dtype="float32")
        started = clock()
        found: Any = evaluate(lm, {"tasks": tasks, "groups": {}, "group_map": {}}, limit=spec.limit, bootstrap_iters=0)
        seconds = clock() - started
    return seconds, {
        f"{task}/{row['doc_id']}": (float(row["acc"]), [p for [(p, _)] in row["resps"]])
        for task, rows in found["samples"].items()
        for row in rows
    }


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=36, help="questions a subject; 36 of 57 subjects are 2,052")
    parser.add_argument("--subjects", type=int, default=57)
    parser.add_argument("--shots", type=int, default=5)
    parser.add_argument("--adapters", type=int, default=4)
    parser.add_argument("--batch", default="16", help="lm-eval's batch size, a number or auto")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        suite = Path(place) / "suite"
        suite.mkdir()
        n_subjects = write_suite(suite, given.questions, given.subjects)
        spec = CapabilitySpec(tasks=("asked",), include_path="tasks", num_fewshot=given.shots, limit=given.limit)
        model = ModelSpec(id=given.model)
        backend = HFBackend(model, locate(model))
        names = [f"adapter{i}" for i in range(given.adapters)]
        save_adapters(given.model, [Path(place) / n for n in names], backend.dtype, backend.device)
        for name in names:
            backend.add_adapter(name, str(Path(place) / name))
        started = clock()
        harness = Harness(spec, suite)
        opening = clock() - started
        alone, expected = lm_eval_alone(backend, spec, suite, given.batch)  # first: whatever is warm helps us less
        passes, found = [], {}
        for name in [None, *names]:
            started = clock()
            path = Path(place) / f"{name}.jsonl"
            scores = harness.measure(backend, adapter=name, system=name or "base", path=path, progress=Silent())
            passes.append(round(clock() - started, 2))
            print(f"lm-eval alone {alone:.1f} s, passes {passes}", file=sys.stderr)
            if name is None:
                found = {s.example_id: s for s in scores}
        far = 0.0
        for key, score in found.items():
            assert isinstance(score.responses, Responses)
            far = max([far, *(abs(a - b) for a, b in zip(score.responses.logprobs, expected[key][1], strict=True))])
        print(
            json.dumps(
                {
                    "device": backend.identity["device"],
                    "dtype": backend.dtype,
                    "subjects": n_subjects,
                    "items": len(found),
                    "lm_eval_alone_s": round(alone, 2),
                    "passes_s": passes,
                    "ratio": round(sum(passes) / alone, 2),
                    "tasks_opened_s": round(opening, 2),
                    "items_that_differ": sum(found[key].parts[0] != value for key, (value, _) in expected.items()),
                    "largest_difference_of_a_likelihood": far,
                }
            )
        )


if __name__ == "__main__":
    main()
