"""The vLLM backend against the interface it was written for; no engine runs here."""

import dataclasses
import inspect
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import vllm_interface
from small_suite import write_suite
from vllm_interface import LLM, SamplingParams, StructuredOutputsParams

from evalgate.backends import vllm
from evalgate.backends.constraints import lark_of
from evalgate.backends.model_files import ModelFiles
from evalgate.backends.vllm import VLLMBackend
from evalgate.cli import run_cli
from evalgate.config import load_suite_spec
from evalgate.core.data import Message, ModelSpec, Sampling
from evalgate.core.errors import EvalgateError
from evalgate.core.protocols import Request
from evalgate.core.record import canonical_json
from evalgate.suite.frozen import freeze

FILES = ModelFiles(path="/models/tiny", revision=None, digest="d" * 64)
SPEC = ModelSpec(id="/models/tiny", backend="vllm")


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> VLLMBackend:
    for name, module in vllm_interface.modules().items():
        monkeypatch.setitem(__import__("sys").modules, name, module)
    monkeypatch.setattr(vllm, "find_spec", lambda name: object())
    monkeypatch.setattr(vllm, "version", lambda name: "0.33.0")
    return VLLMBackend(SPEC, FILES)


def engine(backend: VLLMBackend) -> LLM:
    found: LLM = backend._engine
    return found


def adapter(folder: Path, *, rank: int = 16, weights: bytes = b"weights", base: str = "org/tiny") -> str:
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({"r": rank, "base_model_name_or_path": base}))
    (folder / "adapter_model.safetensors").write_bytes(weights)
    return str(folder)


def request(text: str, **sampling: Any) -> Request:
    return Request(messages=(Message(role="user", content=text),), sampling=Sampling(**{"max_tokens": 16, **sampling}))


def test_one_engine_serves_base_and_adapters(backend: VLLMBackend, tmp_path: Path) -> None:
    backend.add_adapter("qlora", adapter(tmp_path / "a"))
    backend.add_adapter("qlora", str(tmp_path / "nowhere"))  # a second time changes nothing
    assert [g.output for _, g in backend.generate([request("a chair"), request("a lamp")])] == [
        "chair base.",
        "lamp base.",
    ]
    [(_, tuned)] = backend.generate([request("a chair")], adapter="qlora")
    assert (tuned.output, tuned.status, tuned.prompt_bos, tuned.prompt_tokens) == ("chair qlora.", "ok", 1, 9)
    assert tuned.latency_s is not None
    assert engine(backend).arguments["model"] == "/models/tiny"
    with pytest.raises(KeyError):
        list(backend.generate([request("a")], adapter="other"))


def test_sampling_is_given_on_and_greedy_text_has_no_seed(backend: VLLMBackend) -> None:
    list(backend.generate([request("a"), request("b", temperature=0.7, top_p=0.9, seed=5, stop=("\n", "##"))]))
    [(_, given, _)] = engine(backend).calls
    assert given == [
        SamplingParams(temperature=0.0, max_tokens=16),
        SamplingParams(temperature=0.7, top_p=0.9, seed=5, stop=["\n", "##"], max_tokens=16),
    ]


def test_a_constraint_is_the_grammar_that_transformers_are_held_to(backend: VLLMBackend) -> None:
    held = request("a", constraint="choices", grammar='["refund","order"]')
    list(backend.generate([held]))
    [(_, [given], _)] = engine(backend).calls
    assert given.structured_outputs == StructuredOutputsParams(grammar=lark_of(held.sampling))
    assert engine(backend).arguments["structured_outputs_config"] == {"backend": "guidance"}


def test_what_the_engine_says_of_an_end_becomes_a_status(backend: VLLMBackend) -> None:
    asked = [request("chair", max_tokens=5), request("chair", stop=("r",)), request("lost"), request("x" * 60)]
    found = dict(backend.generate(asked))
    assert [(found[i].output, found[i].status) for i in range(4)] == [
        ("chai", "truncated"), ("chai", "ok"), (None, "error"), (None, "error")
    ]  # fmt: skip
    codes = [(f.code, f.message) for i in (2, 3) if (f := found[i].failure)]
    assert codes == [
        ("engine-stopped", "the engine ended it with 'abort'"),
        ("prompt-too-long", "62 prompt tokens and 16 new ones exceed the context of 64"),
    ]


def test_likelihoods_are_those_of_the_continuation(backend: VLLMBackend, tmp_path: Path) -> None:
    backend.add_adapter("qlora", adapter(tmp_path / "a"))
    pairs = [("where is", " it"), ("", "x")]
    assert backend.loglikelihood(pairs) == [-0.75, -0.25]
    assert backend.loglikelihood(pairs, adapter="qlora") == [-3.75, -1.25]
    prompts, given, _ = engine(backend).calls[0]
    assert [p["prompt_token_ids"] for p in prompts][1] == [1, ord("x")]
    assert given == SamplingParams(temperature=0.0, max_tokens=1, prompt_logprobs=0)


