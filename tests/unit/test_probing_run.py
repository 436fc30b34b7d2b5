"""Whole runs with validity checks, with a backend that has no model: who is asked what after a check has failed."""

from pathlib import Path

import pytest
from desk_candidates import desk_backend, heldout, pretend_trained, write_desk
from ledger_suite import base, right, run, write_ledger_suite
from recorder import Recorder

from evalgate import pipeline
from evalgate.backends.fake import FakeBackend
from evalgate.cli.runs import tell
from evalgate.core.data import RunOptions
from evalgate.store import load_run
from evalgate.suite.ledger import open_ledger

DEAD = "the validity check 'adapter' failed for {0}: 0 of 4 prompts changed, by up to 0; the adapter changes nothing"


def told(decision_reason: str, name: str) -> bool:
    return f"{name} cannot be trusted: {DEAD.format(name)}" in decision_reason


def desk(tmp_path: Path, backend: FakeBackend) -> tuple[RunOptions, Recorder]:
    options = RunOptions(suite=str(write_desk(tmp_path)), output=str(tmp_path / "run"))
    pretend_trained(options)
    return options, Recorder()


@pytest.mark.slow
def test_a_dead_adapter_is_asked_nothing_held_out_and_the_others_go_on(tmp_path: Path) -> None:
    backend = desk_backend()
    del backend._by_adapter["loser"]  # it answers, and weighs answers, as the base
    options, progress = desk(tmp_path, backend)
    decision = pipeline.run(options, progress, backend)
    assert (decision.outcome, decision.ship) == ("ship", "winner")
    assert {adapter for adapter, _ in heldout(backend)} == {None, "winner", "breaker"}
    assert {v.outcome for v in decision.verdicts if v.candidate == "loser"} == {"not_run"}
    failed = {(c.system, c.probe) for c in decision.checks if c.outcome == "failed"}
    assert failed == {("loser", "adapter"), ("loser", "outputs")}
    assert ["validity checks", 4, 0, 4] in progress.stages
    idle = desk_backend()
    del idle._by_adapter["loser"]
    assert pipeline.run(options, Recorder(), idle) == decision
    assert idle.asked == [], "recorded checks are not measured again"


def test_an_item_is_never_a_held_out_one(tmp_path: Path) -> None:
    backend = desk_backend()
    options, _ = desk(tmp_path, backend)
    pipeline.run(options, Recorder(), backend)
    probed = load_run(tmp_path / "run").probed
    assert probed is not None
    assert set(probed.items) == {f"{task}/{task}-dev-{i}" for task in ("route", "policy_qa") for i in range(2)}


@pytest.mark.slow
def test_another_backend_is_probed_anew(tmp_path: Path) -> None:
    backend = desk_backend()
    options, _ = desk(tmp_path, backend)
    pipeline.run(options, Recorder(), backend)
    before = load_run(tmp_path / "run").probed
    (tmp_path / "run" / "probes.json").write_bytes(
        (tmp_path / "run" / "probes.json").read_bytes().replace(before.digest.encode(), b"another")  # type: ignore[union-attr]
    )
    again = desk_backend()
    pipeline.run(options, Recorder(), again)
    assert again.asked and not heldout(again)


def test_if_every_candidate_is_blocked_no_look_is_taken(tmp_path: Path) -> None:
    suite = write_ledger_suite(tmp_path)
    decision = run(suite, backend=FakeBackend(base))
    assert (decision.outcome, decision.ship) == ("inconclusive", None)
    assert told(decision.reason, "good")
    assert decision.bound == "No look at the held-out set was taken: no candidate was asked."
    assert tell(decision, "text") == 2
    assert open_ledger(suite).used == 0
    assert pipeline.gate(tmp_path / "run").reason == decision.reason
    assert "the adapter changes nothing" in (tmp_path / "run" / "report.html").read_text()
    assert run(suite, out="mended", backend=FakeBackend(base, adapters={"good": right})).outcome != "inconclusive"
    assert open_ledger(suite).used == 1


class OneByOne(FakeBackend):
    """Answers to many at once are mixed up."""

    def generate(self, requests, *, adapter=None):  # type: ignore[no-untyped-def]
        found = list(super().generate(requests, adapter=adapter))
        return iter([(i, found[i][1]) for i in range(len(found))])


def test_a_fault_of_the_base_blocks_all(tmp_path: Path) -> None:
    backend = OneByOne(lambda prompt: prompt[::-1], adapters={"good": right})
    decision = run(write_ledger_suite(tmp_path), backend=backend)
    assert decision.outcome == "inconclusive"
    assert "the validity check 'batch' failed for the base: " in decision.reason
    assert decision.ship is None
