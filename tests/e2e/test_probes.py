"""Every validity check sees the fault that is planted for it, and says nothing of a sound model."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tiny_model import TEMPLATE, save_adapter, save_tiny_model

from evalgate.backends.hf import HFBackend
from evalgate.backends.model_files import locate
from evalgate.core.data import Message, ModelSpec, Sampling
from evalgate.core.probes import Check, Probed
from evalgate.core.protocols import Request
from evalgate.core.results import Generation
from evalgate.probes.measure import Bench, Candidate, measure
from evalgate.probes.outcome import checks_of, failures

pytestmark = pytest.mark.slow

WORDS = [
    "a chair",
    "where is my lamp now",
    "refund",
    "it is far too late for that, is it not",
    "box 17",
    "no",
    "sofas",
    "tables and beds",
]
ITEMS = {f"route/{i}": f"{word} {i}" for i, word in enumerate([*WORDS, *WORDS[:4]])}
ALL = ("batch", "bos", "adapter", "outputs", "tokenizer", "merged")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(save_adapter(base, tmp_path_factory.mktemp("adapter") / "a", 1))


def asked(prefix: str = "") -> dict[str, Request]:
    return {
        name: Request(messages=(Message(role="user", content=f"{prefix}{text}"),), sampling=Sampling())
        for name, text in ITEMS.items()
    }


def probe(
    backend: HFBackend,
    folder: Path,
    *,
    card: str | None = None,
    baselines: Mapping[str, Mapping[str, Request]] | None = None,
) -> dict[tuple[str, str], Check]:
    """All checks of the base and of one candidate, by system and probe."""
    if "a" not in backend._adapters:
        backend.add_adapter("a", str(folder))
    bench = Bench(backend, dict.fromkeys(ITEMS, "refund"), backend.spec.id, backend.files.digest)
    one = Candidate(name="a", requests=asked(), folder=str(folder), base_digest=card)
    others = {"zero_shot": asked("Say it: ")} if baselines is None else baselines
    found = [m for group in measure(bench, [one], others) for m in group]
    probed = Probed(digest="", items=tuple(ITEMS), precision=backend.dtype, seconds=0.0, measured=tuple(found))
    return {(check.system, check.probe): check for check in checks_of(probed)}


def opened(base: Path, kind: type[HFBackend] = HFBackend, **fields: Any) -> HFBackend:
    spec = ModelSpec(id=str(base), **fields)
    return kind(spec, locate(spec))


def failed(checks: Mapping[tuple[str, str], Check]) -> set[tuple[str, str]]:
    return {key for key, check in checks.items() if check.outcome == "failed"}


@pytest.mark.parametrize(
    ("dtype", "quantization"), [("float32", "none"), ("bfloat16", "none"), ("float32", "nf4")], ids=str
)
def test_a_sound_model_passes_every_check(base: Path, adapter: Path, dtype: str, quantization: str) -> None:
    backend = opened(base, dtype=dtype, quantization=quantization)
    checks = probe(backend, adapter, card=backend.files.digest)
    assert {key: (c.outcome, c.reason) for key, c in checks.items() if c.outcome != "ok"} == {}
    assert [probe for system, probe in checks if system == "a"] == list(ALL)
    assert [probe for system, probe in checks if system == ""] == ["batch", "padding", "bos"]
    assert checks["a", "adapter"].figure.startswith("12 of 12 prompts changed, by up to ")
    assert checks["a", "bos"].figure == "12 of 12 prompts begin with one"
    assert checks["a", "tokenizer"].figure == "12 of 12 prompts alike with the base's files, trained on this base"
    if dtype == "float32":
        assert checks["a", "batch"].figure == "12 of 12 equal"


class PadsRight(HFBackend):
    """Generates as if the tokenizer's default side were right for generation."""

    def _forward(self, rows: list[list[int]], prefix: int, sampling: Sampling, adapter: str | None) -> list[Generation]:
        import torch

        width = max(map(len, rows))
        pad = self._tokenizer.pad_token_id
        ids = torch.tensor([[*row, *[pad] * (width - len(row))] for row in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
        with torch.inference_mode(), self.using(adapter) as model:
            out = model.generate(input_ids=ids, attention_mask=mask, **self._ways._settings_for(sampling, []))
        new = out[:, width:].tolist()
        return [self._ways.endings.generation(n, row, sampling, None) for row, n in zip(rows, new, strict=True)]


class WritesTwoBos(HFBackend):
    """Tokenizes a rendered template once more with special tokens."""

    def _render(self, requests: Sequence[Request]) -> list[list[int]]:
        return [[self.tokenizer.bos_token_id, *row] for row in super()._render(requests)]


class ForgetsTheAdapter(HFBackend):
    """Switches adapters where logits are read, but generates with the base."""

    def generate(self, requests: Sequence[Request], *, adapter: str | None = None) -> Iterator[tuple[int, Generation]]:
        return super().generate(requests, adapter=None)


def side_right(backend: HFBackend) -> None:
    backend.tokenizer.padding_side = "right"


def other_template(backend: HFBackend) -> None:
    backend.tokenizer.chat_template = TEMPLATE.replace("User: ", "Human: ")


def no_bos_template(backend: HFBackend) -> None:
    backend.tokenizer.chat_template = TEMPLATE.replace("{{ bos_token }}", "")


FAULTS: dict[str, tuple[type[HFBackend], Callable[[HFBackend], None] | None, set[str], str]] = {
    "right padding in the backend": (
        PadsRight, None, {"batch"}, "what a system answers depends on what it is asked beside it"
    ),
    "right padding in the tokenizer": (
        HFBackend, side_right, {"padding"}, "padding changes what the model computes: the mask or the side is wrong"
    ),
    "two bos": (WritesTwoBos, None, {"bos"}, "no model was trained on several"),
    "no bos": (
        HFBackend, no_bos_template, {"bos", "tokenizer"}, "the tokenizer writes one, the template takes it away"
    ),
    "generating without the adapter": (
        ForgetsTheAdapter, None, {"outputs"}, "answers must begin otherwise: generating does not use it"
    ),
    "another template": (
        HFBackend, other_template, {"tokenizer"}, "what answers uses another tokenizer or template than training did"
    ),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_seen_by_its_check_alone(base: Path, adapter: Path, fault: str, dtype: str) -> None:
    kind, plant, probes, reason = FAULTS[fault]
    backend = opened(base, kind, dtype=dtype)
    if plant:
        plant(backend)
    checks = probe(backend, adapter)
    assert {name for _, name in failed(checks)} == probes
    assert any(reason in c.reason for c in checks.values())
    findings = failures([*checks.values()])
    assert {f.code for f in findings} == {"probe-failed"}
    assert all(f.hard and f.fix for f in findings)


def test_a_dead_adapter_is_seen(base: Path, adapter: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    dead = Path(shutil.copytree(adapter, tmp_path / "dead"))
    weights = load_file(dead / "adapter_model.safetensors")
    save_file({k: v * ("lora_B" not in k) for k, v in weights.items()}, dead / "adapter_model.safetensors")
    checks = probe(opened(base), dead)
    assert {name for _, name in failed(checks)} == {"adapter", "outputs"}
    assert checks["a", "adapter"].figure == "0 of 12 prompts changed, by up to 0"
    assert checks["a", "outputs"].reason == "it answers as the base with its prompts does"


def test_an_adapter_of_another_base_is_seen_by_its_card(base: Path, adapter: Path) -> None:
    checks = probe(opened(base), adapter, card="0" * 64)
    assert failed(checks) == {("a", "tokenizer")}
    assert checks["a", "tokenizer"].reason == "the adapter's card names another base than the one that answers"


def test_a_swapped_tokenizer_is_seen(base: Path, adapter: Path, tmp_path: Path) -> None:
    """The adapter's folder brings a tokenizer in which two letters have changed places."""
    own = Path(shutil.copytree(adapter, tmp_path / "own"))
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copyfile(base / name, own / name)
    assert failed(probe(opened(base), own)) == set()
    path = own / "tokenizer.json"
    known = json.loads(path.read_text())
    vocab = known["model"]["vocab"]
    vocab["a"], vocab["e"] = vocab["e"], vocab["a"]
    path.write_text(json.dumps(known))
    checks = probe(opened(base), own)
    assert failed(checks) == {("a", "tokenizer")}
    assert "the adapter brings another tokenizer or template than the base's" in checks["a", "tokenizer"].reason


def test_merged_weights_that_are_not_the_adapters_are_seen(base: Path, adapter: Path, tmp_path: Path) -> None:
    other = Path(save_adapter(base, tmp_path / "b", 2))
    backend = opened(base)
    backend.add_adapter("a", str(adapter))
    checks = probe(backend, other)
    assert failed(checks) == {("a", "merged")}
    assert checks["a", "merged"].reason == "merged weights would answer otherwise than what is gated"


def test_a_merged_copy_that_does_not_fit_is_said_so(
    base: Path, adapter: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 9 kB\nMemAvailable: 8 kB\n")
    monkeypatch.setattr("evalgate.probes.logits.MEMORY", meminfo)
    check = probe(opened(base), adapter)["a", "merged"]
    assert (check.outcome, check.figure, check.reason) == (
        "not_done", "not measured", "a merged copy needs 0.0 GB, 0.0 GB are free"
    )  # fmt: skip


def test_a_baseline_that_is_the_candidate_is_not_called_a_fault_of_the_adapter(base: Path, adapter: Path) -> None:
    """The same texts from other prompts may be chance; it is not called sound either."""
    backend = opened(base)
    checks = probe(backend, adapter, baselines={})
    assert checks["a", "outputs"].figure == "12 of 12 differ from the base with its prompts"
    long = replace(asked()["route/0"], messages=(Message(role="user", content="x" * 400),))
    bench = Bench(backend, dict.fromkeys(ITEMS, ""), str(base), backend.files.digest)
    found = bench.candidate(
        Candidate(name="a", requests=dict.fromkeys(ITEMS, long), folder=str(adapter), base_digest=None), {}
    )
    assert {m.probe: m.skipped for m in found if m.probe != "tokenizer"} == dict.fromkeys(
        ("batch", "bos", "adapter", "outputs", "merged"), "only 0 of the dev items could be answered"
    )
