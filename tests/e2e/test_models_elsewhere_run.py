"""Whole models from elsewhere, and full fine-tunes that go on from whole models, through the whole path."""

import json
import shutil
from pathlib import Path

import pytest
from test_artefact_run import FULL, options
from test_pipeline_methods import Noting
from tiny_suite import copy_suite

from evalgate import pipeline
from evalgate.backends.whole_files import check_whole
from evalgate.config import load_suite_spec
from evalgate.core.artefacts import MODEL, model_digest
from evalgate.core.errors import EvalgateError
from evalgate.exporting import export
from evalgate.plugins import metric_names
from evalgate.store import load_run
from evalgate.suite.frozen import freeze

pytestmark = pytest.mark.slow
HEAD = "prompts_from: ../../../baselines/support/tuned.yaml\n"


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small copy with a full fine-tune, one that continues it, and two baselines."""
    suite = copy_suite(tmp_path_factory.mktemp("copy"), subjects=("animals",))
    for path in (suite.parents[1] / "baselines" / "support").glob("*.yaml"):
        if path.stem not in ("zero_shot", "tuned"):
            path.unlink()
    (suite / "candidates" / "full.yaml").write_text(FULL)
    (suite / "candidates" / "child.yaml").write_text(FULL + "continue_from: full\n")
    freeze(suite, load_suite_spec(suite, metric_names()), bump=True)
    return suite


@pytest.fixture(scope="module")
def made(suite: Path) -> Path:
    asked = options(suite, "made", "full", "child")
    pipeline.run(asked, Noting())
    return Path(str(asked.output))


def test_a_full_fine_tune_goes_on_from_a_whole_model(made: Path) -> None:
    first = load_run(made)
    full, child = first.cards["full"], first.cards["child"]
    assert (child.kind, child.started_from, child.elsewhere) == ("model", full.adapter_digest, "")
    assert child.adapter_digest != full.adapter_digest
    assert [choice.step for choice in child.choices] == [4]
    drifts = [card.choices[0].evaluations[-1].seen.drift for card in (full, child)]
    assert None not in drifts, "both are looked at beside the base"
    assert first.decision is not None
    assert not [finding for finding in first.decision.findings if finding.hard]


def test_one_is_gated_and_continued_and_both_say_what_is_unknown(suite: Path, made: Path, tmp_path: Path) -> None:
    full = load_run(made).cards["full"]
    source = suite.parents[1] / "elsewhere"
    shutil.copytree(made / "adapters" / "full" / MODEL, source)
    config = json.loads((source / "config.json").read_text())
    config["torch_dtype"] = config.pop("dtype")
    (source / "config.json").write_text(json.dumps(config))
    (suite / "candidates" / "theirs.yaml").write_text(HEAD + "model: ../../../elsewhere\n")
    (suite / "candidates" / "later.yaml").write_text(FULL + "continue_from: ../../../elsewhere\n")

    asked, progress = options(suite, "theirs", "theirs", "later"), Noting()
    decision = pipeline.run(asked, progress)
    folder = Path(str(asked.output))
    data, digest = load_run(folder), model_digest(source)
    assert data.cards["theirs"].adapter_digest == data.cards["theirs"].elsewhere == digest
    assert data.cards["later"].elsewhere == data.cards["later"].started_from == digest != full.adapter_digest
    assert data.run.systems["theirs"].adapter_digest == model_digest(folder / "adapters" / "theirs" / MODEL) == digest
    # The same start, rows and seed: the same weights as the child of the model that it is a copy of.
    places = folder / "adapters" / "later", made / "adapters" / "child"
    later, same = ((place / MODEL / "model.safetensors").read_bytes() for place in places)
    assert later == same
    assert not [finding for finding in decision.findings if finding.hard]
    assert not [check for check in decision.checks if check.outcome == "failed"]
    texts = [(folder / name).read_text() for name in ("report.md", "report.html")]
    for text in texts:
        assert "Whether theirs was trained on held-out examples is unknown: it is a whole model from elsewhere." in text
        assert "Whether later was trained on held-out examples is unknown: it continues a whole model from" in text
    for name, said in {"theirs": "was trained", "later": "continues from a whole model that was trained"}.items():
        told = f"candidate {name} {said} elsewhere ({source}): whether that training saw held-out examples is unknown"
        assert told in progress.notes
    assert any(note.startswith("2 whole models beside the base at once: ") for note in progress.notes)
    again = Noting()
    assert pipeline.run(asked, again) == decision

    found = export(folder, "theirs", tmp_path / "out", Noting(), anyway=True)
    assert (found.gated, found.kind, model_digest(tmp_path / "out")) == (True, "model", digest)


@pytest.fixture
def base_and_copy(tmp_path: Path) -> tuple[Path, Path]:
    base = Path(__file__).resolve().parents[2] / "models" / "base-5m"
    shutil.copytree(base, tmp_path / "m", copy_function=shutil.copyfile)
    return base, tmp_path / "m"


def refused(base: Path, folder: Path) -> str:
    with pytest.raises(EvalgateError) as caught:
        check_whole(folder, base)
    return str(caught.value)


SHARED = (
    "hint: make it the suite's own model (`model.id` in suite.yaml), or serve it elsewhere and enter it as `kind: "
    "api` or `kind: recorded`"
)


def test_it_must_have_the_bases_tokenizer_and_template(base_and_copy: tuple[Path, Path]) -> None:
    base, folder = base_and_copy
    check_whole(folder, base)
    kept = {name: (folder / name).read_text() for name in ("tokenizer.json", "tokenizer_config.json")}
    said = "error[model-unfit]: the whole model cannot be gated beside the base: its {} is not the base's, which all "
    said += f"candidates of a run share\n  at: {folder}\n\n{SHARED}"
    config = json.loads(kept["tokenizer_config.json"])
    template = "chat_template.jinja"
    (folder / template).write_text((base / template).read_text() + " ")
    assert refused(base, folder) == said.format("chat template")
    shutil.copyfile(base / template, folder / template)
    (folder / "tokenizer_config.json").write_text(json.dumps(config | {"eos_token": config["bos_token"]}))
    assert refused(base, folder) == said.format("BOS or EOS token")
    (folder / "tokenizer_config.json").write_text(kept["tokenizer_config.json"])
    tokens = json.loads(kept["tokenizer.json"])
    tokens["added_tokens"].append(tokens["added_tokens"][0] | {"id": 99_999, "content": "<new>"})
    (folder / "tokenizer.json").write_text(json.dumps(tokens))
    assert refused(base, folder) == said.format("vocabulary")


def test_it_must_be_stored_as_it_is_served(base_and_copy: tuple[Path, Path]) -> None:
    base, folder = base_and_copy
    config = json.loads((folder / "config.json").read_text())
    hint = "hint: load it with transformers in one precision and write it anew: `model.save_pretrained(FOLDER)`"
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": {"bits": 4}}))
    assert refused(base, folder) == (
        "error[model-unfit]: the whole model cannot be gated beside the base: its weights are quantised, and whole "
        f"models are served as they are stored\n  at: {folder}\n\n{hint}"
    )
    kind = config.pop("dtype", None) or config.pop("torch_dtype")
    (folder / "config.json").write_text(json.dumps(config))
    said = f" in {kind}, and config.json {{}}: loading would round them, or not\n  at: {folder}\n\n{hint}"
    assert refused(base, folder).endswith(said.format("names no precision"))
    other = "float16" if kind != "float16" else "float32"
    (folder / "config.json").write_text(json.dumps(config | {"dtype": other}))
    assert refused(base, folder).endswith(said.format(f"says {other}"))
    own = config | {"dtype": kind, "model_type": "theirs", "auto_map": {"AutoConfig": "theirs.Config"}}
    (folder / "config.json").write_text(json.dumps(own))
    assert "error[remote-code]" in refused(base, folder)
