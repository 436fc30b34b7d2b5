"""Whole models as candidates, without torch: what recipes may say, identity, export, what the report tells."""

import json
import struct
from pathlib import Path
from types import SimpleNamespace

import pytest
from fixtures_report import build_run
from msgspec.structs import replace
from recorder import Recorder
from test_methods_config import fault, recipes, suite

from evalgate.artefacts import artefact_table
from evalgate.backends import room
from evalgate.console.exporting import exported_text
from evalgate.core.adapter_files import adapter_digest
from evalgate.core.artefacts import Parity, artefact_digest, is_whole, model_digest
from evalgate.core.data import ModelSpec, Recipe, SystemSpec
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.core.results import AdapterCard, Decision
from evalgate.core.serving import Amount, LatencyPair, LatencySpec
from evalgate.exporting import export
from evalgate.files import read_record, write_record
from evalgate.report import render_html, render_markdown
from evalgate.store import RunFolder
from evalgate.training.recipe import quantization_arguments, recipe_digest, sft_arguments

__all__ = ["suite"]
PARITY = Parity(
    beside="nf4",
    role="trained",
    n_prompts=16,
    n_same=15,
    n_tokens=400,
    agreement=Amount(value=0.995, low=0.98, high=1.0, n=16, method="m"),
    kl=Amount(value=3e-6, low=1e-6, high=5e-6, n=16, method="m"),
    kl_most=2e-4,
)


def test_a_full_fine_tune_has_a_rate_of_its_own_and_an_optimizer_without_paging(suite: Path) -> None:
    found = recipes(suite, f="method: full\n", g="method: full\nlearning_rate: 1.0e-4\n", q="method: qlora\n")
    assert {name: recipe.learning_rate for name, recipe in found.items()} == {"f": 2e-5, "g": 1e-4, "q": 2e-4}
    assert [recipe.whole for recipe in found.values()] == [True, True, False]
    assert quantization_arguments(found["f"], "bfloat16") is None
    optim = {d: sft_arguments(found["f"], device=d, output_dir="", has_dev=False)["optim"] for d in ("cpu", "cuda")}
    assert optim == {"cpu": "adamw_torch", "cuda": "adamw_torch_fused"}


def test_a_merge_is_part_of_the_candidate_and_none_leaves_its_digest_as_it_was(suite: Path) -> None:
    found = recipes(suite, a="merge: adapter\n", b="merge: bf16\n", d="merge: dequantized\n", p="")
    digests = {name: recipe_digest(recipe) for name, recipe in found.items()}
    assert digests["a"] == digests["p"]
    assert len({*digests.values()}) == 3
    assert [recipe.whole for recipe in found.values()] == [False, True, True, False]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("merge: nf4\n", "merge: 'nf4' is not allowed"),
        ("method: full\nrank: 8\n", "`rank` is an adapter's, and `method: full` trains all weights: delete it"),
        ("method: full\nsweep: {alpha: [1, 2]}\n", "`alpha` is an adapter's, and `method: full` trains all weights"),
        ("method: full\nmerge: bf16\n", "`method: full` makes a whole model, so nothing is merged: delete `merge`"),
    ],
)
def test_what_contradicts_a_whole_model_is_refused(suite: Path, text: str, what: str) -> None:
    assert what in fault(suite, r=text)


def test_a_whole_model_is_no_adapter_to_continue_from(suite: Path) -> None:
    text = fault(suite, f="method: full\n", r="continue_from: f\n")
    assert "continue_from: 'f' is a whole model: it has no adapter to continue from" in text


def weights(path: Path, **shapes: list[int]) -> None:
    header = json.dumps(
        {name: {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]} for name, shape in shapes.items()}
    )
    path.write_bytes(struct.pack("<Q", len(header)) + header.encode())


def whole_model(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"dtype": "float32", "hidden_size": 4, "_name_or_path": "here"}))
    weights(folder / "model.safetensors", w=[4, 4])
    (folder / "tokenizer.json").write_text("{}")
    return folder


