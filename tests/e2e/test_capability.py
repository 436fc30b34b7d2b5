"""The capability harness against lm-eval alone, item by item."""

from pathlib import Path
from typing import Any

import pytest
from recorder import Recorder
from tiny_model import CONTEXT, save_adapter, save_tiny_model

from evalgate.backends.hf import HFBackend
from evalgate.backends.model_files import locate
from evalgate.capability.harness import Harness
from evalgate.capability.live import language_model
from evalgate.core.data import CapabilitySpec, ModelSpec
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.core.protocols import Scored
from evalgate.core.results import Score
from evalgate.files import Appender, read_lines
from evalgate.sealing import Seal, make_identity

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SUITE, MODEL = ROOT / "suites" / "support", ROOT / "models" / "base-5m"
SPEC = CapabilitySpec(tasks=("support_facts",), include_path="capability", limit=8)


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> HFBackend:
    spec = ModelSpec(id=str(MODEL))
    backend = HFBackend(spec, locate(spec))
    backend.add_adapter("a", save_adapter(MODEL, tmp_path_factory.mktemp("adapter"), 1))
    return backend


@pytest.fixture(scope="module")
def harness() -> Harness:
    return Harness(SPEC, SUITE)


def measure(harness: Harness, backend: HFBackend, path: Path, adapter: str | None) -> tuple[list[Score], Recorder]:
    progress = Recorder()
    return harness.measure(backend, adapter=adapter, system="s", path=path, progress=progress), progress


def alone(backend: HFBackend, adapter: str | None) -> dict[str, float]:
    """Each item's accuracy as `lm_eval.simple_evaluate` gives it."""
    import lm_eval
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    with backend.using(adapter) as module:
        lm = HFLM(pretrained=module, tokenizer=backend.tokenizer, batch_size=16, softmax_dtype="float32")
        manager = TaskManager(include_defaults=False, include_path=str(SUITE / "capability"))
        results: Any = lm_eval.simple_evaluate(
            lm, tasks=["support_facts"], task_manager=manager, limit=8, bootstrap_iters=0
        )
    return {f"{t}/{s['doc_id']}": float(s["acc"]) for t, rows in results["samples"].items() for s in rows}


@pytest.mark.parametrize("adapter", [None, "a"])
def test_every_item_is_scored_as_by_lm_eval_alone(
    harness: Harness, backend: HFBackend, tmp_path: Path, adapter: str | None
) -> None:
    scores, progress = measure(harness, backend, tmp_path / "c.jsonl", adapter)
    assert len(scores) == harness.n_items == 80
    assert {s.example_id: s.parts[0] for s in scores} == alone(backend, adapter)
    assert {s.detail for s in scores} == {s.example_id.partition("/")[0] for s in scores}
    assert [e.id for e in harness.examples()] == [s.example_id for s in scores]
    assert read_lines(tmp_path / "c.jsonl", Score) == scores
    assert progress.stages[0][1:] == [80, 0, 80]


def test_a_cut_measurement_goes_on_with_whole_subjects_and_counts_nothing_twice(
    harness: Harness, backend: HFBackend, tmp_path: Path
) -> None:
    path = tmp_path / "c.jsonl"
    scores, _ = measure(harness, backend, path, None)
    path.unlink()
    with Appender(path) as file:
        file.write(scores[:21])  # two subjects, and a part of the third
    again, progress = measure(harness, backend, path, None)
    assert progress.stages[0][1:] == [80, 16, 80]
    assert again == scores
    assert sorted(read_lines(path, Score), key=str) == sorted(scores, key=str)
    again, progress = measure(harness, backend, path, None)
    assert (again, progress.stages) == (scores, [])


def test_a_task_that_lm_eval_does_not_know_is_told_of() -> None:
    with pytest.raises(UsageError) as caught:
        Harness(CapabilitySpec(tasks=("support_fatcs",), include_path="capability"), SUITE)
    assert str(caught.value) == (
        "error[unknown-capability-task]: lm-eval knows no task support_fatcs; did you mean 'support_facts'?\n"
        f"  at: {SUITE / 'capability'}\n\n"
        "hint: correct `capability.tasks` in suite.yaml; `lm_eval ls tasks` lists all names"
    )


def test_a_question_without_memory_stops_the_run_with_its_fix(
    harness: Harness, backend: HFBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    none = Scored(logprob=float("nan"), greedy=False, out_of_memory=True)
    monkeypatch.setattr(backend, "score_tokens", lambda pairs, adapter=None: [none] * len(pairs))
    with pytest.raises(EvalgateError) as caught:
        measure(harness, backend, tmp_path / "c.jsonl", None)
    assert str(caught.value) == (
        "error[no-memory]: one capability question alone does not fit the device's memory\n\n"
        "hint: free memory, or lower `num_fewshot` or set `quantization: nf4` in suite.yaml"
    )


def test_what_is_longer_than_the_context_is_cut_as_lm_eval_cuts_it(harness: Harness, tmp_path: Path) -> None:
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    spec = ModelSpec(id=str(save_tiny_model(tmp_path)))
    tiny = HFBackend(spec, locate(spec))
    lm = language_model(tiny, tiny.module, None)
    alone = HFLM(pretrained=tiny.module, tokenizer=tiny.tokenizer, batch_size=2, softmax_dtype="float32")
    for length in (CONTEXT - 4, CONTEXT - 3, CONTEXT, 2 * CONTEXT):
        pair = ("abcdefgh" * CONTEXT)[:length], " end"
        asked = [Instance(request_type="loglikelihood", doc={}, arguments=pair, idx=0)]
        [(mine, greedy)], [(theirs, theirs_greedy)] = (each.loglikelihood(asked) for each in (lm, alone))
        assert (mine, greedy) == (pytest.approx(theirs, abs=1e-4), theirs_greedy)


def test_sealed_items_are_whole_with_the_key_and_not_asked_again_without(
    harness: Harness, backend: HFBackend, tmp_path: Path
) -> None:
    pytest.importorskip("pyrage", reason="sealing needs the extra `seal`")
    public = make_identity(tmp_path / "owner.key")
    path = tmp_path / "sealed.jsonl"
    given: dict[str, Any] = {"adapter": None, "system": "s", "path": path}
    scores = harness.measure(backend, **given, progress=Recorder(), seal=Seal([public]))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-3]))  # half a subject
    again, idle = Recorder(), Recorder()
    harness.measure(backend, **given, progress=again, seal=Seal([public]))
    assert [stage[3] - stage[2] for stage in again.stages] == [SPEC.limit]
    assert harness.measure(backend, **given, progress=idle, seal=Seal([public])) == []
    assert idle.stages == []
    assert sorted(map(repr, read_lines(path, Score, Seal([public], str(tmp_path / "owner.key"))))) == sorted(
        map(repr, scores)
    )
    assert b"parts" not in path.read_bytes()
