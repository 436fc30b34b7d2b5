"""A model's files are data: no pickles are read, and code that comes with a model runs only for who asks for it."""

import json
import os
from pathlib import Path

import pytest
from test_hf_backend import open_backend
from tiny_model import save_tiny_model

from evalgate.backends.model_files import locate
from evalgate.core.data import ModelSpec
from evalgate.core.errors import UsageError

pytestmark = pytest.mark.slow

CODE = """\
from pathlib import Path
from transformers import LlamaConfig, LlamaForCausalLM

Path({marker!r}).write_text("ran")


class OwnConfig(LlamaConfig):
    model_type = "own_kind"


class OwnModel(LlamaForCausalLM):
    config_class = OwnConfig
"""


@pytest.fixture
def own_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model of a kind of its own; its code leaves a file called `marker` beside the folder."""
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.syspath_prepend(str(tmp_path / "modules"))
    folder = save_tiny_model(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "own_kind", "architectures": ["OwnModel"]}
    config["auto_map"] = {"AutoConfig": "own_code.OwnConfig", "AutoModelForCausalLM": "own_code.OwnModel"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own_code.py").write_text(CODE.format(marker=str(tmp_path / "marker")))
    return folder


def test_code_beside_a_model_is_not_run(own_code: Path) -> None:
    with pytest.raises(UsageError) as caught:
        open_backend(own_code)
    assert not (own_code.parent / "marker").exists()
    assert str(caught.value) == (
        "error[remote-code]: the base model can only be loaded by code that comes with it, which is not run\n"
        f"  at: {own_code}\n\n"
        "hint: read that code, and if you trust it, write `trust_remote_code: true` below `model:` in suite.yaml"
    )


def test_code_beside_a_model_is_run_for_who_asks_for_it(own_code: Path) -> None:
    backend = open_backend(own_code, trust_remote_code=True)
    assert (own_code.parent / "marker").read_text() == "ran"
    assert type(backend.module).__name__ == "OwnModel"


def test_nobody_trusts_code_by_accident() -> None:
    assert ModelSpec(id="x").trust_remote_code is False


class Trap:
    """Unpickling it leaves a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


def test_pickled_weights_are_refused_and_never_read(tmp_path: Path) -> None:
    import torch

    folder = save_tiny_model(tmp_path / "model")
    torch.save({"w": Trap(tmp_path / "opened")}, folder / "pytorch_model.bin")
    open_backend(folder)  # beside safetensors a pickle is nothing
    (folder / "model.safetensors").unlink()
    spec = ModelSpec(id=str(folder))
    with pytest.raises(UsageError) as caught:
        locate(spec)
    assert str(caught.value) == (
        "error[no-safetensors]: the base model has no *.safetensors weights; "
        "other formats can run code and are not loaded\n"
        f"  at: {folder}\n\n"
        "hint: convert it once with `save_pretrained(folder)` from transformers"
    )
    assert not (tmp_path / "opened").exists()
