"""A recipe of two seeds through the whole path: two adapters, one candidate, one claim."""

from pathlib import Path

import pytest
from recorder import Recorder
from tiny_suite import RECIPE, copy_suite

from evalgate import pipeline
from evalgate.core.adapter_files import adapter_digest
from evalgate.core.data import RunOptions
from evalgate.store import load_identity, load_run

pytestmark = pytest.mark.slow

SYSTEMS = ("tiny@1", "tiny@2")


def test_two_seeds_are_two_adapters_and_one_candidate(tmp_path: Path) -> None:
    suite = copy_suite(tmp_path, baselines=("zero_shot",))
    recipe = suite / "candidates" / "tiny.yaml"
    recipe.write_text(RECIPE.replace("seed: 1\n", "seeds: [1, 2]\n"))
    options = RunOptions(suite=str(suite), output=str(tmp_path / "run"), limit=4, candidates=("tiny",))
    decision = pipeline.run(options, Recorder())
    data = load_run(tmp_path / "run")
    assert (data.run.candidates, data.run.seeds) == (("tiny@1",), {"tiny@1": SYSTEMS})
    assert {name: card.seed for name, card in data.cards.items()} == {"tiny@1": 1, "tiny@2": 2}
    assert data.cards["tiny@1"].adapter_digest != data.cards["tiny@2"].adapter_digest
    assert [data.run.systems[s].adapter_digest for s in SYSTEMS] == [data.cards[s].adapter_digest for s in SYSTEMS]
    for system in SYSTEMS:
        assert all(len(data.predictions[system][task]) == 4 for task in data.run.systems[system].prompts)
        assert len(data.scores[system]["capability"]) == 8
    assert list(data.latency) == ["tiny@1"]
    assert {v.candidate for v in decision.verdicts} == {"tiny@1"}
    rows = {(s.system, s.metric): s.estimate for s in decision.scores}
    mean, one, two = (rows[s, "rouge_l"] for s in ("tiny", *SYSTEMS))
    assert mean is not None
    assert one is not None
    assert two is not None
    assert mean.value == pytest.approx((one.value + two.value) / 2)
    assert "mean of 2 seeds from " in (tmp_path / "run" / "report.html").read_text()
    assert "mean of 2 seeds from " in (tmp_path / "run" / "report.md").read_text()
    assert pipeline.gate(tmp_path / "run") == decision

    recipe.write_text(RECIPE)
    options = RunOptions(suite=str(suite), output=str(tmp_path / "one"), limit=4)
    alone = pipeline.train(options, Recorder())
    assert adapter_digest(alone["tiny"]) == data.cards["tiny@1"].adapter_digest
    single = load_identity(tmp_path / "one")
    assert (single.candidates, single.seeds) == (("tiny",), {"tiny": ("tiny",)})