def test_identity_is_of_weights_tokenizer_and_configuration_not_of_places(tmp_path: Path) -> None:
    folder = whole_model(tmp_path / "m")
    digest = model_digest(folder)
    assert is_whole(folder)
    assert artefact_digest(folder) == digest
    (folder / "config.json").write_text(
        json.dumps({"hidden_size": 4, "dtype": "float32", "transformers_version": "9"}, indent=3)
    )
    (folder / "card.json").write_text("{}")
    assert model_digest(folder) == digest
    for name, content in {"tokenizer.json": "[]", "config.json": "{}", "model.safetensors": "other"}.items():
        before = (folder / name).read_bytes()
        (folder / name).write_text(content)
        assert model_digest(folder) != digest
        (folder / name).write_bytes(before)


def recorded(root: Path, *, outcome: str = "ship") -> Path:
    """A run whose candidate `qlora` is a merged model beside its adapter, and `dpo` a plain adapter."""
    folder = root / "run"
    paths, data = RunFolder(folder), build_run(4)
    adapters = {}
    for name in ("qlora", "dpo"):
        place = paths.adapter(name)
        place.mkdir(parents=True)
        (place / "adapter_config.json").write_text(json.dumps({"r": 4, "base_model_name_or_path": "/gone"}))
        (place / "adapter_model.safetensors").write_bytes(name.encode())
        adapters[name] = adapter_digest(place)
    model = model_digest(whole_model(paths.artefact("qlora", whole=True)))
    own = {name: replace(data.cards["qlora"], name=name, adapter_digest=adapters[name]) for name in adapters}
    for name, card in own.items():
        write_record(paths.adapter(name) / "card.json", replace(card, base_model="/models/base", base_revision="r7"))
    merged = replace(
        own["qlora"], kind="model", merge="dequantized", dtype="float32", adapter_digest=model, parity=(PARITY,),
        merged_from=adapters["qlora"],
    )  # fmt: skip
    write_record(paths.merged_card("qlora"), merged)
    system = SystemSpec(name="", kind="tuned", backend="hf", model="org/base", prompts={})
    digests = {"qlora": model, "dpo": adapters["dpo"]}
    systems = {name: replace(system, name=name, adapter_digest=digest) for name, digest in digests.items()}
    suite = replace(data.run.suite, model=ModelSpec(id="org/base"))
    write_record(paths.run_file, replace(data.run, id="r1", suite=suite, systems=data.run.systems | systems))
    ship = "qlora" if outcome == "ship" else None
    write_record(paths.decision_file, Decision(outcome=outcome, reason="because", ship=ship))  # type: ignore[arg-type]
    return folder


def test_the_merged_model_is_exported_byte_for_byte_with_its_parity(tmp_path: Path) -> None:
    run, to = recorded(tmp_path), tmp_path / "out"
    found = export(run, "qlora", to, Recorder())
    source = RunFolder(run).artefact("qlora", whole=True)
    names = {"config.json", "model.safetensors", "tokenizer.json"}
    assert {path.name for path in to.iterdir()} == names | {"card.json"}
    assert all((to / name).read_bytes() == (source / name).read_bytes() for name in names)
    assert model_digest(to) == found.digest == model_digest(source)
    assert read_record(to / "card.json", AdapterCard, fix="").base_model == "org/base"
    assert exported_text(found, "text") == (
        f"qlora: {to}\n"
        "  a whole model in float32, merged into the base as it was trained, 4-bit weights unpacked, digest "
        f"{found.digest[:12]}\n"
        "  these bytes were gated\n"
        "  parity: beside the adapter on a base of nf4, as it was trained: 99.5% (98.0% to 100.0%) of 400 greedy "
        "tokens agree, 15 of 16 answers are the same; KL 3e-06 (1e-06 to 5e-06) nats a token, at most 0.0002\n"
    )
    assert json.loads(exported_text(found, "json"))["gated"] is True


