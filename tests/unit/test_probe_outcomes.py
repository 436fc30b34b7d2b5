"""What a validity check says of its numbers, how reports show it, and what follows for the decision."""

import json
from pathlib import Path
from typing import Any

import pytest
from doctor_run import GATES, make_run

from evalgate import pipeline
from evalgate.core.probes import Check, Measured, Probed
from evalgate.files import write_record
from evalgate.probes.outcome import RULES, checks_of
from evalgate.store import RunFolder, load_run

SOUND: dict[str, dict[str, float]] = {
    "batch": {"equal": 12, "unexplained": 0},
    "padding": {"largest": 1.6e-5, "relative": 5e-6, "flips": 0},
    "bos": {"least": 1, "most": 1, "right": 12, "expected": 1},
    "adapter": {"moved": 12, "largest": 14.1, "noise": 1.6e-5},
    "outputs": {"right": 2, "first_token": 9, "moved": 1},
    "tokenizer": {"as_base": 12, "same_base": 1},
    "merged": {"kl": 2e-12, "kl_most": 2e-11, "agree": 96, "positions": 96},
}


def measured(probe: Any, system: str = "qlora", **changes: float) -> Measured:
    differ = {"the base with its prompts": (11, 12)} if probe == "outputs" else {}
    return Measured(probe=probe, system=system, n=12, values=SOUND[probe] | changes, differ=differ)


def probed(*rows: Measured, precision: str = "float32") -> Probed:
    return Probed(digest="d", items=("route/a",) * 12, precision=precision, seconds=1.5, measured=rows)


def check(row: Measured, precision: str = "float32") -> Check:
    return checks_of(probed(row, precision=precision))[0]


CASES: list[tuple[str, dict[str, float], str, str, str]] = [
    ("batch", {}, "float32", "ok", "12 of 12 equal"),
    ("batch", {"equal": 11, "unexplained": 0, "near": 6e-5}, "float32", "ok",
     "11 of 12 equal, of the others 1 at a near tie"),
    ("batch", {"equal": 11, "unexplained": 1}, "float32", "failed", "11 of 12 equal"),
    ("batch", {"equal": 9, "unexplained": 3, "near": 0.5}, "bfloat16", "ok",
     "9 of 12 equal, of the others 0 at a near tie"),
    ("batch", {"equal": 8, "unexplained": 4, "near": 0.5}, "bfloat16", "failed",
     "8 of 12 equal, of the others 0 at a near tie"),
    ("batch", {"equal": 5, "unexplained": 0, "near": 0.5}, "bfloat16", "failed",
     "5 of 12 equal, of the others 7 at a near tie"),
    ("padding", {}, "float32", "ok", "largest change of a logit 1.6e-05 (5e-06 sd), 0 of 12 best tokens changed"),
    ("padding", {"relative": 0.002}, "float32", "failed",
     "largest change of a logit 1.6e-05 (0.002 sd), 0 of 12 best tokens changed"),
    ("padding", {"largest": 0.3, "relative": 0.15, "flips": 1}, "bfloat16", "ok",
     "largest change of a logit 0.3 (0.15 sd), 1 of 12 best tokens changed"),
    ("padding", {"largest": 7.6, "relative": 2.3}, "auto", "failed",
     "largest change of a logit 7.6 (2.3 sd), 0 of 12 best tokens changed"),
    ("padding", {"relative": float("nan")}, "bfloat16", "failed",
     "largest change of a logit 1.6e-05 (nan sd), 0 of 12 best tokens changed"),
    ("bos", {"most": 2, "right": 11}, "float32", "failed", "11 of 12 prompts begin with one; from 1 to 2 each"),
    ("bos", {"least": 0, "most": 0, "right": 0}, "float32", "failed",
     "0 of 12 prompts begin with one; from 0 to 0 each"),
    ("bos", {"least": 0, "most": 0, "right": 0, "expected": 0}, "float32", "ok",
     "0 of 12 prompts begin with one; from 0 to 0 each"),
    ("adapter", {}, "float32", "ok", "12 of 12 prompts changed, by up to 14"),
    ("adapter", {"moved": 0, "largest": 0.1, "noise": 0.2}, "bfloat16", "failed",
     "0 of 12 prompts changed, by up to 0.1"),
    ("tokenizer", {"as_own": 11, "same_files": 1}, "float32", "failed",
     "12 of 12 prompts alike with the base's files, 11 of 12 with the adapter's own, trained on this base"),
    ("merged", {"kl": 0.011, "kl_most": 0.29, "agree": 92}, "bfloat16", "ok",
     "divergence 0.011 nats, at most 0.29; 92 of 96 best tokens equal"),
    ("merged", {"kl": 7e-4, "agree": 61}, "bfloat16", "failed",
     "divergence 0.0007 nats, at most 2e-11; 61 of 96 best tokens equal"),
    ("merged", {"kl": 7e-4}, "float32", "failed", "divergence 0.0007 nats, at most 2e-11; 96 of 96 best tokens equal"),
]  # fmt: skip


