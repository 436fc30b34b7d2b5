"""Promotion of runs of other kinds: with a ledger, sealed, against accepted baselines, of seeds, of whole models."""

import json
import shutil
import struct
from pathlib import Path

import pytest
from ledger_suite import base, options, put_adapters, right, write_ledger_suite
from msgspec.structs import replace
from promotable import FAILS, changed, fault, promoted, put_weights, shipped
from recorder import Recorder

from evalgate import pipeline
from evalgate.accepting.accept import accept
from evalgate.backends.fake import FakeBackend
from evalgate.cli import run_cli
from evalgate.core.artefacts import model_digest
from evalgate.core.errors import ExitCode
from evalgate.core.results import AdapterCard, Decision, Run
from evalgate.files import read_record, write_record
from evalgate.promoting.verify import verify
from evalgate.sealing import IDENTITY_FILE, make_identity
from evalgate.store import RunFolder

pytestmark = pytest.mark.slow


def states(folder: Path) -> dict[str, str]:
    return {check.name: check.outcome for check in verify(folder, look_around=False).checks}


def test_the_ledger_goes_along_and_must_hold(tmp_path: Path) -> None:
    shipped(tmp_path, "looks: 2\n")
    suite, out = tmp_path / "suites" / "desk", tmp_path / "out"
    promoted(tmp_path)
    assert verify(out, look_around=False).exit_code == ExitCode.SHIP
    assert states(out)["ledger"] == "ok"
    assert json.loads((out / "provenance.json").read_text())["predicate"]["suite"]["look"]["number"] == 1
    with changed(suite / "ledger.jsonl", lambda data: data.replace(b'"alpha":0.025', b'"alpha":0.02500')):
        told = fault(lambda: promoted(tmp_path, "new"))
        assert told.startswith("error[ledger-broken]: ")
        assert str(suite / "ledger.jsonl") in told


def test_a_decision_that_a_look_said_second_is_not_promoted(tmp_path: Path) -> None:
    assert shipped(tmp_path, "looks: 2\n", answers=FAILS).outcome == "keep_baseline"
    shutil.rmtree(tmp_path / "run")
    assert shipped(tmp_path).outcome == "ship", "the same look, and another answer"
    assert fault(lambda: promoted(tmp_path)) == (
        "error[look-said-otherwise]: the error bound of suite 'desk' does not cover this decision: look 1 of the "
        f"ledger said first: keep_baseline\n  at: {tmp_path / 'suites' / 'desk' / 'ledger.jsonl'}\n\n"
        "hint: promote what the first decision of that look ships; see `evalgate ledger SUITE`"
    )


def test_a_sealed_run_is_promoted_by_its_owner_and_shows_no_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyrage", reason="sealing needs the extra `seal`")
    pytest.importorskip("cryptography", reason="signatures need the extra `sign`")
    monkeypatch.delenv(IDENTITY_FILE, raising=False)
    public = make_identity(tmp_path / "owner.age")
    assert shipped(tmp_path, f"looks: 2\ndisclosure: verdict\nsealed_for: {public}\n").ship == "good"
    assert "error[sealed]: " in fault(lambda: promoted(tmp_path))
    monkeypatch.setenv(IDENTITY_FILE, str(tmp_path / "owner.age"))
    assert run_cli(["keygen", str(tmp_path / "signer"), "--sign"]) == 0
    promoted(tmp_path, key=tmp_path / "signer")
    out, signer = tmp_path / "out", tmp_path / "signer.pub"
    assert verify(out, public_key=signer, look_around=False).exit_code == ExitCode.SHIP
    text = (out / "README.md").read_text()
    assert "model-index" not in text
    assert "sealed for the release owner" in text
    assert b"base says no" not in b"".join(p.read_bytes() for p in out.rglob("*") if p.is_file())
    monkeypatch.delenv(IDENTITY_FILE)
    found = verify(out, public_key=signer, look_around=False)
    assert [(c.outcome, c.required) for c in found.checks if c.name == "decision"] == [("unknown", False)]
    assert found.exit_code == ExitCode.SHIP, "the owner's signature stands for what only the owner can judge"
    assert verify(out, look_around=False).exit_code == ExitCode.ERROR


