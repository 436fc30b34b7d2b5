"""Whole runs of a suite whose model is on a server."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from faulty_server import Fault, FaultyServer
from small_suite import write_suite
from test_job_e2e_fake import Silent

from evalgate import pipeline
from evalgate.checking import checked
from evalgate.config import load_project, load_suite_spec
from evalgate.console import validated_text
from evalgate.core.data import RunOptions
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.planning import make_plan, refuse_hopeless
from evalgate.power.plan import Asked, power_of_suite
from evalgate.store import load_run
from evalgate.suite.frozen import freeze

API = "kind: api\nmodel: adapter-7\nprompts_from: ../../../baselines/desk/zero_shot.yaml\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The small suite with its model on a server, an adapter there as the candidate, and no capability."""
    suite = write_suite(tmp_path)
    (suite / "candidates" / "qlora.yaml").unlink()
    (suite / "candidates" / "tuned.yaml").write_text(API)
    return suite


def point(suite: Path, url: str, *, capability: bool = False, keys: str = "") -> Path:
    lines = [x for x in (suite / "suite.yaml").read_text().splitlines() if capability or "capability" not in x]
    model = f"model: {{backend: openai_http, base_url: {url}, id: base, timeout_s: 5{keys}}}"
    lines = [model if x.startswith("model:") else x.replace("n_pairs: 20", "n_pairs: 3") for x in lines]
    (suite / "suite.yaml").write_text("\n".join(lines) + "\n")
    freeze(suite, load_suite_spec(suite))
    return suite


def run(suite: Path, **options: Any) -> Any:
    out = str(suite.parents[1] / "run")
    return pipeline.run(RunOptions(**{"suite": str(suite), "output": out, "limit": 4, **options}), Silent())


