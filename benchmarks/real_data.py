"""A prompt, its neighbours or a fine-tune: three public tasks and a model of 27 million parameters, side by side.

Run: `python benchmarks/real_data.py --data DATA --model MODEL --to FOLDER`. DATA holds as JSON lines `tweetsumm`
(support dialogues with human summaries), `banking77` (messages with one of 77 intents) and `sgd_json_extraction`
(dialogues with what was agreed, as JSON); docs/real-data.md says where they come from. Writes a project into FOLDER,
freezes the suite, runs `evalgate run` there and prints the table. `--only write` stops before the run, so that it can
be made on another machine; `--only table` prints the table of a finished run.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

Row = dict[str, Any]
SIZES = {"summarize": (900, 100, 110), "intent": (2500, 200, 500), "extract": (1000, 100, 300)}  # train, dev, held-out
SERVICES = ("Flights_1", "Events_2", "Music_2", "Restaurants_1", "Media_1", "Movies_1")
MAIN = {"summarize": "rouge_l", "intent": "accuracy", "extract": "field_f1"}

SUITE = """\
name: real
version: 1
seed: 7
model: {{ id: {model} }}
baselines: ../../baselines/real
tasks:
  summarize: {{ kind: summarization, metrics: [rouge_l, rouge_1, rouge_2] }}
  intent: {{ kind: classification, metrics: [accuracy, macro_f1], constraint: choices }}
  extract:
    kind: extraction
    schema: extract/schema.json
    constraint: json_schema
    metrics: [field_f1, exact_object]
gates:
  - {{ name: summaries, metric: summarize.rouge_l, rule: better_than_baselines, min_gain: 0.02 }}
  - {{ name: intents, metric: intent.accuracy, rule: better_than_baselines, min_gain: 0.02 }}
  - {{ name: tickets, metric: extract.field_f1, rule: better_than_baselines, min_gain: 0.02 }}
"""
ASKS = {
    "summarize": "Summarise this support conversation in two sentences.",
    "intent": "Which of these does the customer ask about: {{ labels | join(', ') }}?",
    "extract": "Write as JSON what was agreed in this conversation with {{ service }}.",
}
SHORT = {"summarize": "Summarise the conversation.", "intent": "Intent of the message.", "extract": ASKS["extract"]}
FIELD = {"summarize": "dialogue", "intent": "message", "extract": "dialogue"}
ANSWER = {"summarize": "Summary:", "intent": "Intent:", "extract": "JSON:"}
TOKENS = {"summarize": 96, "intent": 16, "extract": 120}
SHOTS = {"summarize": 1, "intent": 8, "extract": 2}
RECIPE = "prompts_from: ../../../baselines/real/tuned.yaml\nepochs: 2\nbatch_size: 32\nmax_length: 1000\nseed: 1\n"
CANDIDATES = {
    "qlora": "method: qlora\nlearning_rate: 1.0e-3\nrank: 16\nalpha: 32\n" + RECIPE,
    "lora": "method: lora\nlearning_rate: 1.0e-3\nrank: 16\nalpha: 32\n" + RECIPE,
    "full": "method: full\nlearning_rate: 3.0e-4\n"
    + RECIPE
    + "overrides: { per_device_train_batch_size: 32, gradient_accumulation_steps: 1, gradient_checkpointing: false }\n",
    "qlora-dpo": "method: qlora\nlearning_rate: 1.0e-3\nrank: 16\nalpha: 32\n"
    + RECIPE
    + "dpo: { data: pairs.jsonl, beta: 0.1, learning_rate: 2.0e-5, epochs: 1 }\n",
}


def read(path: Path) -> list[Row]:
    """The rows of a JSON lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write(path: Path, rows: list[Row]) -> None:
    """Rows as JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def summaries(data: Path) -> dict[str, list[Row]]:
    """Dialogues with one summary to learn from and, held out, all that people wrote."""
    files = {"train": "cleaned_train", "dev": "cleaned_valid", "heldout": "cleaned_test"}
    found: dict[str, list[Row]] = {}
    for split, name in files.items():
        found[split] = [
            {
                "inputs": {"dialogue": row["dialogue"]},
                "references": row["summaries"] if split == "heldout" else [row["summary"]],
            }
            for row in read(data / "tweetsumm" / f"{name}.jsonl")
        ]
    return found


def intents(data: Path) -> dict[str, list[Row]]:
    """Messages with their intent; dev is a part of the published training set."""

    def rows(name: str) -> list[Row]:
        found = read(data / "banking77" / f"{name}.jsonl")
        random.Random(7).shuffle(found)
        return [{"inputs": {"message": r["text"]}, "references": [r["intent"]], "label": r["intent"]} for r in found]

    train = rows("train")
    return {"train": train[:2500], "dev": train[2500:2700], "heldout": rows("test")}


def tickets(data: Path) -> tuple[dict[str, list[Row]], Row]:
    """Dialogues of six services with their final state, and one schema for all of them."""
    folder = data / "sgd_json_extraction"
    schemas = json.loads((folder / "train_schemas.json").read_text(encoding="utf-8"))
    properties: Row = {}
    for service in SERVICES:
        for name in schemas[service]["properties"]:
            properties[name] = {"type": "string"}
    found = [
        {
            "inputs": {"dialogue": row["dialogue"], "service": row["service"]},
            "references": [json.dumps(row["target"])],
            "tags": [row["service"]],
        }
        for row in read(folder / "train.jsonl")
        if row["service"] in SERVICES
    ]
    random.Random(7).shuffle(found)
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {"heldout": found[:300], "dev": found[300:400], "train": found[400:]}, schema


def template(task: str, asks: str, *, shots: bool = False) -> str:
    """A prompt of a task."""
    name, answer = FIELD[task], ANSWER[task]
    shown = (
        f"{{% for shot in shots %}}\n{{{{ shot.{name} }}}}\n{answer} {{{{ shot.answer }}}}\n\n{{% endfor %}}\n"
        if shots
        else ""
    )
    return f"{asks}\n\n{shown}{{{{ {name} }}}}\n{answer}\n"


def baselines(folder: Path) -> None:
    """Zero-shot, fixed examples, the nearest examples, and the prompts of the candidates."""
    kinds = {
        "zero_shot": ("prompt", ASKS, None),
        "few_shot": ("prompt", ASKS, "{n}"),
        "nearest": ("prompt", ASKS, "{{n: {n}, choose: nearest}}"),
        "tuned": ("tuned", SHORT, None),
    }
    for name, (kind, asks, shots) in kinds.items():
        lines = [f"name: {name.replace('_', '-')}", f"kind: {kind}", "prompts:"]
        for task in SIZES:
            (folder / name).mkdir(parents=True, exist_ok=True)
            (folder / name / f"{task}.j2").write_text(template(task, asks[task], shots=shots is not None))
            shown = f", shots: {shots.format(n=SHOTS[task])}" if shots else ""
            stop = ', stop: ["\\n"]'
            lines.append(f"  {task}: {{ template: {name}/{task}.j2, max_tokens: {TOKENS[task]}{shown}{stop} }}")
        (folder / f"{name}.yaml").write_text("\n".join(lines) + "\n")


def pairs(rows: dict[str, dict[str, list[Row]]]) -> list[Row]:
    """Preferences: each training answer before that of another row of its task, 300 a task."""
    found = []
    for task, splits in rows.items():
        train = splits["train"]
        for row, other in islice(pairwise(train), 300):
            asks = SHORT[task].replace("{{ service }}", row["inputs"].get("service", ""))
            prompt = f"{asks}\n\n{row['inputs'][FIELD[task]]}\n{ANSWER[task]}"
            chosen, rejected = row["references"][0], other["references"][0]
            if chosen != rejected:
                found.append({"prompt": prompt, "chosen": chosen, "rejected": rejected})
    return found


def write_project(data: Path, model: str, root: Path) -> Path:
    """The whole project; gives the suite's folder."""
    suite = root / "suites" / "real"
    extract, schema = tickets(data)
    rows = {"summarize": summaries(data), "intent": intents(data), "extract": extract}
    for task, splits in rows.items():
        for split, n in zip(("train", "dev", "heldout"), SIZES[task], strict=True):
            named = [{"id": f"{task}-{split}-{i}", **row} for i, row in enumerate(splits[split][:n])]
            write(suite / task / f"{split}.jsonl", named)
    (suite / "extract" / "schema.json").write_text(json.dumps(schema))
    (suite / "suite.yaml").write_text(SUITE.format(model=model))
    write(suite / "candidates" / "pairs.jsonl", pairs(rows))
    for name, text in CANDIDATES.items():
        (suite / "candidates" / f"{name}.yaml").write_text(f"name: {name}\n{text}")
    baselines(root / "baselines" / "real")
    return suite


