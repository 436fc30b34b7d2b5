"""Kept answers of a real model: a changed file makes another question, and what is known needs no weights."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from recorder import Recorder
from tiny_model import save_adapter, save_tiny_model
from tiny_suite import copy_suite

from evalgate import pipeline
from evalgate.backends.hf import HFBackend
from evalgate.backends.model_files import locate
from evalgate.cache.answers import Remembering
from evalgate.cache.records import Cache
from evalgate.config import load_suite_spec
from evalgate.core.adapter_files import CONFIG
from evalgate.core.data import Message, ModelSpec, RunOptions, Sampling
from evalgate.core.protocols import Request
from evalgate.plugins import metric_names
from evalgate.store import RunData, load_run
from evalgate.suite.frozen import freeze

pytestmark = pytest.mark.slow

PROMPTS = ("chair", "a lamp?", "where is my red sofa", "é ü")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_tiny_model(tmp_path / "model")


def requests(**sampling: Any) -> list[Request]:
    chosen = Sampling(**{"max_tokens": 8, **sampling})
    return [Request(messages=(Message(role="user", content=text),), sampling=chosen) for text in PROMPTS]


class Asked:
    """A new process's view: the model opened anew, the cache read anew."""

    def __init__(self, folder: Path, cache: Path, adapter: str | None = None, name: str = "a", **spec: Any) -> None:
        model = ModelSpec(id=str(folder), **spec)
        self.backend = HFBackend(model, locate(model))
        if adapter is not None:
            self.backend.add_adapter(name, adapter)
        self._remembering = Remembering(self.backend, Cache(cache))
        self._adapter = name if adapter else None

    def texts(self, **sampling: Any) -> list[str | None]:
        given = dict(self._remembering.generate(requests(**sampling), adapter=self._adapter))
        return [given[i].output for i in range(len(PROMPTS))]

    @property
    def n_asked(self) -> int:
        return self._remembering.n_asked


def test_known_answers_are_those_of_the_model_and_load_no_weights(folder: Path, tmp_path: Path) -> None:
    first, second = Asked(folder, tmp_path / "c"), Asked(folder, tmp_path / "c")
    told = first.texts()
    assert (first.n_asked, len(set(told))) == (4, 4)
    assert first.backend.load_s > 0
    assert second.texts() == told
    assert (second.n_asked, second.backend.load_s) == (0, 0.0)
    assert second.texts(max_tokens=9) != told
    assert second.n_asked == 4
    assert second.backend.load_s > 0


def test_a_copy_of_the_model_elsewhere_is_the_same_model(folder: Path, tmp_path: Path) -> None:
    told = Asked(folder, tmp_path / "c").texts()
    shutil.copytree(folder, tmp_path / "copy")
    copy = Asked(tmp_path / "copy", tmp_path / "c")
    assert copy.texts() == told
    assert copy.n_asked == 0


def edit_template(folder: Path) -> None:
    path = folder / "chat_template.jinja"
    path.write_text(path.read_text().replace("User: ", "User:  "))


def edit_tokenizer(folder: Path) -> None:
    path = folder / "tokenizer.json"
    data = json.loads(path.read_text())
    data["decoder"]["add_prefix_space"] = not data["decoder"]["add_prefix_space"]
    path.write_text(json.dumps(data))


def edit_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-2] ^= 1
    path.write_bytes(bytes(data))


def edit_config(folder: Path) -> None:
    path = folder / "generation_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"eos_token_id": [2, 0]}))


@pytest.mark.parametrize("edit", [edit_template, edit_tokenizer, edit_weights, edit_config])
def test_any_changed_file_makes_another_model(folder: Path, tmp_path: Path, edit: Any) -> None:
    before = Asked(folder, tmp_path / "c")
    before.texts()
    key = before.backend.answerer(None)
    edit(folder)
    after = Asked(folder, tmp_path / "c")
    assert after.backend.answerer(None) != key
    after.texts()
    assert after.n_asked == 4


@pytest.mark.parametrize("change", [{"dtype": "bfloat16"}, {"quantization": "nf4"}])
def test_another_precision_is_another_model(folder: Path, tmp_path: Path, change: dict[str, str]) -> None:
    Asked(folder, tmp_path / "c").texts()
    other = Asked(folder, tmp_path / "c", **change)
    other.texts()
    assert other.n_asked == 4


def test_code_of_a_models_own_has_no_digest_so_nothing_is_kept(folder: Path, tmp_path: Path) -> None:
    for _ in range(2):
        own = Asked(folder, tmp_path / "c", trust_remote_code=True)
        own.texts()
        assert own.n_asked == 4
    assert not (tmp_path / "c").exists()


def test_adapters_are_told_apart_by_bytes_and_never_by_name(folder: Path, tmp_path: Path) -> None:
    one, two = (save_adapter(folder, tmp_path / name, seed) for seed, name in ((1, "one"), (2, "two")))
    shutil.copytree(one, tmp_path / "copy")
    cache = tmp_path / "c"
    base, first = Asked(folder, cache), Asked(folder, cache, one)
    told = {"base": base.texts(), "one": first.texts()}
    assert first.n_asked == 4
    renamed = Asked(folder, cache, str(tmp_path / "copy"), name="renamed")
    assert renamed.texts() == told["one"]
    assert renamed.n_asked == 0
    namesake = Asked(folder, cache, two)
    told["two"] = namesake.texts()
    assert namesake.n_asked == 4
    assert len({tuple(texts) for texts in told.values()}) == 3
    config = tmp_path / "copy" / CONFIG
    config.write_text(json.dumps(json.loads(config.read_text()) | {"lora_alpha": 9}))
    scaled = Asked(folder, cache, str(tmp_path / "copy"))
    scaled.texts()
    assert scaled.n_asked == 4


def run(suite: Path, folder: Path) -> tuple[RunData, list[str]]:
    progress = Recorder()
    pipeline.run(RunOptions(suite=str(suite), output=str(folder), limit=4), progress)
    return load_run(folder), [name for name, total, before, after in progress.stages if after > before]


def told(data: RunData) -> dict[tuple[str, str, str], tuple[str | None, str, int | None, int | None]]:
    return {
        (s, t, p.example_id): (p.output, p.status, p.prompt_tokens, p.completion_tokens)
        for s, tasks in data.predictions.items()
        for t, rows in tasks.items()
        for p in rows
    }


def test_a_run_with_changed_gates_elsewhere_asks_no_example_again(tmp_path: Path) -> None:
    suite = copy_suite(tmp_path, subjects=("animals",), baselines=("zero_shot", "rag"))
    one, _ = run(suite, tmp_path / "runs" / "one")
    yaml = suite / "suite.yaml"
    yaml.write_text(re.sub(r"min_gain: [\d.]+", "min_gain: 0.011", yaml.read_text()))
    freeze(suite, load_suite_spec(suite, metric_names()), bump=True)
    two, stages = run(suite, tmp_path / "runs" / "two")
    assert two.run.suite_digest != one.run.suite_digest
    assert two.cards["tiny"].adapter_digest == one.cards["tiny"].adapter_digest
    answers = [p for tasks in two.predictions.values() for rows in tasks.values() for p in rows]
    assert len(answers) > 40
    assert all(p.cached and p.latency_s is None for p in answers)
    assert told(two) == told(one)
    assert len(two.latency["tiny"]) == 6
    assert "latency" in stages, "single calls are timed, known or not"
    assert two.costs == [], "capability items are known as well"
