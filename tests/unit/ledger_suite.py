"""A suite with a ledger whose candidates count as trained, so that whole runs need no model."""

from pathlib import Path
from typing import Any

from finished import choice_of
from recorder import Recorder
from small_suite import ANSWERS, RECIPE, rows_of, write_rows, write_suite

from evalgate import pipeline
from evalgate.backends.fake import FakeBackend
from evalgate.config import load_suite_spec
from evalgate.core.data import RunOptions
from evalgate.core.results import AdapterCard, Decision
from evalgate.files import write_record
from evalgate.looks import training_rows
from evalgate.planning import make_plan
from evalgate.store import RunFolder
from evalgate.suite.frozen import freeze
from evalgate.training.data import ordered, rows_digest
from evalgate.training.recipe import recipe_digest
from evalgate.training.replay import with_replay

N = 40
GATES = """\
gates:
  - {name: routing, metric: route.accuracy, rule: better_than_baselines, min_gain: 0.2}
  - {name: json, metric: extract.json_valid, rule: at_least, limit: 0.5, alpha: 0.02}
"""


def write_ledger_suite(root: Path, head: str = "looks: 2\n", n: int = N) -> Path:
    """Write and freeze the suite with two recipes, `good` and `other`; `head` is added to suite.yaml."""
    folder = write_suite(root)
    text = (folder / "suite.yaml").read_text()
    kept = [line for line in text.split("gates:")[0].splitlines() if not line.startswith(("capability", "latency"))]
    (folder / "suite.yaml").write_text("\n".join(kept) + "\n" + head + GATES)
    write_heldout(folder, range(n))
    (folder / "candidates" / "qlora.yaml").rename(folder / "candidates" / "good.yaml")
    (folder / "candidates" / "other.yaml").write_text(RECIPE.replace("epochs: 1", "epochs: 2"))
    model = root / "models" / "tiny"
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"no weights")
    freeze(folder, load_suite_spec(folder))
    return folder


def write_heldout(folder: Path, numbers: range) -> None:
    """Every task's held-out rows, by their numbers."""
    for task in ANSWERS:
        write_rows(folder / task / "heldout.jsonl", rows_of(task, "heldout", numbers.stop)[numbers.start :])


def bump(folder: Path) -> None:
    """Release what was changed."""
    freeze(folder, load_suite_spec(folder), bump=True)


def base(prompt: str) -> str:
    """What every baseline says: wrong on routing."""
    return "base says no"


def better(prompt: str) -> str:
    """Right on routing; on the other tasks as wrong as the baselines."""
    return "refund"


def right(prompt: str) -> str:
    """Right on routing, whose prompt shows examples, and on extraction."""
    return "refund" if prompt.count("message") > 1 else '{"order": "A1"}'


def options(folder: Path, out: str = "run", names: tuple[str, ...] = ("good",), **more: Any) -> RunOptions:
    """The options of a run that writes to `out` beside the suites."""
    return RunOptions(**{"suite": str(folder), "output": str(folder.parents[1] / out), "candidates": names, **more})


def run(folder: Path, out: str = "run", names: tuple[str, ...] = ("good",), **more: Any) -> Decision:
    """Run with the named candidates, whose adapters lie there as if they had been trained before."""
    backend = more.pop("backend", None) or FakeBackend(base, adapters=dict.fromkeys(("good", "other"), better))
    chosen = options(folder, out, names, **more)
    put_adapters(chosen)
    return pipeline.run(chosen, Recorder(), backend)


def put_adapters(chosen: RunOptions) -> None:
    """Write the cards of finished trainings."""
    plan = make_plan(chosen)
    for recipe in plan.recipes:
        rows = training_rows(plan.run.systems[recipe.name], plan.suite, "train", plan.retrievers)
        card = AdapterCard(
            name=recipe.name,
            base_model=plan.files.path,
            base_revision=None,
            base_digest=plan.files.digest,
            adapter_digest="a" * 64,
            train_digest=rows_digest(ordered(with_replay(recipe, rows), recipe.seed)),
            recipe_digest=recipe_digest(recipe),
            seed=0,
            n_rows=len(rows),
            trained_tokens=1,
            n_steps=1,
            duration_s=1.0,
            peak_memory_bytes=1,
            choices=(choice_of(plan, recipe),),
        )
        write_record(RunFolder(plan.folder).adapter(recipe.name) / "card.json", card)