@pytest.mark.slow
def test_baselines_and_an_adapter_by_name_run_over_http(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flaky(prompt: str, n: int) -> Fault:
        return "500" if n == 0 and "3" in prompt else "ok"

    monkeypatch.setenv("DESK_KEY", "sk-very-secret")
    with FaultyServer(flaky, models=("base", "adapter-7")).running() as server:
        server.key, server.holds = "sk-very-secret", True
        point(folder, server.url, keys=", api_key_env: DESK_KEY")
        decision = run(folder)
        n_asked = sum(server.asked.values())
        again = run(folder)
        assert sum(server.asked.values()) == n_asked, "what is recorded is asked no second time"
    out = folder.parents[1] / "run"
    data = load_run(out)
    assert data.run.candidates == ("tuned",)
    assert data.run.systems["tuned"].backend == "openai_http"
    assert data.run.systems["tuned"].model == "adapter-7"
    assert data.run.systems["tuned"].model_digest != data.run.systems["zero_shot"].model_digest
    assert {p.output.partition(":")[0] for p in data.predictions["tuned"]["route"] if p.output} == {"adapter-7"}
    assert {p.output.partition(":")[0] for p in data.predictions["rag"]["policy_qa"] if p.output} == {"base"}
    for tasks in data.predictions.values():
        for rows in tasks.values():
            assert len({p.example_id for p in rows}) == len(rows)
            assert {p.status for p in rows} <= {"ok"}
    pairs = data.latency["tuned"]
    assert len(pairs) == 3
    assert all(p.baseline_first_s and p.candidate_first_s for p in pairs)
    assert decision.findings == again.findings == ()
    assert decision.verdicts
    for path in out.rglob("*"):
        assert path.is_dir() or b"very-secret" not in path.read_bytes(), path
    assert "weights behind an API cannot be hashed" in (out / "report.html").read_text()


@pytest.mark.slow
def test_a_killed_run_is_resumed_and_each_example_stands_once(folder: Path) -> None:
    class Killed(Silent):
        n = 0

        def stage(self, name: str, total: int, done: int = 0) -> Any:
            Killed.n += 1
            if Killed.n == 4:
                raise KeyboardInterrupt
            return super().stage(name, total, done)

    with FaultyServer(models=("base", "adapter-7")).running() as server:
        point(folder, server.url)
        options = RunOptions(suite=str(folder), output=str(folder.parents[1] / "run"), limit=4)
        with pytest.raises(KeyboardInterrupt):
            pipeline.run(options, Killed())
        decision = pipeline.run(options, Silent())
    data = load_run(folder.parents[1] / "run")
    what = [f"4 of 4 answers of {name} to extract break its constraint" for name in ("tuned", "zero_shot")]
    assert sorted(f.what for f in decision.findings if f.code == "constraint-broken") == what
    assert [f for f in decision.findings if f.hard] == []
    for system in data.run.systems.values():
        for task in system.prompts:
            assert len(data.predictions[system.name][task]) == 4
            assert len({p.example_id for p in data.predictions[system.name][task]}) == 4


def test_a_server_that_is_not_there_stops_the_run_before_anything(folder: Path) -> None:
    with FaultyServer().running() as server:
        url = server.url
    point(folder, url)
    with pytest.raises(EvalgateError) as caught:
        run(folder)
    assert caught.value.code == "server-unreachable"
    assert caught.value.where == url
    assert caught.value.fix == "start it, or correct `model.base_url` in suite.yaml (it ends with /v1 for most servers)"
    assert not (folder.parents[1] / "run").exists()


def test_it_is_looked_for_before_an_encoder_is_loaded(folder: Path) -> None:
    prompt = "retrieve: {k: 1, by: dense, encoder: ../../models/none}"
    rag = folder.parents[1] / "baselines" / "desk" / "rag.yaml"
    rag.write_text(rag.read_text().replace("retrieve: 3", prompt))
    with FaultyServer(models=("base", "adapter-7")).running() as server:
        point(folder, server.url)
        with pytest.raises(EvalgateError) as there:
            run(folder)
    with pytest.raises(EvalgateError) as gone:
        run(folder)
    assert (there.value.code, gone.value.code) == ("base-model-missing", "server-unreachable")


def test_power_and_validate_count_it_as_a_candidate(folder: Path) -> None:
    def needed() -> int:
        with pytest.raises(UsageError) as caught:
            refuse_hopeless(load_project(folder))
        return int(re.findall(r"gate 'refusal'.*that takes (\d+)", caught.value.what)[0])

    point(folder, "http://127.0.0.1:9/v1")
    alone = needed()
    (folder / "candidates" / "other.yaml").write_text(API.replace("adapter-7", "adapter-8"))
    report = power_of_suite(folder, Asked())
    assert report.candidates == 2
    assert {row.alpha for row in report.gates} == {0.025}
    assert needed() > alone
    assert "\ncandidates: other, tuned\n" in validated_text(load_project(folder), (), "text", frozen=True)


def test_held_out_rows_that_its_prompt_shows_are_refused_and_dropped(folder: Path) -> None:
    own = "kind: api\nmodel: adapter-7\nprompts:\n" + "".join(
        f"  {task}: {{template: ../../../baselines/desk/zero-shot/text.j2{shots}}}\n"
        for task, shots in {
            "route": "",
            "extract": "",
            "policy_qa": ", shots: 2",
            "redteam": "",
            "summarize": "",
        }.items()
    )
    (folder / "candidates" / "tuned.yaml").write_text(own)
    train, asked = folder / "policy_qa" / "train.jsonl", folder / "policy_qa" / "heldout.jsonl"
    row = {**json.loads(asked.read_text().splitlines()[0]), "id": "copied"}
    train.write_text(train.read_text() + json.dumps(row) + "\n")
    point(folder, "http://127.0.0.1:9/v1")
    project = load_project(folder)
    with pytest.raises(EvalgateError) as caught:
        checked(project)
    assert caught.value.code == "contaminated-train"
    clean = checked(project, drop=True)
    assert clean.dropped == {"policy_qa": ("copied",)}
    assert [draft.name for draft in clean.project.entrants] == ["tuned"]


def test_what_an_api_cannot_measure_is_refused(folder: Path) -> None:
    point(folder, "http://127.0.0.1:9/v1", capability=True)
    with pytest.raises(UsageError) as caught:
        refuse_hopeless(load_project(folder), sizes=False)
    assert str(caught.value) == (
        "error[cannot-measure]: capability needs a model in this process, but the suite's model is behind an API\n"
        f"  at: {folder / 'suite.yaml'}\n\nhint: take `capability:` and its gates out of suite.yaml"
    )
    (folder / "candidates" / "qlora.yaml").write_text("prompts_from: ../../../baselines/desk/zero_shot.yaml\n")
    with pytest.raises(UsageError) as caught:
        refuse_hopeless(load_project(folder), sizes=False)
    assert caught.value.what == (
        "the training of 'qlora' needs a model in this process, but the suite's model is behind an API"
    )


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        ("{id: a, backend: openai_http}", "`backend: openai_http` needs `base_url`, e.g. http://127.0.0.1:8000/v1"),
        ("{id: a, backend: openai_http, base_url: 'http://me:pw@h/v1'}", "must hold no user, key or query"),
        ("{id: a, backend: openai_http, base_url: 'ftp://h'}", "must be a URL such as http://127.0.0.1:8000/v1"),
        ("{id: a, backend: openai_http, base_url: 'http://h', dtype: float16}", "`dtype` does not belong to"),
        ("{id: a, timeout_s: 3}", "`timeout_s` does not belong to `backend: hf`"),
    ],
)
def test_keys_of_the_wrong_backend_and_secrets_in_the_url_are_refused(folder: Path, model: str, problem: str) -> None:
    text = (folder / "suite.yaml").read_text()
    (folder / "suite.yaml").write_text(re.sub(r"model: .*", f"model: {model}", text))
    with pytest.raises(UsageError) as caught:
        load_suite_spec(folder)
    assert caught.value.code == "bad-config"
    assert problem in caught.value.what


def test_an_api_candidate_needs_a_server(folder: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load_project(folder, verify=False)
    assert caught.value.what == "kind: an api candidate needs `backend: openai_http` in the `model:` of suite.yaml"


def test_timeouts_and_concurrency_are_no_part_of_a_runs_identity(folder: Path) -> None:
    with FaultyServer(models=("base", "adapter-7")).running() as server:
        point(folder, server.url)
        one = make_plan(RunOptions(suite=str(folder), limit=2)).run.id
        point(folder, server.url, keys=", max_concurrency: 3")
        assert make_plan(RunOptions(suite=str(folder), limit=2)).run.id == one
