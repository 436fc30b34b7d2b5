"""A copy of the support suite with a few rows a task, one quick candidate and a third of the small model beside it."""

import json
import re
import shutil
from pathlib import Path

from evalgate.config import load_suite_spec
from evalgate.plugins import metric_names
from evalgate.suite.frozen import freeze

ROOT = Path(__file__).resolve().parents[2]
N_ROWS = {"train": 24, "dev": 8, "heldout": 8}
N_LAYERS = 2  # of six: whether answers are good is never the point, and each layer takes its time
RECIPE = """\
method: lora
description: a few steps
prompts_from: ../../../baselines/support/tuned.yaml
learning_rate: 1.0e-3
checkpoints: {evaluations: 1, dev_items: 1}
max_rows: 16
batch_size: 4
rank: 4
alpha: 8
seed: 1
"""


def copy_suite(
    root: Path, *, subjects: tuple[str, ...] = ("animals", "calendar"), baselines: tuple[str, ...] | None = None
) -> Path:
    """Write `suites/support`, the named baselines (or all) and its model below `root`, frozen; gives its folder."""
    suite = root / "suites" / "support"
    shutil.copytree(ROOT / "baselines" / "support", root / "baselines" / "support")
    for path in (root / "baselines" / "support").glob("*.yaml"):
        if baselines is not None and path.stem not in (*baselines, "tuned"):
            path.unlink()
            continue
        text = re.sub(r"budget: \d+, examples: \d+", "budget: 2, examples: 4", path.read_text())
        path.write_text(re.sub(r"max_tokens: \d\d", "max_tokens: 12", text))
    copy_model(root / "models" / "base-5m")
    shutil.copytree(
        ROOT / "suites" / "support",
        suite,
        ignore=shutil.ignore_patterns(".*", "__pycache__", "generator", "candidates", "suite.lock"),
    )
    for path in suite.glob("*/*.jsonl"):
        if path.stem in N_ROWS:
            path.write_text("".join(path.read_text().splitlines(keepends=True)[: N_ROWS[path.stem]]))
    (suite / "candidates").mkdir()
    (suite / "candidates" / "tiny.yaml").write_text(RECIPE)
    text = (suite / "suite.yaml").read_text()
    text = re.sub(r"n_pairs: \d+", "n_pairs: 6", text)
    text = re.sub(r"n_warmup: \d+", "n_warmup: 1", text)
    text = re.sub(r"early_stop:\n(  .*\n)+", "", text)  # so few rows fail for reasons of their own
    names = ", ".join(f"support_facts_{name}" for name in subjects)
    text = re.sub(r"tasks: \[support_facts\]", f"tasks: [{names}]", text)
    (suite / "suite.yaml").write_text(text)
    freeze(suite, load_suite_spec(suite, metric_names()))
    return suite


def copy_model(folder: Path) -> None:
    """Write the small model's first layers, with its tokenizer, its words and its template."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(ROOT / "models" / "base-5m", folder, copy_function=shutil.copyfile)
    config, weights = folder / "config.json", folder / "model.safetensors"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"num_hidden_layers": N_LAYERS}, indent=2))
    layer = re.compile(r"model\.layers\.(\d+)\.")
    kept = {k: v for k, v in load_file(weights).items() if not (found := layer.match(k)) or int(found[1]) < N_LAYERS}
    save_file(kept, weights, metadata={"format": "pt"})