def test_a_run_gated_against_accepted_baselines_carries_their_scores(tmp_path: Path) -> None:
    shipped(tmp_path)
    accept(tmp_path / "run")
    place = tmp_path / "baselines" / "desk"
    chosen = options(tmp_path / "suites" / "desk", "fresh", against=str(place))
    put_adapters(chosen)
    put_weights(RunFolder(tmp_path / "fresh"), "good")
    assert pipeline.run(chosen, Recorder(), FakeBackend(base, adapters={"good": right})).ship == "good"
    command = ["promote", str(tmp_path / "fresh"), "--to", str(tmp_path / "out")]
    assert run_cli(command) == 3
    assert run_cli([*command, "--against", str(place)]) == 0
    found = verify(tmp_path / "out", run=tmp_path / "fresh", suite=tmp_path / "suites" / "desk")
    assert found.exit_code == ExitCode.SHIP, [c for c in found.checks if c.outcome != "ok"]
    assert (tmp_path / "out" / "evidence" / "scores" / "zero_shot" / "route.jsonl").exists()
    assert "zero\\_shot" in (tmp_path / "out" / "README.md").read_text()


def test_of_several_seeds_the_one_that_ships_is_promoted_with_all_scores(tmp_path: Path) -> None:
    folder = write_ledger_suite(tmp_path, head="")
    recipe = folder / "candidates" / "good.yaml"
    recipe.write_text(recipe.read_text() + "seeds: [4, 2]\n")
    chosen = options(folder)
    put_adapters(chosen)
    for name in ("good@4", "good@2"):
        put_weights(RunFolder(tmp_path / "run"), name)
    backend = FakeBackend(base, adapters={"good@4": right, "good@2": right})
    assert pipeline.run(chosen, Recorder(), backend).ship == "good@4"
    assert promoted(tmp_path).candidate == "good@4"
    assert (tmp_path / "out" / "adapter_model.safetensors").read_bytes() == b"weights of good@4"
    assert (tmp_path / "out" / "evidence" / "scores" / "good@2" / "route.jsonl").exists()
    assert verify(tmp_path / "out").exit_code == ExitCode.SHIP


def whole_model(folder: Path) -> str:
    """A model of a few bytes in the layout of transformers; gives its digest."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"dtype": "float32", "_name_or_path": "here"}))
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"\0\0\0\0")
    (folder / "special_tokens_map.json").write_text("{}")
    return model_digest(folder)


def test_a_whole_model_is_promoted_with_its_own_tokenizer(tmp_path: Path) -> None:
    shipped(tmp_path)
    paths = RunFolder(tmp_path / "run")
    digest = whole_model(paths.artefact("good", whole=True))
    card = read_record(paths.card("good"), AdapterCard, fix="")
    write_record(paths.card("good"), replace(card, kind="model", dtype="float32", adapter_digest=digest))
    run = read_record(paths.run_file, Run, fix="")
    systems = run.systems | {"good": replace(run.systems["good"], adapter_digest=digest)}
    write_record(paths.run_file, replace(run, systems=systems))
    assert pipeline.gate(tmp_path / "run").ship == "good"
    found, out = promoted(tmp_path), tmp_path / "out"
    assert (found.kind, found.digest, model_digest(out)) == ("model", digest, digest)
    assert {p.name for p in out.iterdir()} == {
        "README.md", "adapter_card.json", "config.json", "evidence", "model.safetensors", "prompts",
        "provenance.json", "special_tokens_map.json",
    }  # fmt: skip
    text = (out / "README.md").read_text()
    assert "library_name: transformers\n" in text
    assert 'from_pretrained("FOLDER", dtype="float32")' in text
    assert verify(out, run=tmp_path / "run").exit_code == ExitCode.SHIP
    with changed(out / "tokenizer.json", lambda _: b"{}"):
        assert verify(out).tampered == ["tokenizer.json"]


def test_gates_that_fail_name_the_first_one(tmp_path: Path) -> None:
    shipped(tmp_path, answers=FAILS)
    decision = read_record(tmp_path / "run" / "decision.json", Decision, fix="")
    write_record(tmp_path / "run" / "decision.json", replace(decision, verdicts=(), outcome="inconclusive"))
    assert f"its decision is inconclusive: {decision.reason}\n" in fault(lambda: promoted(tmp_path))
