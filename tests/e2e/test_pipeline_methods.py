"""Every way to an adapter through the whole path: two stages, DoRA, continued, swept, and trained elsewhere."""

import json
import shutil
from pathlib import Path

import pytest
from recorder import Recorder
from tiny_suite import RECIPE, copy_suite

from evalgate import pipeline
from evalgate.core.adapter_files import adapter_digest
from evalgate.core.data import RunOptions
from evalgate.core.errors import EvalgateError
from evalgate.core.results import Decision
from evalgate.store import RunData, load_run

pytestmark = pytest.mark.slow

HEAD = "prompts_from: ../../../baselines/support/tuned.yaml\n"
CONTINUED = HEAD + "method: lora\nmax_rows: 8\nbatch_size: 4\ncontinue_from: "
SWEPT = RECIPE.replace("rank: 4\n", "").replace("max_rows: 16", "max_rows: 8") + "sweep: {rank: [2, 4]}\n"
PAIRS = [{"prompt": f"Where is order {i}?", "chosen": "I will look.", "rejected": "No."} for i in range(8)]


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    suite = copy_suite(tmp_path_factory.mktemp("copy"), subjects=("animals",), baselines=("zero_shot",))
    folder = suite / "candidates"
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in PAIRS))
    (folder / "dora.yaml").write_text(
        RECIPE.replace("method: lora", "method: dora").replace("max_rows: 16", "max_rows: 8")
    )
    (folder / "pref.yaml").write_text(RECIPE + "dpo: {data: pairs.jsonl, learning_rate: 1.0e-4}\n")
    (folder / "early.yaml").write_text(CONTINUED + "tiny\n")
    (folder / "swept.yaml").write_text(SWEPT)
    return suite


class Noting(Recorder):
    """Keeps the lines of news, too."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def options(suite: Path, name: str, *candidates: str) -> RunOptions:
    folder = suite.parents[1] / "runs" / name
    return RunOptions(suite=str(suite), output=str(folder), limit=2, candidates=candidates)


def outputs(data: RunData, system: str) -> dict[str, dict[str, str | None]]:
    """By task and example; kept answers come in another order."""
    return {task: {p.example_id: p.output for p in rows} for task, rows in data.predictions[system].items()}


@pytest.fixture(scope="module")
def done(suite: Path) -> tuple[RunOptions, Decision, RunData]:
    """One run of all that is trained here; nobody changes its folder."""
    asked = options(suite, "all", "tiny", "early", "dora", "pref", "swept")
    decision = pipeline.run(asked, Recorder())
    return asked, decision, load_run(Path(str(asked.output)))


def test_every_way_to_an_adapter_is_gated_in_one_family(done: tuple[RunOptions, Decision, RunData]) -> None:
    asked, decision, data = done
    systems = ("dora", "tiny", "early", "pref", "swept.rank-2", "swept.rank-4")
    assert data.run.candidates == systems
    assert {v.candidate for v in decision.verdicts} == set(systems)
    cards = data.cards
    assert cards["early"].started_from == cards["tiny"].adapter_digest != cards["early"].adapter_digest
    assert len({card.adapter_digest for card in cards.values()}) == 6
    assert (cards["pref"].n_pairs, cards["pref"].n_rows) == (8, 16)
    assert not any(card.elsewhere for card in cards.values())
    trained = {name: [row.task for row in rows] for name, rows in data.trained.items()}
    assert len(trained["early"]) == len(trained["tiny"]) + 8
    assert trained["pref"].count("pairs") == 8
    assert not [finding for finding in decision.findings if finding.hard]
    assert all(probe.base != probe.tuned for probe in data.probes.values())
    assert pipeline.gate(Path(str(asked.output))) == decision

    progress = Recorder()
    assert pipeline.run(asked, progress) == decision
    assert not [stage for stage in progress.stages if stage[0].startswith(("training", "preferences"))]


def test_an_adapter_trained_elsewhere_is_gated_and_the_report_says_what_is_unknown(
    suite: Path, done: tuple[RunOptions, Decision, RunData]
) -> None:
    source, first = suite.parents[1] / "elsewhere", done[2]
    made = Path(str(done[0].output)) / "adapters" / "tiny"
    shutil.copytree(made, source, ignore=shutil.ignore_patterns("*.json*"))
    config = json.loads((made / "adapter_config.json").read_text())
    config |= {"base_model_name_or_path": "/home/them/models/base-5m", "revision": None}
    (source / "adapter_config.json").write_text(json.dumps(config, indent=1))
    (suite / "candidates" / "theirs.yaml").write_text(HEAD + "adapter: ../../../elsewhere\n")
    (suite / "candidates" / "later.yaml").write_text(CONTINUED + "../../../elsewhere\n")

    asked, progress = options(suite, "theirs", "theirs", "later"), Noting()
    pipeline.run(asked, progress)
    folder = Path(str(asked.output))
    data = load_run(folder)
    digest = adapter_digest(source)
    assert data.cards["theirs"].adapter_digest == data.cards["theirs"].elsewhere == digest
    assert data.cards["later"].elsewhere == data.cards["later"].started_from == digest
    assert data.run.systems["theirs"].adapter_digest == digest
    assert outputs(data, "theirs") == outputs(first, "tiny")
    assert data.trained["theirs"] == []
    told = "Whether theirs was trained on held-out examples is unknown: it is an adapter from elsewhere."
    assert told in (folder / "report.html").read_text()
    assert told.partition(":")[0] in (folder / "report.md").read_text()
    assert (
        f"candidate theirs was trained elsewhere ({source}): whether that training saw held-out examples is unknown"
        in (progress.notes)
    )

    config["base_model_name_or_path"] = "them/other-7b"
    (source / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(EvalgateError, match="adapter-other-base"):
        pipeline.run(options(suite, "other", "theirs"), Recorder())
