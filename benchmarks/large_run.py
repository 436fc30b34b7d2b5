"""The large run that other benchmarks measure: summaries and labelled messages, three baselines, three candidates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from rouge import texts

from evalgate.core.data import Example, GateSpec, MetricUse, ModelSpec, SuiteSpec, SystemSpec, Task, TaskSpec
from evalgate.core.results import Prediction, Run
from evalgate.core.seeds import rng
from evalgate.files import write_lines, write_record
from evalgate.store import RunFolder

TEXT = (
    *("rouge_l", "rouge_1", "rouge_2", "bleu", "token_f1", "exact_match"),
    *("rouge_lsum", "chrf", "numeric_match", "length_ratio", "novel_ngrams", "copied_span"),
)
LABELLED = ("accuracy", "macro_f1")
LABELS = ("billing", "delivery", "refund", "warranty", "account", "other")
BASELINES, CANDIDATES = ("zero-shot", "few-shot", "rag"), ("qlora-1", "qlora-2", "qlora-3")
SYSTEMS = (*BASELINES, *CANDIDATES)
GATES = (
    GateSpec(name="win", metric="summarize.rouge_l", rule="better_than_baselines"),
    GateSpec(name="keep", metric="route.accuracy", rule="not_worse_than_baseline", margin=0.02),
    GateSpec(name="floor", metric="route.accuracy", rule="at_least", limit=0.6),
)


def summaries(n: int, system: int, length: int) -> tuple[list[Example], list[str]]:
    """Examples with an input of which the reference is a part, and one system's answers."""
    pairs = texts(n, length, 4)
    examples = [
        Example(id=str(i), inputs={"text": f"{reference} {pairs[i - 1][0]}"}, references=(reference,))
        for i, (reference, _) in enumerate(pairs)
    ]
    return examples, [f"{answer} {system} of {i}" for i, (_, answer) in enumerate(pairs)]


def messages(n: int, system: int, _length: int) -> tuple[list[Example], list[str]]:
    """Labelled examples and one system's labels, mostly right."""
    generator = rng(3, "labels", system)
    truth = rng(3, "truth").choice(LABELS, size=n)
    answers = np.where(generator.random(n) < 0.7, truth, generator.choice([*LABELS, "no idea"], size=n))
    return [Example(id=str(i), inputs={}, label=str(t)) for i, t in enumerate(truth)], [str(a) for a in answers]


def record(folder: Path, n: int, length: int, names: Sequence[str], systems: int = 6) -> list[Task]:
    """Write a recording without scores, everything else as a run leaves it; returns the tasks that have metrics."""
    chosen = {
        "summarize": [name for name in TEXT if name in names],
        "route": [name for name in LABELLED if name in names],
    }
    specs = [
        TaskSpec(name=name, kind=kind, data=name, metrics=tuple(MetricUse(name=metric) for metric in chosen[name]))
        for name, kind in (("summarize", "summarization"), ("route", "classification"))
        if chosen[name]
    ]
    spec = {"kind": "prompt", "backend": "none", "model": "none", "prompts": {}}
    suite = SuiteSpec(name="large", version=1, model=ModelSpec(id="none"), tasks=tuple(specs), gates=GATES)
    run = Run(
        id="large", suite=suite, suite_folder="none", suite_digest="0", data_digest="0", model_digest="0",
        systems={name: SystemSpec(name=name, **spec) for name in SYSTEMS[:systems]}, baselines=BASELINES[:systems],
        candidates=CANDIDATES[: max(0, systems - len(BASELINES))], gates=GATES, seed=1, limit=None,
        started="2026-01-01T00:00:00+00:00",
    )  # fmt: skip
    paths, tasks = RunFolder(folder), []
    write_record(paths.run_file, run)
    for task, make in zip(specs, [{"summarize": summaries, "route": messages}[s.name] for s in specs], strict=True):
        for number, system in enumerate(run.systems):
            examples, outputs = make(n, number, length)
            write_lines(paths.predictions(system, task.name), _answers(examples, outputs, system, task.name))
        write_lines(paths.examples(task.name), examples)
        tasks.append(Task(spec=task, splits={"heldout": tuple(examples)}))
    return tasks


def _answers(examples: Sequence[Example], outputs: Sequence[str], system: str, task: str) -> Iterator[Prediction]:
    for example, output in zip(examples, outputs, strict=True):
        yield Prediction(
            example_id=example.id, system=system, task=task, output=output, latency_s=0.2, prompt_tokens=300,
            completion_tokens=80, request_digest="0" * 64,
        )  # fmt: skip