def test_an_adapters_number_comes_from_its_bytes(backend: VLLMBackend, tmp_path: Path) -> None:
    first, again, other = (
        Path(adapter(tmp_path / name, weights=weights))
        for name, weights in (("a", b"one"), ("b", b"one"), ("c", b"two"))
    )
    number = vllm.adapter_id(first, set())
    assert number == vllm.adapter_id(again, set()) != vllm.adapter_id(other, set())
    assert 0 < number < 2**31
    assert vllm.adapter_id(again, {number}) == number + 1
    backend.add_adapter("x", str(first))
    backend.add_adapter("y", str(again))
    assert [r.lora_int_id for r in backend._adapters.values()] == [number, number + 1]


def test_adapters_that_do_not_belong_are_refused(backend: VLLMBackend, tmp_path: Path) -> None:
    with pytest.raises(EvalgateError, match="adapter-other-base"):
        backend.add_adapter("a", adapter(tmp_path / "a", base="org/large"))
    folder = adapter(tmp_path / "b", rank=128)
    with pytest.raises(EvalgateError) as caught:
        backend.add_adapter("b", folder)
    assert str(caught.value) == (
        "error[adapter-unfit]: the adapter's weights do not fit the base: its rank 128 is above 64, which the engine "
        f"has room for\n  at: {folder}\n\nhint: serve the base that the adapter was trained on "
        "(`base_model_name_or_path` in its adapter_config.json)"
    )


def test_the_engine_rests_while_somebody_trains(backend: VLLMBackend) -> None:
    with pytest.raises(ZeroDivisionError), backend.resting():
        assert not engine(backend).awake
        raise ZeroDivisionError
    assert engine(backend).awake


def test_the_live_model_is_nobodys(backend: VLLMBackend) -> None:
    assert backend.module is None
    with pytest.raises(EvalgateError) as caught, backend.using(None):
        pass
    assert str(caught.value) == (
        "error[cannot-measure]: vLLM's weights cannot be used from outside its engine\n\n"
        "hint: use `backend: hf` for what needs the live model"
    )
    backend.close()


# The door


def suite_on_vllm(root: Path, *, capability: bool) -> Path:
    suite = write_suite(root, n=100)
    text = (suite / "suite.yaml").read_text().replace("dtype: auto", "backend: vllm")
    if not capability:
        text = "\n".join(line for line in text.splitlines() if "capability" not in line) + "\n"
    (suite / "suite.yaml").write_text(text)
    freeze(suite, load_suite_spec(suite))
    return suite


def test_without_the_package_a_run_says_how_to_get_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vllm, "find_spec", lambda name: None)
    suite = suite_on_vllm(tmp_path, capability=False)
    assert run_cli(["run", "-q", str(suite), "-L", "4", "-o", str(tmp_path / "run")]) == 3
    assert capsys.readouterr().err == (
        "error[no-vllm]: `model.backend: vllm` needs the package vllm, which is not installed\n"
        "  at: suite.yaml: model.backend\n\n"
        "hint: pip install 'evalgate-harness[vllm]' on a machine with a GPU that vLLM supports, or use `backend: hf`\n"
    )
    assert not (tmp_path / "run").exists()


def test_capability_on_vllm_is_refused_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vllm, "find_spec", lambda name: object())
    suite = suite_on_vllm(tmp_path, capability=True)
    assert run_cli(["run", "-q", str(suite), "-L", "4", "-o", str(tmp_path / "run")]) == 64
    assert capsys.readouterr().err == (
        "error[cannot-measure]: capability is measured with the live model, which vLLM keeps in its engine\n"
        "  at: suite.yaml: model.backend\n\n"
        "hint: take `capability:` and its gates out of suite.yaml, or use `backend: hf`\n"
    )


def test_another_quantisation_is_not_taken_for_ours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suite = write_suite(tmp_path, n=100)
    path = suite / "suite.yaml"
    path.write_text(path.read_text().replace("dtype: auto", "backend: vllm, quantization: nf4"))
    assert run_cli(["validate", str(suite)]) == 64
    assert "`quantization: nf4` belongs to `backend: hf`: vLLM quantises otherwise" in capsys.readouterr().err


def test_transformers_leave_no_trace_in_a_models_digest() -> None:
    assert b"backend" not in canonical_json(ModelSpec(id="x"))


@pytest.mark.skipif(find_spec("vllm") is None, reason="vllm is not installed")
def test_the_recorded_interface_is_that_of_the_installed_package() -> None:
    import vllm as installed
    from vllm.engine.arg_utils import EngineArgs
    from vllm.lora.request import LoRARequest
    from vllm.sampling_params import StructuredOutputsParams as Structured

    engine_arguments = {*inspect.signature(installed.LLM).parameters, *inspect.signature(EngineArgs).parameters}
    assert engine_arguments >= vllm_interface.ENGINE
    for mine, theirs in (
        (SamplingParams, installed.SamplingParams),
        (StructuredOutputsParams, Structured),
        (vllm_interface.LoRARequest, LoRARequest),
    ):
        assert {field.name for field in dataclasses.fields(mine)} <= {*inspect.signature(theirs).parameters}
    given = {*inspect.signature(LLM.generate).parameters}
    assert given <= {*inspect.signature(installed.LLM.generate).parameters}
