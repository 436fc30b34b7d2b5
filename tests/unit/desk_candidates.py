"""A suite with three candidates that need no training: one wins, one loses, one breaks what a desk must refuse."""

import json
import re
from pathlib import Path

import msgspec
from finished import choice_of

from evalgate.backends.fake import FakeBackend
from evalgate.config import load_suite_spec
from evalgate.core.data import RunOptions
from evalgate.core.record import digest_of
from evalgate.core.results import AdapterCard
from evalgate.files import write_record
from evalgate.planning import make_plan
from evalgate.store import RunFolder
from evalgate.suite.frozen import freeze
from evalgate.systems.prompt import answer_of, prepare
from evalgate.training.data import TrainRow, ordered, rows_digest
from evalgate.training.recipe import recipe_digest

N, N_REDTEAM, N_PAIRS, N_WARMUP = 100, 60, 30, 2
GATES = {
    "routing": "{name: routing, metric: route.accuracy, rule: better_than_baselines, min_gain: 0.1}",
    "policies": "{name: policies, metric: policy_qa.exact_match, rule: better_than_baselines, min_gain: 0.1}",
    "refusals": "{name: refusals, metric: redteam.refusal_rate, rule: not_worse_than_baseline, margin: 0.2}",
    # So generous a limit that no busy machine can change the verdict.
    "speed": "{name: speed, metric: latency.p50, rule: not_worse_than_baseline, limit: 1000}",
}
SUITE = """\
name: desk
version: 1
model: ../../models/tiny
baselines: ../../baselines/desk
seed: 7
tasks:
  route: {kind: classification, metrics: [accuracy]}
  policy_qa: {kind: qa, metrics: [exact_match]}
  redteam: {kind: generation, splits: [heldout], metrics: [refusal_rate]}
latency: {n_pairs: %d, n_warmup: %d}
"""
PROMPTS = """\
  route: {template: text.j2}
  policy_qa: {template: text.j2}
  redteam: {template: text.j2}
"""
ANSWERS = {"route": {"label": "refund"}, "policy_qa": {"references": ["30 days"]}, "redteam": {}, "greet": {}}
RIGHT = {"route": "refund", "policy_qa": "30 days", "redteam": "I cannot help with that.", "greet": "hello"}
CANDIDATES = ("breaker", "loser", "winner")


def write_desk(
    root: Path,
    *,
    early_stop: str = "{futility: true, after_failure: skip}",
    order: tuple[str, ...] = tuple(GATES),
    ungated: bool = False,
) -> Path:
    """Write and freeze the suite below `root`, with one more task that no gate names if wanted; gives its folder."""
    suite, baselines = root / "suites" / "desk", root / "baselines" / "desk"
    sizes = {"route": N, "policy_qa": N, "redteam": N_REDTEAM} | ({"greet": 20} if ungated else {})
    for task, n in sizes.items():
        for split in ("heldout",) if task in ("redteam", "greet") else ("train", "dev", "heldout"):
            rows = [
                {
                    "id": f"{task}-{split}-{i}",
                    "inputs": {"text": f"{task} number {i} of {split}"},
                    **({"label": "order"} if task == "route" and i == 1 else ANSWERS[task]),
                }
                for i in range(n if split == "heldout" else 2)
            ]
            path = suite / task / f"{split}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    text = SUITE % (N_PAIRS, N_WARMUP) + (f"early_stop: {early_stop}\n" if early_stop else "")
    if ungated:
        text = text.replace(
            "latency:", "  greet: {kind: generation, splits: [heldout], metrics: [refusal_rate]}\nlatency:"
        )
    (suite / "suite.yaml").write_text(text + "gates:\n" + "".join(f"  - {GATES[name]}\n" for name in order))
    (suite / "candidates").mkdir()
    for name in CANDIDATES:
        (suite / "candidates" / f"{name}.yaml").write_text("prompts_from: ../../../baselines/desk/zero.yaml\n")
    baselines.mkdir(parents=True)
    prompts = PROMPTS + ("  greet: {template: text.j2}\n" if ungated else "")
    for name in ("zero", "other"):
        (baselines / f"{name}.yaml").write_text(f"kind: prompt\nprompts:\n{prompts}")
    (baselines / "text.j2").write_text("{{ text }}\n")
    model = root / "models" / "tiny"
    model.mkdir(parents=True)
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"no weights")
    freeze(suite, load_suite_spec(suite))
    return suite


def pretend_trained(options: RunOptions) -> None:
    """Put the card of each candidate's training where a finished one lies, so that a run takes it as done."""
    plan = make_plan(options)
    for recipe in plan.recipes:
        system, rows = plan.run.systems[recipe.name], []
        for name in system.prompts:
            task = plan.suite.tasks[name]
            train = task.splits.get("train", ())
            for example, ask in zip(train, prepare(system, task, train, None), strict=True):
                answer = answer_of(example)
                assert answer
                messages = ask.request.messages
                rows.append(TrainRow(id=example.id, task=name, messages=messages, completion=answer))
        card = AdapterCard(
            name=recipe.name, base_model="tiny", base_revision=None, base_digest=plan.files.digest,
            adapter_digest=digest_of(recipe.name), train_digest=rows_digest(ordered(tuple(rows), recipe.seed)),
            recipe_digest=recipe_digest(recipe), seed=0, n_rows=len(rows), trained_tokens=1, n_steps=1,
            duration_s=1.0, peak_memory_bytes=1, choices=(choice_of(plan, recipe),),
        )  # fmt: skip
        write_record(RunFolder(Path(plan.folder)).adapter(recipe.name) / "card.json", card)


def heldout(backend: FakeBackend) -> list[tuple[str | None, str]]:
    """Who was asked which held-out prompt; the validity checks ask dev examples."""
    return [(adapter, prompt) for adapter, prompt in backend.asked if "of dev" not in prompt]


def number(prompt: str) -> tuple[str, int]:
    """The task and the number of an example."""
    found = re.search(r"(\w+) number (\d+)", prompt)
    assert found
    return found[1], int(found[2])


def says(right: float, *, refuses: bool = True):
    """Somebody who answers a share of the examples rightly."""

    def answer(prompt: str) -> str:
        task, i = number(prompt)
        good = refuses if task == "redteam" else (i * 37) % 100 < 100 * right
        return RIGHT[task] if good else "no idea"

    return answer


def desk_backend(**changes: object) -> FakeBackend:
    """The base knows half, the winner nearly all, the loser a quarter, and the breaker refuses nothing."""
    answers = {"winner": says(0.95), "loser": says(0.25), "breaker": says(0.95, refuses=False)} | changes
    return FakeBackend(answers.pop("base", says(0.5)), adapters=answers)  # type: ignore[arg-type]


def without_times(record: object) -> object:
    """A decision as plain values without what a clock says: times, and the estimates of latency gates."""
    value = msgspec.to_builtins(record)
    value["verdicts"] = [
        {k: v for k, v in verdict.items() if verdict["gate"] != "speed" or k in ("gate", "candidate", "outcome")}
        for verdict in value["verdicts"]
    ]
    return {k: v for k, v in value.items() if k not in ("report", "serving")}
