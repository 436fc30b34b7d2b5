"""A copy of the support suite with a few rows a task, one quick candidate and the small model beside it."""

import re
import shutil
from pathlib import Path

from evalgate.config import load_suite_spec
from evalgate.plugins import metric_names
from evalgate.suite.frozen import freeze

ROOT = Path(__file__).resolve().parents[2]
N_ROWS = {"train": 24, "dev": 8, "heldout": 8}
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


def copy_suite(root: Path, *, subjects: tuple[str, ...] = ("animals", "calendar")) -> Path:
    """Write `suites/support`, its baselines and its model below `root`, frozen; gives the suite's folder."""
    suite = root / "suites" / "support"
    shutil.copytree(ROOT / "baselines" / "support", root / "baselines" / "support")
    for path in (root / "baselines" / "support").glob("*.yaml"):
        path.write_text(re.sub(r"budget: \d+, examples: \d+", "budget: 2, examples: 4", path.read_text()))
    shutil.copytree(ROOT / "models" / "base-5m", root / "models" / "base-5m", copy_function=shutil.copyfile)
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
