"""The YAML that a new suite begins with: commented, so that its author knows what each line decides."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from evalgate.bring.items import Item
from evalgate.bring.prompts import Prompts
from evalgate.core.data import TaskKind

_METRICS: dict[TaskKind, tuple[str, ...]] = {
    "classification": ("accuracy", "macro_f1"),
    "extraction": ("field_f1", "json_valid", "exact_object"),
    "summarization": ("rouge_l", "rouge_1", "rouge_2"),
    "qa": ("token_f1", "exact_match"),
    "generation": ("rouge_l", "token_f1", "exact_match"),
}
# The least held-out rows at which a JSON floor of 0.9 can be proved.
_FLOOR_ROWS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the written files say of the new suite."""

    name: str
    task: str
    kind: TaskKind
    model: str
    baselines: str
    origin: tuple[str, ...]
    reason: str
    splits: str
    cleaning: tuple[str, ...]
    n_heldout: int
    seed: int
    min_gain: float
    metrics: tuple[str, ...]
    clustered: bool


def metrics_for(kind: TaskKind, items: Sequence[Item]) -> tuple[tuple[str, ...], str | None]:
    """The metrics of a kind, the one that ranks first; and why, where it is not the usual one.

    ROUGE as Google counts it keeps ASCII letters and digits only: of other scripts it sees nothing.
    """
    usual = _METRICS[kind]
    text = "".join(reference for item in items[:1000] for reference in item.references)
    letters = [c for c in text if c.isalpha()]
    if usual[0].startswith("rouge") and letters and sum(map(str.isascii, letters)) < 0.5 * len(letters):
        return ("token_f1", "exact_match"), "token_f1 ranks, not ROUGE, which sees ASCII letters only"
    return usual, None


def suite_yaml(facts: Facts) -> str:
    """suite.yaml."""
    origin = "".join(f"#   {_plain(line)}\n" for line in facts.origin)
    cleaning = "".join(f"#   cleaned: {_plain(line)}\n" for line in facts.cleaning)
    schema = f"    schema: {facts.task}/schema.json # inferred from the answers: tighten it by hand\n"
    primary = f"{facts.task}.{facts.metrics[0]}"
    gates = f"  - {{ name: better, metric: {primary}, rule: better_than_baselines, min_gain: {facts.min_gain:g} }}\n"
    if facts.kind == "extraction" and facts.n_heldout >= _FLOOR_ROWS and not facts.clustered:
        gates += f"  - {{ name: json, metric: {facts.task}.json_valid, rule: at_least, limit: 0.9 }}\n"
    return f"""\
# Made by `evalgate init` from:
{origin}#   recognised as {_plain(facts.reason)}
#   splits: {_plain(facts.splits)}
{cleaning}# Check an edit with `evalgate validate`; once frozen, release a change with `evalgate freeze --bump`.
name: {facts.name}
version: 1
description: "" # say in a sentence what ships if the gates pass
seed: {facts.seed} # of shots, training and intervals

# The base that prompts are tried on and adapters are trained on: a hub id, or a folder seen from here.
model:
  id: {json.dumps(facts.model)}
  dtype: auto # float32 on a CPU, bfloat16 on a GPU

# The systems to beat. An honest prompt is the best use of an hour: choose its words on dev, never on held-out.
baselines: {facts.baselines}

# Rows lie in {facts.task}/train.jsonl, dev.jsonl and heldout.jsonl. The first metric ranks systems.
tasks:
  {facts.task}:
    kind: {facts.kind}
{schema if facts.kind == "extraction" else ""}    metrics: [{", ".join(facts.metrics)}]

# A candidate ships only if every gate passes. Fractions, never percent. min_gain is the smallest gain that is worth
# shipping: the size of the held-out set was advised for it, so decide on it before you look at any score.
gates:
{gates}
# What a fine-tune may break can be gated, too; suites/support/suite.yaml has all of it. For example:
# latency: {{ n_pairs: 100 }}
#   and a gate: {{ name: latency, metric: latency.p95, rule: not_worse_than_baseline, limit: 1.5 }}
# capability: {{ tasks: [arc_easy], limit: 500 }}
#   and a gate: {{ name: capability, metric: capability.accuracy, rule: not_worse_than_baseline, margin: 0.05 }}
# early_stop: {{}} # spend nothing more on a candidate that cannot ship
# looks: 10 # how many decisions this held-out set may make; each is then judged at alpha / 10
"""


def baseline_yaml(name: str, task: str, prompts: Prompts, *, shots: bool) -> str:
    """One baseline; its template lies beside it."""
    stop = f", stop: {json.dumps(list(prompts.stop))}" if prompts.stop else ""
    shown = f" shots: {prompts.n_shots}," if shots else ""
    what = "Instructions and a few training examples" if shots else "Instructions alone"
    return f"""\
name: {name.replace("_", "-")}
kind: prompt
description: {what}
prompts:
  # max_tokens has room for 99 of 100 references at three characters a token.
  {task}: {{ template: {name}.j2,{shown} max_tokens: {prompts.max_tokens}{stop} }}
"""


def recipe_yaml(prompts_from: str, prompts: Prompts) -> str:
    """The first candidate."""
    return f"""\
# A candidate: an adapter trained on the train split. Each YAML file in this folder is one.
name: qlora
description: A rank-16 adapter on the 4-bit base
method: qlora # lora: the base is not quantised
prompts_from: {prompts_from} # it is trained and asked with this baseline's prompt
learning_rate: 2.0e-4
epochs: 2
batch_size: 16
rank: 16
alpha: 32
max_length: {prompts.max_length} # tokens of prompt and answer; longer rows are dropped and counted
seed: 1 # `seeds: [1, 2, 3]` trains three, and the gain must hold for all
"""


def _plain(text: str) -> str:
    """One line of printable characters: names of files and columns may hold anything, a YAML comment may not."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))
