"""The drift probe against torch's own cross-entropy and KL, document by document."""

from pathlib import Path

import pytest
from recorder import Recorder
from tiny_model import CONTEXT, save_adapter, save_tiny_model

from evalgate.backends.hf import HFBackend
from evalgate.backends.model_files import locate
from evalgate.capability.drift import measure_drift
from evalgate.core.capability import Drift
from evalgate.core.data import ModelSpec
from evalgate.files import read_lines

pytestmark = pytest.mark.slow

DOCUMENTS = ("The river rose after three days of rain.", "Bread needs flour, water, salt and time. " * 12)


def test_drift_is_torchs_cross_entropy_and_kl_and_is_measured_once(tmp_path: Path) -> None:
    import torch

    model = save_tiny_model(tmp_path / "model")
    spec = ModelSpec(id=str(model))
    backend = HFBackend(spec, locate(spec))
    backend.add_adapter("a", save_adapter(model, tmp_path / "adapter", 1))
    text = tmp_path / "drift.txt"
    text.write_text("\n\n".join(DOCUMENTS))
    found = measure_drift(backend, "a", text, tmp_path / "d.jsonl", "a", Recorder())
    assert read_lines(tmp_path / "d.jsonl", Drift) == found
    for drift, document in zip(found, DOCUMENTS, strict=True):
        ids = [1, *backend.tokenizer(" ".join(document.split()), add_special_tokens=False).input_ids]
        assert drift.n_tokens == len(ids) - 1
        expected = torch.zeros(3, dtype=torch.double)
        for start in range(0, len(ids) - 1, CONTEXT):
            window = torch.tensor([ids[start : start + CONTEXT + 1]])
            rows = []
            for name in (None, "a"):
                with backend.using(name) as module, torch.inference_mode():
                    rows.append(module(window[:, :-1]).logits[0].double())
            expected[0] += torch.nn.functional.cross_entropy(rows[0], window[0, 1:], reduction="sum")
            expected[1] += torch.nn.functional.cross_entropy(rows[1], window[0, 1:], reduction="sum")
            expected[2] += torch.nn.functional.kl_div(
                rows[1].log_softmax(-1), rows[0].log_softmax(-1), log_target=True, reduction="sum"
            )
        assert [drift.base_nats, drift.nats, drift.kl_nats] == pytest.approx(expected.tolist(), rel=1e-5)
        assert drift.kl_nats > 0.01
    assert len(found) == 2
    assert found[1].n_tokens > CONTEXT, "one document takes more than one window"
    progress = Recorder()
    assert measure_drift(backend, "a", text, tmp_path / "d.jsonl", "a", progress) == found
    assert progress.stages == []
    text.write_text("\n\n".join(reversed(DOCUMENTS)))
    assert [d.n_tokens for d in measure_drift(backend, "a", text, tmp_path / "d.jsonl", "a", progress)] == [
        found[1].n_tokens,
        found[0].n_tokens,
    ]
