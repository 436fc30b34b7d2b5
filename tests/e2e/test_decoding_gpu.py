"""Graphs on a real GPU; what holds with and without them stands in test_decoding.py."""

from pathlib import Path
from typing import Any

import pytest
from test_slot_decoding import SHARED, WORDS, answers, known, requests
from tiny_model import save_adapter, save_tiny_model

from evalgate.backends import slot_decoding as decoding
from evalgate.backends.hf import HFBackend
from evalgate.backends.model_files import locate
from evalgate.core.data import ModelSpec

pytestmark = [pytest.mark.gpu, pytest.mark.slow]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


def open_backend(folder: Path, **fields: Any) -> HFBackend:
    spec = ModelSpec(id=str(folder), **fields)
    return HFBackend(spec, locate(spec))


def test_slots_are_the_default_and_steps_are_captured(folder: Path) -> None:
    backend = open_backend(folder)
    answers(backend, requests(list(WORDS)))
    assert backend.identity["decoding"] == decoding.NAME
    assert "decoding_trouble" not in backend.identity
    held = backend._ways._slots
    assert held is not None
    assert held._steps
    assert all(step._graph is not None for step in held._steps.values())


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
@pytest.mark.parametrize("adapter", [None, "a"])
def test_a_replayed_step_gives_what_the_same_step_gives_without_a_graph(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: str, adapter: str | None
) -> None:
    asked = requests([f"{SHARED}{word}" for word in WORDS], max_tokens=40)
    found = []
    for graphs in (True, False):
        backend = open_backend(folder, dtype=dtype)
        backend.add_adapter("a", save_adapter(folder, tmp_path / str(graphs), 1))
        if not graphs:
            monkeypatch.setattr(decoding.Step, "__call__", lambda self, *_: self._forward())
        found.append(known(answers(backend, asked, adapter)))
        assert "decoding_trouble" not in backend.identity
    assert found[0] == found[1]


def test_a_capture_that_fails_loses_no_example(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    backend, whole = open_backend(folder, dtype="float32"), decoding.Step._forward
    wanted = known(answers(HFBackend(backend.spec, backend.files, slots=False), requests(list(WORDS))))

    def syncs(self: decoding.Step) -> Any:
        logits = whole(self)
        assert float(logits.sum()) != 1.5  # reads a value, which no capture allows
        return logits

    monkeypatch.setattr(decoding.Step, "_forward", syncs)
    for _ in range(2):
        assert known(answers(backend, requests(list(WORDS)))) == wanted
    assert (
        "AcceleratorError" in backend.identity["decoding_trouble"]
        or "RuntimeError" in backend.identity["decoding_trouble"]
    )
    assert bool(torch.ones(1, device="cuda").sum() == 1)


def test_four_bit_layers_decode_in_slots(folder: Path) -> None:
    backend = open_backend(folder, quantization="nf4")
    assert all(g.output is not None for g in answers(backend, requests(list(WORDS))))
    assert backend.identity["decoding"] == decoding.NAME
