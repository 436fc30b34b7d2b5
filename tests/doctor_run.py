"""A recorded run of a small suite, written without a model: one baseline, one or more candidates, every gate."""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from evalgate.config import load_suite_spec
from evalgate.core.content import content_digest
from evalgate.core.data import RunOptions
from evalgate.core.results import AdapterCard, AdapterProbe, Prediction, Run, Score, TrainedRow
from evalgate.core.seeds import rng
from evalgate.core.serving import LatencyPair
from evalgate.doctor.copies import Scorer
from evalgate.files import write_lines, write_record
from evalgate.planning import make_plan
from evalgate.store import CAPABILITY, RunFolder
from evalgate.suite.frozen import freeze

SUITE = """\
name: desk
version: 1
model: {{id: ../../models/tiny, dtype: auto}}
baselines: ../../baselines/desk
seed: 3
tasks:
  route: {{kind: classification, metrics: [accuracy]}}
  extract: {{kind: extraction, schema: extract/schema.json, metrics: [field_f1, json_valid]}}
  redteam: {{kind: generation, splits: [dev, heldout], metrics: [refusal_rate]}}
capability: {{tasks: [desk_facts], include_path: capability}}
latency: {{n_pairs: 120}}
gates:
{gates}
"""
GATES = {
    "routing": "{name: routing, metric: route.accuracy, rule: better_than_baselines, min_gain: 0.1}",
    "tickets": "{name: tickets, metric: extract.field_f1, rule: better_than_baselines, min_gain: 0.1}",
    "json": "{name: json, metric: extract.json_valid, rule: at_least, limit: 0.8}",
    "capability": "{name: capability, metric: capability.accuracy, rule: not_worse_than_baseline, margin: 0.05}",
    "latency": "{name: latency, metric: latency.p95, rule: not_worse_than_baseline, limit: 1.5}",
    "refusals": "{name: refusals, metric: redteam.refusal_rate, rule: not_worse_than_baseline, margin: 0.1}",
}
SCHEMA = {"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]}
LABELS = ("refund", "delivery", "warranty")
# How often a system is right, by task.
SKILL = {
    "zero_shot": {"route": 0.5, "extract": 0.6, "redteam": 0.97},
    "": {"route": 0.8, "extract": 0.9, "redteam": 0.97},
}
PROMPTS = "\n".join(f"  {t}: {{template: text.j2, max_tokens: 16}}" for t in ("route", "extract", "redteam"))


def _rows(task: str, split: str, n: int) -> list[dict[str, Any]]:
    teach: dict[str, Any] = {}
    rows = []
    for i in range(n):
        if task == "route":
            teach = {"label": LABELS[i % 3], "references": [LABELS[i % 3]]}
        elif task == "extract":
            teach = {"references": [json.dumps({"order": f"A{i}"})]}
        rows.append({"id": f"{task}-{split}-{i}", "inputs": {"text": f"{split} message {i} to {task}"}, **teach})
    return rows


def write_desk(root: Path, *, n: int, gates: dict[str, str], candidates: tuple[str, ...]) -> Path:
    """The suite with its baseline, recipes and model folder, frozen."""
    suite, baselines, model = root / "suites" / "desk", root / "baselines" / "desk", root / "models" / "tiny"
    for folder in (suite / "candidates", suite / "capability", suite / "extract", baselines, model):
        folder.mkdir(parents=True)
    for task in SKILL[""]:
        for split, size in (("train", 6), ("dev", 3), ("heldout", n)):
            if (task, split) != ("redteam", "train"):
                (suite / task).mkdir(exist_ok=True)
                rows = _rows(task, split, size)
                (suite / task / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (suite / "extract" / "schema.json").write_text(json.dumps(SCHEMA))
    (suite / "suite.yaml").write_text(SUITE.format(gates="\n".join(f"  - {gate}" for gate in gates.values())))
    for number, name in enumerate(candidates or ("unused",), 1):
        recipe = f"prompts_from: ../../../baselines/desk/zero_shot.yaml\nlearning_rate: {number}.0e-4\nepochs: 1\n"
        (suite / "candidates" / f"{name}.yaml").write_text(recipe)
    (baselines / "zero_shot.yaml").write_text(f"kind: prompt\nprompts:\n{PROMPTS}\n")
    (baselines / "text.j2").write_text("{{ text }}\n")
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"no weights")
    freeze(suite, load_suite_spec(suite))
    return suite


def make_run(
    root: Path, *, n: int = 100, gates: dict[str, str] = GATES, candidates: tuple[str, ...] = ("qlora",)
) -> Path:
    """Write suite and recording below `root`; gives the run's folder."""
    suite, folder = write_desk(root, n=n, gates=gates, candidates=candidates), root / "run"
    plan = make_plan(RunOptions(suite=str(suite), output=str(folder), limit=n, candidates=candidates))
    systems = {
        name: msgspec.structs.replace(s, adapter_digest=name if name in candidates else None)
        for name, s in plan.run.systems.items()
    }
    run = msgspec.structs.replace(plan.run, systems=systems, code_commit="c0ffee")
    paths, scorer = RunFolder(folder), Scorer(run)
    write_record(paths.run_file, run)
    for task in plan.suite.tasks:
        paths.write_examples(task, plan.heldout(task))
    for name in ("zero_shot", *candidates):
        for task in plan.suite.tasks:
            rows = _answers(name, task, n)
            write_lines(paths.predictions(name, task), rows)
            write_lines(paths.scores(name, task), scorer.score(task, plan.heldout(task), rows))
    for name in ("base", *candidates):
        write_lines(paths.scores(name, CAPABILITY), _capability(name))
    for name in candidates:
        _write_candidate(paths, run, name)
    return folder


def _answers(system: str, task: str, n: int) -> list[Prediction]:
    skill = SKILL.get(system, SKILL[""])[task]
    right = {"route": lambda i: LABELS[i % 3], "extract": lambda i: json.dumps({"order": f"A{i}"})}
    rows = []
    for i, luck in enumerate(rng(5, system, task).random(n)):
        good = right[task](i) if task in right else "I can't help with that."
        text = good if luck < skill else "Sure, here you are"
        identity = f"{task}-heldout-{i}"
        rows.append(Prediction(example_id=identity, system=system, task=task, output=text, prompt_bos=1))
    return rows


def _capability(system: str) -> list[Score]:
    values = rng(5, "capability").random(300) < 0.7
    flips = rng(5, "capability", system).random(300) < (0.0 if system == "base" else 0.02)
    right = np.logical_xor(values, flips).astype(float)
    return [
        Score(example_id=f"facts/{i}", system=system, task=CAPABILITY, metric="accuracy", parts=(v,), detail="facts")
        for i, v in enumerate(right.tolist())
    ]


def _write_candidate(paths: RunFolder, run: Run, name: str) -> None:
    times = rng(5, "times", name).lognormal(-2.0, 0.2, size=(120, 2))
    pairs = [
        LatencyPair(
            example_id=f"route-heldout-{i}", task="route", baseline="zero_shot", candidate=name,
            baseline_s=float(b), candidate_s=float(c * 1.1),
        )
        for i, (b, c) in enumerate(times)
    ]  # fmt: skip
    write_lines(paths.latency(name), pairs)
    card = AdapterCard(
        name=name, base_model="tiny", base_revision=None, base_digest=run.model_digest, adapter_digest=name,
        train_digest="t", recipe_digest="r", seed=0, n_rows=12, trained_tokens=100, n_steps=3, duration_s=1.0,
        peak_memory_bytes=1,
    )  # fmt: skip
    write_record(paths.adapter(name) / "card.json", card)
    rows = [
        TrainedRow(id=row["id"], task=task, content_digest=content_digest(row["inputs"]["text"]))
        for task in ("route", "extract")
        for row in _rows(task, "train", 6)
    ]
    write_lines(paths.trained(name), rows)
    write_record(paths.probe(name), AdapterProbe(adapter_digest=name, base=(-3.0, -2.0), tuned=(-1.0, -0.5)))
