"""lm-eval's own mmlu tasks through the harness, from a local mirror of the questions."""

import json
from pathlib import Path

import pytest
from recorder import Recorder

from evalgate.backends.hf import HFBackend
from evalgate.backends.model_files import locate
from evalgate.capability.harness import Harness
from evalgate.core.data import CapabilitySpec, ModelSpec

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
QUESTIONS = ROOT.parent / "shared" / "data" / "mmlu"
SUBJECTS = ("anatomy", "virology")


def mirror(folder: Path) -> Path:
    """The subjects in the layout that `datasets` reads from a folder, and a task group that points there."""
    configs = []
    for subject in SUBJECTS:
        for split, source in (("test", "test"), ("validation", "val"), ("dev", "dev")):
            rows = [json.loads(line) for line in (QUESTIONS / f"{source}.jsonl").read_text().strip().split("\n")]
            chosen = [{k: r[k] for k in ("question", "subject", "choices")} | {"answer": "ABCD".index(r["answer"])}
                      for r in rows if r["subject"] == subject]  # fmt: skip
            path = folder / "mirror" / subject / f"{split}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(json.dumps(row) + "\n" for row in chosen))
        files = "".join(f"  - split: {s}\n    path: {subject}/{s}.jsonl\n" for s in ("test", "validation", "dev"))
        configs.append(f"- config_name: {subject}\n  data_files:\n{files}")
    (folder / "mirror" / "README.md").write_text("---\nconfigs:\n" + "".join(configs) + "---\n")
    tasks = "".join(f"  - task: mmlu_{s}\n    dataset_path: {folder / 'mirror'}\n" for s in SUBJECTS)
    (folder / "capability").mkdir()
    (folder / "capability" / "two_subjects.yaml").write_text(f"group: two_subjects\ntask:\n{tasks}")
    return folder


@pytest.mark.skipif(not QUESTIONS.is_dir(), reason="needs ../shared/data/mmlu")
def test_stock_mmlu_subjects_run_from_a_local_mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    spec = ModelSpec(id=str(ROOT / "models" / "base-5m"))
    capability = CapabilitySpec(tasks=("two_subjects",), include_path="capability", limit=12, num_fewshot=1)
    harness = Harness(capability, mirror(tmp_path))
    scores = harness.measure(
        HFBackend(spec, locate(spec)), adapter=None, system="base", path=tmp_path / "c.jsonl", progress=Recorder()
    )
    assert {score.detail for score in scores} == {"mmlu_anatomy", "mmlu_virology"}
    assert len(scores) == 24
    assert all(score.parts in {(0.0,), (1.0,)} for score in scores)