def test_an_adapter_is_exported_with_its_base_and_its_digest(tmp_path: Path) -> None:
    run, to = recorded(tmp_path), tmp_path / "out"
    found = export(run, "dpo", to, Recorder(), anyway=True)
    assert {path.name for path in to.iterdir()} == {"adapter_config.json", "adapter_model.safetensors", "card.json"}
    config = json.loads((to / "adapter_config.json").read_text())
    assert config == {"base_model_name_or_path": "org/base", "r": 4, "revision": "r7"}
    assert (adapter_digest(to), found.gated, found.kind) == (found.digest, True, "adapter")
    assert "an adapter, digest" in exported_text(found, "text")


def test_the_adapter_of_a_merged_candidate_is_not_what_was_gated(tmp_path: Path) -> None:
    found = export(recorded(tmp_path), "qlora", tmp_path / "out", Recorder(), merge="adapter")
    assert (found.gated, found.kind, adapter_digest(tmp_path / "out")) == (False, "adapter", found.digest)
    text = exported_text(found, "text")
    assert "these bytes were NOT gated: `merge: adapter` in the recipe would gate them" in text


def refused(*arguments: object, **options: object) -> str:
    with pytest.raises(EvalgateError) as caught:
        export(*arguments, Recorder(), **options)  # type: ignore[arg-type]
    return str(caught.value)


def test_what_the_decision_does_not_ship_is_refused(tmp_path: Path) -> None:
    run, to = recorded(tmp_path), tmp_path / "out"
    assert refused(run, "dpo", to) == (
        "error[not-shipped]: 'dpo' of run r1 is not to ship: the decision is to ship 'qlora'\n"
        f"  at: {run}/decision.json\n\nhint: export it all the same with `--anyway`"
    )
    kept = recorded(tmp_path / "kept", outcome="keep_baseline")
    assert "is not to ship: the decision is keep_baseline\n" in refused(kept, "qlora", to)
    (kept / "decision.json").unlink()
    assert "is not to ship: nothing is decided yet\n" in refused(kept, "qlora", to)
    assert not to.exists()


def test_changed_files_are_refused(tmp_path: Path) -> None:
    run, to = recorded(tmp_path), tmp_path / "out"
    source = RunFolder(run).artefact("qlora", whole=True)
    before = model_digest(source)
    (source / "model.safetensors").write_bytes(b"other")
    assert refused(run, "qlora", to) == (
        f"error[artefact-changed]: the files of 'qlora' are not those that were gated: expected {before[:12]}, found "
        f"{model_digest(source)[:12]}\n  at: {source}\n\n"
        "hint: run the suite again with the same folder: what is missing is made again, and gated"
    )
    assert not to.exists()


def test_other_things_that_cannot_be_exported(tmp_path: Path) -> None:
    run, to = recorded(tmp_path), tmp_path / "out"
    assert refused(run, "few-shot", to) == (
        "error[no-artefact]: this run has made nothing that is called 'few-shot'\n"
        f"  at: {run}\n\nhint: choose from: dpo, qlora"
    )
    to.mkdir()
    (to / "mine.txt").write_text("keep")
    assert refused(run, "qlora", to) == (
        "error[export-exists]: there is something at the place to export to, and nothing is overwritten\n"
        f"  at: {to}\n\nhint: name a new folder with `--to FOLDER`, or move the old one away"
    )
    paths = RunFolder(run)
    card = read_record(paths.merged_card("qlora"), AdapterCard, fix="")
    write_record(paths.merged_card("qlora"), replace(card, merge="adapter"))
    assert refused(run, "qlora", tmp_path / "new", merge="bf16") == (
        "error[nothing-to-merge]: 'qlora' was trained as a whole model: there is no adapter to merge\n"
        f"  at: {run}/adapters/qlora/merged.json\n\nhint: leave out `--merge`"
    )


