"""An adapter's configuration as it is stored: one form, whatever order PEFT's sets came in. No torch."""

import json
from pathlib import Path

import pytest

from evalgate.core.adapter_files import adapter_digest
from evalgate.training.adapter import canonicalise

PEFT = {
    "base_model_name_or_path": "models/base",
    "inference_mode": False,
    "peft_type": "LORA",
    "r": 4,
    "rank_pattern": {},
    "revision": None,
    "layers_to_transform": [3, 1],
    "target_modules": ["q_proj", "v_proj", "k_proj"],
}


def test_the_order_of_a_set_and_of_keys_is_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PEFT writes sets as lists; their order changes from process to process."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models" / "base").mkdir(parents=True)
    one, two = tmp_path / "one", tmp_path / "two"
    other = dict(reversed((PEFT | {"target_modules": ["k_proj", "q_proj", "v_proj"]}).items()))
    for folder, config in ((one, PEFT), (two, other)):
        folder.mkdir()
        (folder / "adapter_config.json").write_text(json.dumps(config))
        (folder / "adapter_model.safetensors").write_bytes(b"weights")
    assert adapter_digest(one) != adapter_digest(two)
    for folder in (one, two):
        canonicalise(folder / "adapter_config.json", base="models/base", revision="r7")
    assert (one / "adapter_config.json").read_bytes() == (two / "adapter_config.json").read_bytes()
    assert adapter_digest(one) == adapter_digest(two)
    found = json.loads((one / "adapter_config.json").read_text())
    assert found == PEFT | {
        "base_model_name_or_path": str((tmp_path / "models" / "base").resolve()),
        "inference_mode": True,
        "revision": "r7",
        "target_modules": ["k_proj", "q_proj", "v_proj"],
    }, "numbers keep their order, which may mean something"


def test_a_base_on_the_hub_keeps_its_name(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(json.dumps(PEFT))
    canonicalise(tmp_path / "c.json", base="org/base", revision=None)
    assert json.loads((tmp_path / "c.json").read_text())["base_model_name_or_path"] == "org/base"