def table(run: Path) -> str:
    """Scores with intervals, and what each training took, as Markdown."""
    decision = json.loads((run / "decision.json").read_text(encoding="utf-8"))
    shown: dict[tuple[str, str], str] = {}
    for score in decision["scores"]:
        if MAIN.get(score["task"]) == score["metric"] and score["estimate"]:
            value, low, high = (100 * score["estimate"][key] for key in ("value", "low", "high"))
            shown[score["system"], score["task"]] = f"{value:.1f} ({low:.1f} to {high:.1f})"
    lines = ["| system | " + " | ".join(f"{t}, {m}" for t, m in MAIN.items()) + " | training | peak memory |"]
    lines.append("|---" * (len(MAIN) + 3) + "|")
    for name in dict.fromkeys(name for name, _ in shown):
        place = run / "adapters" / name
        cards = [place / "card.json"] if (place / "card.json").exists() else sorted(place.glob("*/card.json"))
        cost = [json.loads(card.read_text(encoding="utf-8")) for card in cards]
        seconds = f"{sum(c['duration_s'] for c in cost):.0f} s" if cost else ""
        memory = f"{max(c['peak_memory_bytes'] for c in cost) / 1e9:.2f} GB" if cost else ""
        cells = [shown.get((name, task), "") for task in MAIN]
        lines.append(f"| {name} | {' | '.join(cells)} | {seconds} | {memory} |")
    return "\n".join([*lines, "", f"decision: {decision['outcome']} {decision.get('ship') or ''}"])


def main() -> None:
    """Write, freeze, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--model", default="")
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--only", choices=("write", "run", "table"))
    parser.add_argument("--limit", default="")
    asked = parser.parse_args()
    suite, out = asked.to / "suites" / "real", asked.to / "run"
    command = [sys.executable, "-m", "evalgate.cli"]
    if asked.only in (None, "write"):
        write_project(asked.data, str(Path(asked.model).resolve()), asked.to)
        subprocess.run([*command, "freeze", str(suite)], check=True)
    if asked.only in (None, "run"):
        model = ["--model", asked.model] if asked.only == "run" and asked.model else []
        limit = ["-L", asked.limit] if asked.limit else []
        done = subprocess.run([*command, "run", str(suite), "-o", str(out), "--drop", *model, *limit], check=False)
        if done.returncode not in (0, 1, 2):  # not a decision
            sys.exit(done.returncode)
    if asked.only != "write":
        print(table(out))


if __name__ == "__main__":
    main()