def test_the_report_shows_parity_and_what_merging_saves() -> None:
    data = build_run(4)
    card = replace(
        data.cards["qlora"], kind="model", merge="bf16", dtype="bfloat16", merged_from="a" * 64, parity=(PARITY,)
    )
    pairs = [
        LatencyPair(example_id=f"e{i}", task="route", baseline="qlora~adapter", candidate="qlora", baseline_s=0.2,
                    candidate_s=0.1)
        for i in range(30)
    ]  # fmt: skip
    data = replace(data, cards=data.cards | {"qlora": card}, merged_latency={"qlora": pairs})
    table = artefact_table(data)
    assert [(a.candidate, a.merge, a.parity) for a in table] == [("qlora", "bf16", (PARITY,))]
    half, tail = (timing.ratio for timing in table[0].timing)
    assert (half.value, half.low, half.high, half.n) == (0.5, 0.5, 0.5, 30)
    assert (tail.low, tail.method) == (None, "100 examples are the least for an interval")
    assert data.decision is not None
    data = replace(data, decision=replace(data.decision, artefacts=table))
    html, markdown = render_html(data), render_markdown(data)
    told = "99.5% (98.0% to 100.0%) of 400 greedy tokens agree, 15 of 16 answers are the same"
    for page in (html, markdown):
        assert told in page
        assert "route: p50 is 0.50 times the adapter" in page
    assert "bf16, bfloat16, from adapter " + "a" * 64 in html


def a_suite(*, timed: bool) -> SimpleNamespace:
    return SimpleNamespace(spec=SimpleNamespace(latency=LatencySpec() if timed else None))


def test_room_is_counted_before_anything_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights(tmp_path / "model.safetensors", embed_tokens=[10, 100], q_proj=[100, 100])
    both = (Recipe(name="f", prompts={}, method="full"), Recipe(name="m", prompts={}, merge="bf16"))
    model = ModelSpec(id="m")
    monkeypatch.setattr(room, "free_bytes", lambda: ("cpu", 10**9))
    plain = (Recipe(name="q", prompts={}),)
    assert room.room_beside(a_suite(timed=True), model, tmp_path, plain) is None  # type: ignore[arg-type]
    alone = room.room_beside(a_suite(timed=False), model, tmp_path, both)  # type: ignore[arg-type]
    timed = room.room_beside(a_suite(timed=True), model, tmp_path, both)  # type: ignore[arg-type]
    assert alone is not None
    assert timed is not None
    assert (alone.n_whole, alone.base_bytes, alone.whole_bytes) == (1, 44_000, 44_000)
    assert (timed.n_whole, timed.whole_bytes) == (2, 88_000)
    assert room.room_line(timed) == (
        "2 whole models beside the base at once: 0.00 GB of weights beside 0.00 GB; 1.0 GB are free"
    )
    packed = room.room_beside(a_suite(timed=False), ModelSpec(id="m", quantization="nf4"), tmp_path, both)  # type: ignore[arg-type]
    assert packed is not None
    assert packed.base_bytes == 9_200
    monkeypatch.setattr(room, "free_bytes", lambda: ("cpu", 100_000))
    with pytest.raises(EvalgateError) as caught:
        room.room_beside(a_suite(timed=True), model, tmp_path, both)  # type: ignore[arg-type]
    assert str(caught.value) == (
        "error[no-room-beside]: 2 whole models and the base have 0.0 GB of weights together, and of memory 0.0 GB are "
        f"free, a tenth of it for all else\n  at: {tmp_path}\n\n"
        "hint: gate fewer whole models in one run (`--candidates`), or take `latency:` out of suite.yaml, for which "
        "all are open at once; adapters share the base's weights"
    )


def test_a_whole_model_beside_a_vllm_engine_is_refused() -> None:
    recipe = Recipe(name="f", prompts={}, method="full")
    room.refuse_beside(ModelSpec(id="m"), (recipe,))
    room.refuse_beside(ModelSpec(id="m", backend="vllm"), (Recipe(name="q", prompts={}),))
    with pytest.raises(UsageError) as caught:
        room.refuse_beside(ModelSpec(id="m", backend="vllm"), (recipe,))
    assert str(caught.value) == (
        "error[cannot-measure]: 'f' is a whole model, and a vLLM engine fills the device with its own one\n"
        "  at: suite.yaml: model.backend\n\n"
        "hint: use `backend: hf`, or take `method: full`, `model` or `merge` out of the recipe"
    )
