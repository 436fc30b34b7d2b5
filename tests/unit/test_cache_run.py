"""Whole runs that share answers, without a model: only what was never asked is asked."""

import json
from pathlib import Path
from typing import Any

import pytest
from ledger_suite import base, better, bump, options, put_adapters, write_ledger_suite
from recorder import Recorder

from evalgate import pipeline
from evalgate.backends.fake import FakeBackend
from evalgate.core.adapter_files import CONFIG, WEIGHTS
from evalgate.core.data import RunOptions
from evalgate.core.results import Decision, Failure
from evalgate.doctor import inject as doctor
from evalgate.planning import make_plan
from evalgate.sealing import IDENTITY_FILE, make_identity
from evalgate.store import RunData, RunFolder, load_run

N = 20
# Answers of both baselines, and of one candidate. Two tasks ask the same of the same model, so each is asked for one.
N_BASELINES, N_CANDIDATE = 6 * N, 5 * N
ALWAYS = 50 + 20  # by the validity checks on dev items and in timed calls: never from the cache
BASELINES, CANDIDATE = N_BASELINES - N, N_CANDIDATE - N
LATENCY = "latency: {n_pairs: 5}\n"


class Notes(Recorder):
    """Remembers notes as well."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def backend(*names: str, **more: Any) -> FakeBackend:
    return FakeBackend(base, adapters=dict.fromkeys(names or ("good",), better), **{"digest": "weights", **more})


def run(chosen: RunOptions, model: FakeBackend, *, weights: bytes = b"trained") -> tuple[Decision, list[str]]:
    """Run with adapters of these bytes; gives the decision and the notes."""
    put_adapters(chosen)
    plan, notes = make_plan(chosen), Notes()
    for recipe in plan.recipes:
        folder = RunFolder(plan.folder).adapter(recipe.name)
        (folder / WEIGHTS).write_bytes(weights)
        (folder / CONFIG).write_text('{"r": 4}')
    return pipeline.run(chosen, notes, model), notes.notes


def n_cached(data: RunData) -> dict[str, int]:
    asked = {s: [p for rows in tasks.values() for p in rows] for s, tasks in data.predictions.items()}
    return {s: sum(p.cached for p in rows) for s, rows in asked.items() if rows}


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    return write_ledger_suite(tmp_path, LATENCY, n=N)


def outputs(data: RunData) -> dict[tuple[str, str], dict[str, str | None]]:
    return {
        (s, t): {p.example_id: p.output for p in rows} for s, ts in data.predictions.items() for t, rows in ts.items()
    }


@pytest.mark.slow
def test_changed_gates_and_metrics_ask_nothing(suite: Path) -> None:
    root = suite.parents[1]
    first = backend()
    run(options(suite, "one"), first)
    assert len(first.asked) == BASELINES + CANDIDATE + ALWAYS
    text = (suite / "suite.yaml").read_text()
    text = text.replace("min_gain: 0.2", "min_gain: 0.1").replace("[exact_match]", "[exact_match, token_f1]")
    (suite / "suite.yaml").write_text(text.replace("limit: 0.5, alpha: 0.02", "limit: 0.4"))
    bump(suite)
    second = backend()
    decision, notes = run(options(suite, "two"), second)
    assert len(second.asked) == ALWAYS, "only checks and single calls are made again: 5 rounds and 5 to warm up"
    assert f"{220:,} of {220:,} answers were known from {root / '.predictions'} (--no-cache asks again)" in notes
    one, two = load_run(root / "one"), load_run(root / "two")
    assert one.run.id != two.run.id
    assert outputs(one) == outputs(two)
    assert any(s.metric == "token_f1" for s in two.scores["good"]["policy_qa"])
    assert n_cached(one) == {"zero_shot": N, "rag": 0, "good": N}
    assert n_cached(two) == {"zero_shot": 5 * N, "rag": N, "good": 5 * N}
    assert decision.outcome in ("ship", "keep_baseline", "inconclusive")


@pytest.mark.slow
def test_an_added_baseline_is_all_that_is_asked(suite: Path) -> None:
    run(options(suite, "one"), backend())
    folder = suite.parents[1] / "baselines" / "desk"
    (folder / "again.yaml").write_text((folder / "zero_shot.yaml").read_text())
    same = backend()
    run(options(suite, "two"), same)
    assert len(same.asked) == ALWAYS, "another name, the same prompts"
    (folder / "again.yaml").write_text("kind: prompt\nprompts: {route: {template: zero-shot/text.j2, max_tokens: 9}}\n")
    other = backend()
    run(options(suite, "three"), other)
    assert len(other.asked) == N + ALWAYS + 3, "the checks ask it, too"


def rename(suite: Path) -> None:
    (suite / "candidates" / "good.yaml").rename(suite / "candidates" / "renamed.yaml")


def test_the_same_adapter_under_another_name_is_not_asked_again(suite: Path) -> None:
    run(options(suite, "one"), backend())
    rename(suite)
    model = backend("renamed")
    run(options(suite, "two", ("renamed",)), model)
    assert len(model.asked) == ALWAYS
    data = load_run(suite.parents[1] / "two")
    assert {p.output for p in data.predictions["renamed"]["route"]} == {"refund"}
    assert {p.system for p in data.predictions["renamed"]["route"]} == {"renamed"}


def test_another_adapter_under_the_same_name_is_asked(suite: Path) -> None:
    run(options(suite, "one"), backend())
    model = backend()
    run(options(suite, "two"), model, weights=b"trained otherwise")
    assert len(model.asked) == CANDIDATE + ALWAYS
    assert n_cached(load_run(suite.parents[1] / "two")) == {"zero_shot": 5 * N, "rag": N, "good": N}


@pytest.mark.slow
@pytest.mark.parametrize("change", [{"digest": "other weights"}, {"dtype": "bfloat16"}, {"digest": ""}])
def test_other_weights_and_precisions_share_nothing(suite: Path, change: dict[str, str]) -> None:
    run(options(suite, "one"), backend())
    model = backend(**change)
    run(options(suite, "two"), model)
    known = 2 * N if model.answerer(None) else 0
    assert len(model.asked) == N_BASELINES + N_CANDIDATE - known + ALWAYS


def test_no_cache_neither_takes_nor_keeps(suite: Path) -> None:
    run(options(suite, "one", use_cache=False), backend())
    assert not (suite.parents[1] / ".predictions").exists()
    run(options(suite, "two"), backend())
    before = sorted((p, p.read_bytes()) for p in (suite.parents[1] / ".predictions").rglob("*.jsonl"))
    model = backend()
    _, notes = run(options(suite, "three", use_cache=False), model)
    assert len(model.asked) == N_BASELINES + N_CANDIDATE + ALWAYS
    assert not any("known" in note for note in notes)
    assert before == sorted((p, p.read_bytes()) for p in (suite.parents[1] / ".predictions").rglob("*.jsonl"))


@pytest.mark.slow
def test_a_cache_elsewhere_serves_runs_anywhere(suite: Path, tmp_path: Path) -> None:
    place = str(tmp_path / "shared")
    run(options(suite, "one", cache=place), backend())
    assert not (tmp_path / ".predictions").exists()
    model = backend()
    run(options(suite, "deep/er/two", cache=place), model)
    assert len(model.asked) == ALWAYS


@pytest.mark.slow
def test_times_and_costs_never_come_from_the_cache(suite: Path) -> None:
    run(options(suite, "one"), backend(latency_s=0.0005))
    model = backend(latency_s=0.0005)
    run(options(suite, "two"), model)
    one, two = (load_run(suite.parents[1] / name) for name in ("one", "two"))
    assert {c.system for c in one.costs} == {"zero_shot", "rag", "good"}
    assert two.costs == [], "a known answer took no time that says anything"
    assert all(pair.baseline_s >= 0.0005 and not pair.cached for pair in two.latency["good"])
    assert len(two.latency["good"]) == 5
    answers = [p for tasks in two.predictions.values() for rows in tasks.values() for p in rows]
    assert {(p.latency_s, p.first_token_s) for p in answers} == {(None, None)}
    kept = b"".join(p.read_bytes() for p in (suite.parents[1] / ".predictions").rglob("*.jsonl"))
    assert b"latency" not in kept


@pytest.mark.slow
def test_the_report_says_how_many_answers_were_known_and_the_doctor_finds_nothing(suite: Path) -> None:
    run(options(suite, "one"), backend())
    run(options(suite, "two"), backend())
    root = suite.parents[1]
    told = (
        "220 of 220 answers come from the cache: the same weights gave them before, to the same prompts and decoding. "
        "No time was taken from it"
    )
    for name in ("report.html", "report.md"):
        assert told in (root / "two" / name).read_text()
        assert "40 of 220 answers come from the cache" in (root / "one" / name).read_text()
    assert doctor.diagnose(root / "two") == doctor.diagnose(root / "one")
    assert doctor.inject(root / "two").missed == doctor.inject(root / "one").missed


@pytest.mark.slow
def test_failures_are_asked_again(suite: Path) -> None:
    def failing(prompt: str) -> str | Failure:
        return Failure(code="out-of-memory") if prompt.endswith("7") else base(prompt)

    run(options(suite, "one", ()), FakeBackend(failing, digest="weights"))
    model = FakeBackend(base, digest="weights")
    run(options(suite, "two", ()), model)
    assert [prompt[-1] for _, prompt in model.asked] == ["7"] * 10  # 7 and 17 of five prompts


@pytest.mark.slow
@pytest.mark.parametrize("calls", [1, 33, 99])
def test_what_a_killed_run_had_asked_is_known_to_the_next_one_in_another_folder(suite: Path, calls: int) -> None:
    left = calls

    def dying(prompt: str) -> str:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return base(prompt)

    with pytest.raises(KeyboardInterrupt):
        run(options(suite, "one", ()), FakeBackend(dying, digest="weights"))
    model = FakeBackend(base, digest="weights")
    run(options(suite, "two", ()), model)
    assert len(model.asked) == BASELINES - calls


@pytest.mark.slow
def test_a_sealed_suite_keeps_nothing_and_takes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyrage", reason="sealing needs the extra `seal`")
    monkeypatch.delenv(IDENTITY_FILE, raising=False)
    public = make_identity(tmp_path / "owner.key")
    sealed = write_ledger_suite(tmp_path / "s", f"disclosure: verdict\nsealed_for: {public}\n{LATENCY}", n=N)
    twin = write_ledger_suite(tmp_path / "t", LATENCY, n=N)

    def secret(prompt: str) -> str:
        return f"xylophone {prompt[-1]}"

    def model() -> FakeBackend:
        return FakeBackend(secret, adapters={"good": better}, digest="weights")

    place = tmp_path / "shared"
    for out in ("one", "two"):
        asked = model()
        _, notes = run(options(sealed, out, cache=str(place)), asked)
        assert len(asked.asked) == N_BASELINES + N_CANDIDATE + ALWAYS
        assert notes == []
    assert not place.exists()
    hidden = [p for p in (tmp_path / "s").rglob("*") if p.is_file() and b"xylophone" in p.read_bytes()]
    assert hidden == [], "nor anywhere else"
    run(options(twin, "one", cache=str(place)), model())
    assert any(b"xylophone" in p.read_bytes() for p in place.rglob("*") if p.is_file()), "the search finds what is open"
    asked = model()
    run(options(sealed, "three", cache=str(place)), asked)
    assert len(asked.asked) == N_BASELINES + N_CANDIDATE + ALWAYS
    scores = (tmp_path / "s" / "three" / "predictions" / "zero_shot" / "route.jsonl").read_text().splitlines()
    assert all("sealed" in json.loads(line) for line in scores)