@pytest.mark.parametrize(("probe", "changes", "precision", "outcome", "figure"), CASES)
def test_a_figure_is_held_to_its_threshold(
    probe: str, changes: dict[str, float], precision: str, outcome: str, figure: str
) -> None:
    found = check(measured(probe, **changes), precision)
    assert (found.outcome, found.figure) == (outcome, figure)
    assert found.compared and found.threshold
    assert bool(found.reason) == (outcome != "ok")


@pytest.mark.parametrize(
    ("differ", "values", "outcome", "reason"),
    [
        ((0, 12), {"first_token": 9}, "failed",
         "with the adapter 9 answers must begin otherwise: generating does not use it"),
        ((0, 12), {"first_token": 0, "moved": 0}, "failed", "it answers as the base with its prompts does"),
        ((0, 12), {"first_token": 0, "moved": 1}, "not_done",
         "it answers as the base with its prompts does, which other weights may do as well"),
        ((0, 0), {}, "ok", ""),
    ],
)  # fmt: skip
def test_equal_answers_alone_do_not_show_a_fault(
    differ: tuple[int, int], values: dict[str, float], outcome: str, reason: str
) -> None:
    row = Measured(
        probe="outputs",
        system="q",
        n=12,
        values=SOUND["outputs"] | values,
        differ={"the base with its prompts": differ},
    )
    assert (check(row).outcome, check(row).reason) == (outcome, reason)


def test_without_logits_equal_wrong_answers_do(recwarn: pytest.WarningsRecorder) -> None:
    wrong, right = (
        Measured(probe="outputs", system="q", n=12, values={"right": n}, differ={"zero-shot": (0, 12)}) for n in (5, 6)
    )
    assert (check(wrong).outcome, check(right).outcome) == ("failed", "not_done")


def test_what_could_not_be_measured_is_never_ok() -> None:
    for probe in RULES:
        row = Measured(probe=probe, system="q", skipped="this backend gives no logits")  # type: ignore[arg-type]
        found = check(row)
        assert (found.outcome, found.figure, found.reason) == (
            "not_done", "not measured", "this backend gives no logits"
        )  # fmt: skip


# What follows


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    gates = {name: GATES[name] for name in ("routing", "capability")}
    return make_run(tmp_path, gates=gates, candidates=("first", "second"))


def test_a_failed_check_blocks_its_candidate_and_another_ships(folder: Path) -> None:
    assert pipeline.gate(folder).outcome == "ship"
    rows = [measured("bos", system="first", most=2, right=0), *(measured(p, system="second") for p in SOUND)]
    write_record(RunFolder(folder).probed, probed(*rows))
    decision = pipeline.gate(folder)
    assert (decision.outcome, decision.ship) == ("ship", "second")
    assert {v.reason for v in decision.verdicts if v.candidate == "first"} == {"Not run: a validity check failed."}
    assert {v.outcome for v in decision.verdicts if v.candidate == "first"} == {"not_run"}


def test_a_failed_check_on_the_base_blocks_all_with_its_reason(folder: Path) -> None:
    row = measured("padding", system="", largest=7.6, relative=2.3)
    write_record(RunFolder(folder).probed, probed(row, Measured(probe="merged", system="first", skipped="no room")))
    decision = pipeline.gate(folder)
    what = (
        "the validity check 'padding' failed for the base: largest change of a logit 7.6 (2.3 sd), 0 of 12 best "
        "tokens changed; padding changes what the model computes: the mask or the side is wrong"
    )
    assert (decision.outcome, decision.ship) == ("inconclusive", None)
    assert decision.reason == f"first cannot be trusted: {what}. second cannot be trusted: {what}."
    assert [f.code for f in decision.findings] == ["probe-failed"]
    html, text, junit = ((folder / name).read_text() for name in ("report.html", "report.md", "junit.xml"))
    assert "On 12 dev items before any candidate was asked held-out ones, in 1.5 s: 1 failed, 1 not done." in html
    assert "<td>at most 0.001 sd of the logits in float32</td><td>FAILED</td>" in html
    assert "Validity checks on 12 dev items: 1 failed, 1 not done" in text
    assert '<testsuite name="validity checks" tests="2" failures="1" errors="0" skipped="1">' in junit
    assert json.loads((folder / "decision.json").read_text())["checks"][0]["outcome"] == "failed"


def test_a_recording_without_checks_is_judged_as_before(folder: Path) -> None:
    assert load_run(folder).probed is None
    decision = pipeline.gate(folder)
    assert (decision.checks, decision.outcome) == ((), "ship")
    assert "<p>None were recorded.</p>" in (folder / "report.html").read_text()
