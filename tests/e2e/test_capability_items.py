"""Capability items: generative tasks against lm-eval alone, what is kept of them, the cache, and a mirror."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from lm_tasks import write_tasks
from recorder import Recorder
from tiny_model import save_adapter, save_tiny_model

from evalgate.backends.hf import HFBackend
from evalgate.backends.model_files import locate
from evalgate.cache.records import Cache
from evalgate.capability.harness import Harness
from evalgate.capability.mirror import mirror_tasks, read_mirror
from evalgate.core.capability import Responses
from evalgate.core.data import CapabilitySpec, ModelSpec
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.core.results import Score
from evalgate.files import read_lines
from evalgate.sealing import Seal, make_identity

pytestmark = pytest.mark.slow

SPEC = CapabilitySpec(tasks=("everything",), include_path="tasks")


class Notes(Recorder):
    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tasks(tmp_path_factory.mktemp("suite"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("datasets"))


def opened(model: Path, adapter: Path | None = None) -> HFBackend:
    spec = ModelSpec(id=str(model))
    backend = HFBackend(spec, locate(spec))
    if adapter is not None:
        backend.add_adapter("a", save_adapter(model, adapter, 1))
    return backend


def measured(
    place: Path, backend: HFBackend, path: Path, *, adapter: str | None = None, spec: CapabilitySpec = SPEC, **more: Any
) -> tuple[list[Score], Notes]:
    progress = Notes()
    harness = Harness(spec, place)
    return harness.measure(backend, adapter=adapter, system="s", path=path, progress=progress, **more), progress


def alone(place: Path, backend: HFBackend, adapter: str | None) -> dict[str, dict[str, Any]]:
    """Each item's answers and numbers as `lm_eval.simple_evaluate` gives them; one question at a time."""
    import lm_eval
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    with backend.using(adapter) as module:
        lm = HFLM(pretrained=module, tokenizer=backend.tokenizer, batch_size=1, softmax_dtype="float32")
        manager = TaskManager(include_defaults=False, include_path=str(place / "tasks"))
        results: Any = lm_eval.simple_evaluate(lm, tasks=["everything"], task_manager=manager, bootstrap_iters=0)
    found: dict[str, dict[str, Any]] = {}
    for task, rows in results["samples"].items():
        for row in rows:
            item = found.setdefault(f"{task}/{row['doc_id']}", {"resps": row["resps"], "values": {}})
            suffix = "" if row["filter"] == "none" else f",{row['filter']}"
            item["values"] |= {metric + suffix: float(row[metric]) for metric in row["metrics"]}
    return found


@pytest.mark.parametrize("adapter", [None, "a"])
def test_generated_texts_and_numbers_of_each_item_are_those_of_lm_eval_alone(
    place: Path, model: Path, tmp_path: Path, adapter: str | None
) -> None:
    backend = opened(model, tmp_path / "adapter")
    scores, _ = measured(place, backend, tmp_path / "c.jsonl", adapter=adapter)
    expected = alone(place, backend, adapter)
    assert [s.example_id for s in scores] == list(expected)
    assert len(scores) == 27
    for score in scores:
        answers, theirs = score.responses, expected[score.example_id]
        assert isinstance(answers, Responses)
        assert answers.values == theirs["values"]
        if score.detail == "colours":
            assert answers.greedy == tuple(greedy for [(_, greedy)] in theirs["resps"])
            assert answers.logprobs == pytest.approx([p for [(p, _)] in theirs["resps"]], abs=1e-4)
            assert score.parts == (theirs["values"]["acc"],)
        else:
            assert [[text] for text in answers.texts] == theirs["resps"]
    assert {tuple(s.responses.values) for s in scores if s.responses and s.detail == "maths"} == {
        ("exact_match,strict", "exact_match,loose")
    }
    texts = {s.responses.texts for s in scores if s.responses and s.responses.texts}
    assert len(texts) > 9, "the model says different things, so equality says something"


def test_a_second_run_asks_the_base_nothing_and_an_adapter_by_its_bytes(
    place: Path, model: Path, tmp_path: Path
) -> None:
    one, two = opened(model, tmp_path / "adapter"), opened(model)
    first, before = measured(place, one, tmp_path / "1.jsonl", cache=Cache(tmp_path / "kept"))
    again, after = measured(place, two, tmp_path / "2.jsonl", cache=Cache(tmp_path / "kept"))
    assert before.notes == []
    assert after.notes == [f"s: 27 of 27 capability items were known from {tmp_path / 'kept'} (--no-cache asks again)"]
    assert "_model" not in two.__dict__, "no weights were loaded"
    assert all(s.responses and s.responses.cached for s in again)
    assert [(s.example_id, s.parts) for s in again] == [(s.example_id, s.parts) for s in first]
    assert [(s.responses.logprobs, s.responses.texts, s.responses.values) for s in again if s.responses] == [
        (s.responses.logprobs, s.responses.texts, s.responses.values) for s in first if s.responses
    ]
    tuned, notes = measured(place, one, tmp_path / "3.jsonl", adapter="a", cache=Cache(tmp_path / "kept"))
    assert notes.notes == []
    assert [s.responses for s in tuned] != [s.responses for s in first]
    one.add_adapter("b", save_adapter(model, tmp_path / "same", 1))
    _, notes = measured(place, one, tmp_path / "4.jsonl", adapter="b", cache=Cache(tmp_path / "kept"))
    assert len(notes.notes) == 1, "the same bytes under another name"


