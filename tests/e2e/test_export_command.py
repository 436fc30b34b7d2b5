"""`evalgate export --merge`: another form of an adapter that a run has trained, made and measured anew."""

import json
import shutil
from pathlib import Path

import pytest
from recorder import Recorder
from tiny_suite import RECIPE, copy_suite

from evalgate import pipeline
from evalgate.cli import run_cli
from evalgate.core.adapter_files import adapter_digest
from evalgate.core.artefacts import model_digest
from evalgate.core.data import RunOptions
from evalgate.core.results import AdapterCard
from evalgate.files import read_record
from evalgate.store import load_identity

pytestmark = pytest.mark.slow
Trained = tuple[Path, Path]
WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A suite whose one candidate, an adapter on a 4-bit base, is trained and not yet judged; and its run."""
    root = tmp_path_factory.mktemp("copy")
    suite = copy_suite(root, subjects=("animals",))
    (suite / "candidates" / "tiny.yaml").write_text(RECIPE.replace("method: lora", "method: qlora"))
    pipeline.train(RunOptions(suite=str(suite), output=str(root / "run"), limit=2, use_cache=False), Recorder())
    return suite, root / "run"


def exported(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    capsys.readouterr()
    code = run_cli(["export", *map(str, arguments)])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_an_adapter_is_merged_anew_each_time_alike(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run = trained
    digest = load_identity(run).systems["tiny"].adapter_digest
    first, second = tmp_path / "first", tmp_path / "second"
    code, out, _ = exported(capsys, run, "tiny", "--to", first, "--merge", "dequantized", "--anyway")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == f"tiny: {first}"
    assert lines[1] == (
        "  a whole model in float32, merged into the base as it was trained, 4-bit weights unpacked, digest "
        f"{model_digest(first)[:12]}"
    )
    assert lines[2] == "  these bytes were NOT gated: `merge: dequantized` in the recipe would gate them"
    assert [line.split(":")[1][: len(" beside the adapter on a base of nf4")] for line in lines[3:]] == [
        " beside the adapter on a base of nf4",
        " beside the adapter on a base of flo",
    ]
    card = read_record(first / "card.json", AdapterCard, fix="")
    assert (card.kind, card.merge, card.dtype, card.merged_from) == ("model", "dequantized", "float32", digest)
    assert [(p.beside, p.role, p.n_prompts) for p in card.parity] == [("nf4", "trained", 16), ("float32", "served", 16)]
    assert card.parity[0].agreement.value == 1.0
    assert card.base_model == str((run.parent / "models" / "base-5m").resolve())

    code, out, _ = exported(
        capsys, run, "tiny", "--to", second, "--merge", "dequantized", "--anyway", "--format", "json"
    )
    found = json.loads(out)
    assert (code, found["gated"], found["kind"], found["digest"]) == (0, False, "model", model_digest(first))
    assert (first / WEIGHTS).read_bytes() == (second / WEIGHTS).read_bytes()
    code, out, _ = exported(capsys, run, "tiny", "--to", tmp_path / "half", "--merge", "bf16", "--anyway")
    assert (code, "  a whole model in bfloat16, merged into the base in bf16, digest " in out) == (0, True)
    assert model_digest(tmp_path / "half") != model_digest(first)
    # The run holds what it held: an adapter.
    assert adapter_digest(run / "adapters" / "tiny") == digest
    assert not (run / "adapters" / "tiny" / "merged.json").exists()
    code, out, _ = exported(capsys, run, "tiny", "--to", tmp_path / "plain", "--anyway")
    assert (code, "  these bytes were gated\n" in out, adapter_digest(tmp_path / "plain")) == (0, True, digest)


def test_nothing_is_overwritten_and_nothing_unshipped_is_exported_by_itself(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run = trained
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").write_text("mine")
    code, out, err = exported(capsys, run, "tiny", "--to", tmp_path / "there", "--merge", "bf16", "--anyway")
    assert (code, out, err.splitlines()[0]) == (
        64,
        "",
        "error[export-exists]: there is something at the place to export to, and nothing is overwritten",
    )
    code, _, err = exported(capsys, run, "tiny", "--to", tmp_path / "new", "--merge", "bf16")
    said = f"error[not-shipped]: 'tiny' of run {load_identity(run).id} is not to ship: nothing is decided yet"
    assert (code, err.splitlines()[0]) == (3, said)
    assert not (tmp_path / "new").exists()


def test_a_changed_recipe_or_changed_data_are_not_those_of_the_run(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite, run = trained
    recipe = suite / "candidates" / "tiny.yaml"
    text, known = recipe.read_text(), load_identity(run)
    recipe.write_text(text.replace("learning_rate: 1.0e-3", "learning_rate: 2.0e-3"))
    code, out, err = exported(capsys, run, "tiny", "--to", tmp_path / "out", "--merge", "bf16", "--anyway")
    recipe.write_text(text)
    assert (code, out) == (64, "")
    assert err == (
        f"error[other-run]: the suite, its model or the recipe of 'tiny' is no longer that of run {known.id}\n"
        f"  at: {known.suite_folder}\n\nhint: restore them, or run the suite again and export from that run\n"
    )
    assert not (tmp_path / "out").exists()
    # The bytes that lie in the run are exported all the same: they are what was made.
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    recipe.write_text(text.replace("learning_rate: 1.0e-3", "learning_rate: 2.0e-3"))
    code, _, _ = exported(capsys, run, "tiny", "--to", tmp_path / "out", "--anyway")
    recipe.write_text(text)
    assert code == 0
