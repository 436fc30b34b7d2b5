"""Scores are judged by the metric that made them: a recording or a suite of another version is told apart."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from test_job_e2e_fake import run, say, suite

from evalgate import pipeline, plugins
from evalgate.backends.fake import FakeBackend
from evalgate.cli import run_cli
from evalgate.config import load_suite_spec
from evalgate.core.errors import EvalgateError, ExitCode
from evalgate.core.labels import Extractor, counts_alike
from evalgate.core.prompts import EXACT
from evalgate.core.results import Decision
from evalgate.doctor.rescore import rescore
from evalgate.power.plan import Asked, power_of_run
from evalgate.suite.frozen import freeze, load_suite, refuse_other_metrics
from evalgate.suite.lock import read_lock

__all__ = ["suite"]
FOLDER = Path("run")


@pytest.fixture
def recorded(suite: Path, monkeypatch: pytest.MonkeyPatch) -> Decision:
    """The decision on a fresh recording in `run`, below the present folder."""
    monkeypatch.chdir(suite.parents[1])
    decision: Decision = run(Path("suites/desk"), FakeBackend(say), output="run")
    return decision


def rewrite(**changes: Any) -> None:
    path = FOLDER / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def signatures(**changes: str) -> dict[str, str]:
    """The recorded signatures, some of them changed; `__` stands for the point in a name."""
    found: dict[str, str] = json.loads((FOLDER / "run.json").read_text())["signatures"]
    return found | {name.replace("__", "."): value for name, value in changes.items()}


def spoil_scores() -> None:
    """Every score of exact match is what another version might have said, and nothing else is changed."""
    path = FOLDER / "scores" / "zero_shot" / "policy_qa.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        row["parts"] = [0.5] if row["metric"] == "exact_match" and row["parts"] else row["parts"]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_a_run_records_the_signatures_of_its_metrics(recorded: Decision) -> None:
    spec = load_suite_spec(Path("suites/desk"), plugins.metric_names())
    assert signatures() == plugins.signatures(spec)
    assert signatures()["route.accuracy"] == "label:exact|v2"


def test_scores_of_another_version_are_not_judged_whole_text(recorded: Decision) -> None:
    rewrite(id="abc", versions={"evalgate": "0.0.9"}, signatures=signatures(policy_qa__exact_match="norm:squad|v0"))
    with pytest.raises(EvalgateError) as caught:
        pipeline.gate(FOLDER)
    assert str(caught.value) == (
        "error[scores-outdated]: the scores of run abc were counted by another version of 1 metric: "
        "policy_qa.exact_match was 'norm:squad|v0' and is 'norm:squad|v1'\n"
        "  at: run\n"
        "\n"
        "hint: score the recorded answers again with `evalgate gate run --rescore`, or judge with evalgate 0.0.9"
    )
    with pytest.raises(EvalgateError, match="counted by another version"):
        power_of_run(FOLDER, Asked())


def test_the_command_of_the_hint_scores_the_answers_again(
    recorded: Decision, capsys: pytest.CaptureFixture[str]
) -> None:
    path = FOLDER / "scores" / "zero_shot" / "policy_qa.jsonl"
    before = sorted(path.read_text().splitlines())
    spoil_scores()
    rewrite(signatures=signatures(policy_qa__exact_match="norm:squad|v0"))
    assert run_cli(["gate", "run"]) == ExitCode.ERROR
    assert "error[scores-outdated]" in capsys.readouterr().err
    assert run_cli(["gate", "run", "--rescore"]) == ExitCode.BLOCKED
    assert capsys.readouterr().err.startswith("scored again: policy_qa.exact_match\n")
    assert sorted(path.read_text().splitlines()) == before
    assert pipeline.gate(FOLDER) == recorded
    assert rescore(FOLDER) == ()


def test_answers_are_not_scored_by_another_suite(recorded: Decision) -> None:
    rewrite(signatures=signatures(policy_qa__exact_match="norm:squad|v0"), suite_folder="suites/gone")
    with pytest.raises(EvalgateError) as caught:
        rescore(FOLDER)
    assert caught.value.code == "suite-not-there"
    assert signatures()["policy_qa.exact_match"] == "norm:squad|v0"


def test_an_earlier_signature_of_the_same_numbers_is_judged(recorded: Decision) -> None:
    rewrite(signatures=signatures(route__accuracy="label:exact|v1", route__macro_f1="label:exact|classes:true|v1"))
    assert pipeline.gate(FOLDER) == recorded


def test_a_recording_without_signatures_is_judged_as_before(recorded: Decision) -> None:
    rewrite(signatures={})
    assert pipeline.gate(FOLDER) == recorded


OLD = {"route.accuracy": "label:exact|v1", "route.macro_f1": "label:exact|classes:true|v1"}


def frozen_by_an_earlier_version(folder: Path, label: str) -> None:
    for path in (folder / "route").glob("*.jsonl"):
        path.write_text(path.read_text().replace('"refund"', f'"{label}"'))
    spec = load_suite_spec(folder)
    freeze(folder, spec, bump=True, signatures=plugins.signatures(spec) | OLD)


def check(folder: Path) -> None:
    spec = load_suite_spec(folder)
    refuse_other_metrics(folder, spec, plugins.signatures(spec), load_suite(folder, spec).tasks)


def test_a_suite_whose_labels_count_alike_stays_frozen(suite: Path) -> None:
    frozen_by_an_earlier_version(suite, "refund")
    check(suite)
    spec = load_suite_spec(suite)
    kept = freeze(suite, spec, signatures=plugins.signatures(spec))
    lock = read_lock(suite)
    assert kept == lock and lock.signatures["route.accuracy"] == "label:exact|v1"


def test_a_suite_whose_labels_count_otherwise_is_refused(suite: Path) -> None:
    frozen_by_an_earlier_version(suite, "refund!")
    with pytest.raises(EvalgateError) as caught:
        check(suite)
    assert caught.value.code == "metric-changed"
    assert "route.accuracy was 'label:exact|v1' and is 'label:exact|v2'" in caught.value.what


def test_the_demo_stays_frozen_as_it_is() -> None:
    check(Path(__file__).parents[2] / "suites" / "support")


@pytest.mark.parametrize(
    ("was", "now", "labels", "alike"),
    [
        ("label:exact|v1", "label:exact|v2", ["refund", "order status"], True),
        ("label:exact|classes:true|v1", "label:exact|classes:true|v2", ["refund"], True),
        ("label:exact|v1", "label:exact|v2", ["refund", "order?", "order."], False),
        ("label:exact|v1", "label:exact|v2", ["order  status"], False),
        ("label:exact|v1", "label:exact|v2", None, False),
        ("label:exact|v2", "label:exact|v1", ["refund"], False),
        ("label:regex:1234|v1", "label:regex:1234|v2", ["refund"], False),
        ("norm:squad|v1", "norm:squad|v2", [], False),
        ("norm:squad|v1", "norm:squad|v1", None, True),
    ],
)
def test_two_signatures_count_alike_only_where_it_is_known(
    was: str, now: str, labels: list[str] | None, alike: bool
) -> None:
    assert counts_alike(was, now, labels) is alike


def version_1(output: str, labels: list[str]) -> str | None:
    """The label that version 1 found: the answer was trimmed, the labels were not."""
    text = " ".join(output.split()).strip(" .!,;:'\"").casefold()
    return next((label for label in labels if label.casefold() == text), None)


EDGE = st.text(alphabet=" .!,;:'\"\t", max_size=3)
INNER = st.text(alphabet="aAbßs .,", max_size=5)
PLAIN = INNER.map(lambda text: " ".join(text.split()).strip(" .!,;:'\""))


@given(st.data(), st.lists(PLAIN | INNER, min_size=1, max_size=4, unique=True), EDGE, EDGE)
def test_both_versions_find_the_same_labels_where_they_are_said_to(
    data: st.DataObject, labels: list[str], before: str, after: str
) -> None:
    assume(counts_alike("label:exact|v1", "label:exact|v2", labels))
    middle = data.draw(st.sampled_from(labels) | INNER)
    output = before + data.draw(st.sampled_from([middle, middle.upper(), middle.replace(" ", " \n ")])) + after
    assert Extractor(EXACT, labels).label(output) == version_1(output, labels)