def test_a_changed_question_is_asked_and_the_others_are_not(model: Path, tmp_path: Path) -> None:
    place, backend, cache = write_tasks(tmp_path / "suite"), opened(model), tmp_path / "kept"
    measured(place, backend, tmp_path / "1.jsonl", cache=Cache(cache))
    rows = (place / "data" / "test.jsonl").read_text().replace("what is 3 one?", "what is 3 won?")
    (place / "data" / "test.jsonl").write_text(rows)
    _, notes = measured(place, backend, tmp_path / "2.jsonl", cache=Cache(cache))
    assert notes.notes[0].startswith("s: 24 of 27 capability items were known")


def test_a_sealed_suite_keeps_nothing_and_records_no_answers(place: Path, model: Path, tmp_path: Path) -> None:
    key = make_identity(tmp_path / "key")
    seal = Seal([key], str(tmp_path / "key"))
    scores, _ = measured(place, opened(model), tmp_path / "c.jsonl", seal=seal, cache=Cache(tmp_path / "kept"))
    assert not (tmp_path / "kept").exists()
    assert not any(score.responses for score in scores)
    assert len(read_lines(tmp_path / "c.jsonl", Score, seal)) == 27


def test_an_answer_longer_than_the_context_is_refused(place: Path, model: Path, tmp_path: Path) -> None:
    text = (place / "tasks" / "free.yaml").read_text()
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "free.yaml").write_text(text.replace("max_gen_toks: 12", "max_gen_toks: 256"))
    with pytest.raises(UsageError) as caught:
        measured(tmp_path, opened(model), tmp_path / "c", spec=CapabilitySpec(tasks=("free",), include_path="tasks"))
    assert str(caught.value) == (
        "error[capability-task-unfit]: the capability task free asks for answers of 256 tokens, and the model's "
        "context is 256\n\nhint: take the task out of `capability.tasks`, or give it a smaller `max_gen_toks` in a "
        "YAML of the suite's own"
    )


def test_a_mirror_gives_the_same_scores_without_the_data_it_came_from(model: Path, tmp_path: Path) -> None:
    place, backend = write_tasks(tmp_path / "suite"), opened(model)
    expected, _ = measured(place, backend, tmp_path / "1.jsonl")
    notes: list[str] = []
    mirror = place / "mirror"
    index = mirror_tasks(["everything"], mirror, own=place / "tasks", note=notes.append)
    assert [entry.rows for entry in index.data] == [{"train": 4, "test": 9}]
    assert notes == [f"{place / 'data'}: 4 train, 9 test"]
    (place / "data").rename(place / "gone")
    mirror_tasks(["everything"], mirror, own=place / "tasks", note=notes.append)
    assert len(notes) == 1, "what is there is not loaded again"
    spec = CapabilitySpec(tasks=("everything",), include_path="tasks", mirror="mirror")
    found, _ = measured(place, backend, tmp_path / "2.jsonl", spec=spec)
    assert found == expected
    with pytest.raises(EvalgateError) as caught:
        Harness(SPEC, place)
    assert caught.value.code == "capability-data"
    assert caught.value.what.startswith("the data of the capability tasks everything cannot be loaded: ")
    assert caught.value.fix == (
        "connect to the hub; or run `evalgate capability mirror everything --to FOLDER` where there is a network, "
        "and set `mirror: FOLDER` below `capability:` in suite.yaml"
    )


def test_a_mirror_that_lacks_or_changed_something_is_refused(place: Path, tmp_path: Path) -> None:
    def refused(tasks: tuple[str, ...] = ("colours",)) -> str:
        spec = CapabilitySpec(tasks=tasks, include_path="tasks", mirror=str(tmp_path / "mirror"))
        with pytest.raises(UsageError) as caught:
            Harness(spec, place)
        return str(caught.value)

    mirror = tmp_path / "mirror"
    assert refused() == (
        f"error[no-mirror]: there is no mirror: the folder has no mirror.json\n  at: {mirror}\n\n"
        f"hint: `evalgate capability mirror TASKS --to {mirror}` makes one, where there is a network"
    )
    mirror_tasks(["colours"], mirror, own=place / "tasks")
    [entry] = read_mirror(mirror).index.data
    again = f"`evalgate capability mirror colours --to {mirror}`"
    path = mirror / entry.folder / "test.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole + b"x")
    assert refused() == (
        f"error[mirror-changed]: the mirror's file {entry.folder}/test.parquet is not what was mirrored\n"
        f"  at: {path}\n\nhint: delete it and run {again}"
    )
    path.unlink()
    assert refused() == (
        f"error[mirror-incomplete]: the mirror lacks {entry.folder}/test.parquet\n"
        f"  at: {mirror / 'mirror.json'}\n\nhint: run {again} where there is a network"
    )
    index = json.loads((mirror / "mirror.json").read_text()) | {"data": []}
    (mirror / "mirror.json").write_text(json.dumps(index))
    assert re.match(r"error\[mirror-incomplete\]: the mirror has no data of the task colours \(.*/data\)\n", refused())
