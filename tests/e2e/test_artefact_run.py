"""Whole models through the gates: a full fine-tune and merged adapters beside plain ones, in one family."""

import re
from pathlib import Path

import pytest
from recorder import Recorder
from test_pipeline_methods import Noting
from tiny_suite import RECIPE, copy_suite

from evalgate import pipeline
from evalgate.config import load_suite_spec
from evalgate.core.artefacts import MODEL, model_digest
from evalgate.core.data import RunOptions
from evalgate.core.results import Decision
from evalgate.plugins import metric_names
from evalgate.store import RunData, load_run
from evalgate.suite.frozen import freeze

pytestmark = pytest.mark.slow

FULL = re.sub(r"rank: 4\nalpha: 8\n", "", RECIPE).replace("method: lora", "method: full")
MERGED = RECIPE.replace("method: lora", "method: qlora") + "merge: dequantized\n"
BF16 = RECIPE + "merge: bf16\n"
Done = tuple[RunOptions, Decision, RunData, list[str]]
WHOLE = (("full", "adapter", "float32"), ("deq", "dequantized", "float32"), ("half", "bf16", "bfloat16"))
NAMES = ("tiny", "full", "deq", "half")


def artefact_suite(root: Path) -> Path:
    """The small copy with a full fine-tune and two merged candidates; one baseline, latency of merged ones."""
    suite = copy_suite(root, subjects=("animals",), baselines=("zero_shot",))
    for name, text in {"full": FULL, "deq": MERGED, "half": BF16}.items():
        (suite / "candidates" / f"{name}.yaml").write_text(text)
    path = suite / "suite.yaml"
    path.write_text(re.sub(r"(n_pairs: \d+)", r"\1\n  merged: true", path.read_text()))
    freeze(suite, load_suite_spec(suite, metric_names()), bump=True)
    return suite


def options(suite: Path, name: str, *candidates: str) -> RunOptions:
    folder = suite.parents[1] / "runs" / name
    return RunOptions(suite=str(suite), output=str(folder), limit=2, candidates=candidates)


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return artefact_suite(tmp_path_factory.mktemp("copy"))


@pytest.fixture(scope="module")
def done(suite: Path) -> Done:
    asked, progress = options(suite, "all", *NAMES), Noting()
    decision = pipeline.run(asked, progress)
    return asked, decision, load_run(Path(str(asked.output))), progress.notes


def test_whole_models_are_gated_beside_adapters(done: Done) -> None:
    asked, decision, data, notes = done
    folder = Path(str(asked.output))
    assert {v.candidate for v in decision.verdicts} == set(NAMES)
    assert not [finding for finding in decision.findings if finding.hard]
    assert not [check for check in decision.checks if check.outcome == "failed"]
    for name, merge, dtype in WHOLE:
        card, system = data.cards[name], data.run.systems[name]
        assert (card.kind, card.merge, card.dtype) == ("model", merge, dtype)
        assert card.adapter_digest == system.adapter_digest == model_digest(folder / "adapters" / name / MODEL)
        assert system.quantization == "none"
        assert len(data.scores[name]["capability"]) == len(data.scores["base"]["capability"]) > 0
        assert data.probes[name].base != data.probes[name].tuned
    assert [a.candidate for a in decision.artefacts] == ["deq", "full", "half"]
    assert any(note.startswith("3 whole models beside the base at once: 0.0") for note in notes)


def test_checks_that_need_an_adapter_are_not_done_on_whole_models(
    done: Done,
) -> None:
    checks = {(check.probe, check.system): check for check in done[1].checks}
    for name, _, dtype in WHOLE:
        merged = checks["merged", name]
        assert (merged.outcome, merged.reason) == ("not_done", "not applicable: a whole model has no adapter")
        assert checks["adapter", name].outcome == "ok"
        assert checks["padding", name].outcome == "ok"
        assert checks["padding", name].threshold.endswith(f"sd of the logits in {dtype}")
    assert checks["merged", "tiny"].outcome == "ok"
    assert ("padding", "tiny") not in checks


def test_merged_models_are_held_to_their_adapters(done: Done) -> None:
    found = {artefact.candidate: artefact for artefact in done[1].artefacts}
    trained, served = found["deq"].parity
    assert [(p.beside, p.role) for p in (trained, served)] == [("nf4", "trained"), ("float32", "served")]
    assert trained.n_prompts == 16
    assert trained.kl.value < 1e-4
    [half] = found["half"].parity
    assert (half.beside, half.role) == ("float32", "both")
    assert 1e-8 < half.kl.value < 1e-2
    assert found["full"].parity == ()


def test_merged_models_are_timed_against_their_adapters(done: Done) -> None:
    _, decision, data, notes = done
    assert {name: len(rows) for name, rows in data.merged_latency.items()} == {"deq": 6, "half": 6}
    assert {row.baseline for row in data.merged_latency["deq"]} == {"deq~adapter"}
    found = {artefact.candidate: artefact.timing for artefact in decision.artefacts}
    assert {t.quantile for t in found["deq"]} == {0.5, 0.95}
    assert all(t.ratio.value > 0 and t.ratio.low is None for t in found["deq"])
    assert found["full"] == ()
    assert "full is not merged: there is nothing to time against its adapter" in notes


def test_a_second_run_makes_and_asks_nothing(suite: Path, done: Done) -> None:
    asked, decision, _, _ = done
    progress = Recorder()
    assert pipeline.run(asked, progress) == decision
    assert all(total == before == after for _, total, before, after in progress.stages)
    assert not [stage for stage in progress.stages if stage[0].startswith("training")]
    assert pipeline.gate(Path(str(asked.output))) == decision
