"""Whole models that were made elsewhere, and continued ones, as recipes say them; what they must be. No torch."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec.structs import replace
from test_artefacts import weights
from test_methods_config import HEAD, adapter, fault, recipes, suite

from evalgate.backends import room
from evalgate.config import load_project, load_suite_spec
from evalgate.core.artefacts import MODEL, a, model_digest, noun, stored_dtype
from evalgate.core.data import ModelSpec, Recipe
from evalgate.core.results import AdapterCard
from evalgate.files import read_record
from evalgate.suite.frozen import freeze
from evalgate.training.elsewhere import take_over
from evalgate.training.recipe import recipe_digest
from evalgate.training.whole import start_digest

__all__ = ["suite"]


def model(folder: Path, *, key: str = "dtype", hidden: int = 4) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({key: "float32", "hidden_size": hidden}))
    weights(folder / "model-1.safetensors", w=[4, 4], embed=[3])
    weights(folder / "model-2.safetensors", v=[2, 4])
    (folder / "tokenizer.json").write_text("{}")
    (folder / "pytorch_model.bin").write_bytes(b"not taken")
    return folder


def test_a_whole_model_from_elsewhere_is_known_by_its_bytes(suite: Path) -> None:
    here = suite / "candidates"
    model(here / "one")
    model(here / "two", hidden=5)
    found = recipes(suite, a="model: one\n", b="model: ./one\ndescription: words\n", c="model: two\n")
    first = found["a"]
    assert (first.whole, first.made_whole, first.merge) == (True, True, recipes(suite, p="")["p"].merge)
    assert first.outside == first.taken == str(Path.cwd() / here / "one")
    assert recipe_digest(first) == recipe_digest(found["b"]) != recipe_digest(found["c"])
    before = recipe_digest(first)
    (here / "one" / "tokenizer.json").write_text('{"changed": 1}')
    assert recipe_digest(first) != before


def test_it_is_copied_byte_for_byte_and_what_nobody_knows_is_not_made_up(tmp_path: Path) -> None:
    source, folder = model(tmp_path / "theirs", key="torch_dtype"), tmp_path / "run" / "theirs"
    recipe = Recipe(name="theirs", prompts={}, model=str(source))
    stale = folder / MODEL / "model-9.safetensors"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"of another model")
    card = take_over(recipe, model_path="base", revision="r", base_digest="b", folder=folder)
    names = {"config.json", "model-1.safetensors", "model-2.safetensors", "tokenizer.json"}
    assert {path.name for path in (folder / MODEL).iterdir()} == names
    assert all((folder / MODEL / name).read_bytes() == (source / name).read_bytes() for name in names)
    assert card.adapter_digest == card.elsewhere == model_digest(source) == model_digest(folder / MODEL)
    assert (card.kind, card.dtype, card.merge, card.parameters) == ("model", "float32", "adapter", 27)
    assert (card.train_digest, card.n_rows, card.n_steps, card.duration_s) == ("", 0, 0, 0.0)
    assert read_record(folder / "card.json", AdapterCard, fix="") == card
    copied = (folder / MODEL / "config.json").stat().st_mtime_ns
    assert take_over(recipe, model_path="base", revision="r", base_digest="b", folder=folder) == card
    assert (folder / MODEL / "config.json").stat().st_mtime_ns == copied
    assert start_digest(source) == start_digest(folder) == card.adapter_digest


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("model: gone\n", "model: '{here}/gone' is no whole model that can be loaded: it has no config.json"),
        ("model: lora\n", "model: '{here}/lora' is no whole model that can be loaded: it is an adapter"),
        (
            "model: pickled\n",
            "model: '{here}/pickled' is no whole model that can be loaded: it has no *.safetensors, and weights of "
            "other formats can run code",
        ),
        ("model: ' '\n", "model: must name a folder"),
        ("model: one\nrank: 4\n", "nothing is trained for a `model`, so `rank` says nothing: delete it"),
        ("model: one\nseeds: [1, 2]\n", "nothing is trained for a `model`, so `seeds` says nothing: delete it"),
        ("model: one\nmethod: full\n", "nothing is trained for a `model`, so `method` says nothing: delete it"),
        ("model: one\nmerge: bf16\n", "a whole `model` has no adapter to merge: delete `merge`"),
        ("model: one\nadapter: lora\n", "a candidate is an `adapter` or a whole `model`, not both"),
        (
            "method: full\ncontinue_from: ./lora\n",
            "continue_from: '{here}/lora' is no whole model that can be loaded: it is an adapter",
        ),
        (
            "continue_from: ./one\n",
            "continue_from: '{here}/one' is no adapter that can be loaded: it has no adapter_config.json",
        ),
    ],
)
def test_what_is_no_whole_model_is_told_at_its_line(suite: Path, text: str, what: str) -> None:
    here = suite / "candidates"
    model(here / "one")
    adapter(here / "lora")
    (here / "pickled").mkdir()
    (here / "pickled" / "config.json").write_text("{}")
    (here / "pickled" / "pytorch_model.bin").write_bytes(b"pickle")
    assert f"error[bad-config]: {what.format(here=Path.cwd() / here)}" in fault(suite, r=text)


def test_whole_models_continue_whole_models_and_adapters_adapters(suite: Path) -> None:
    model(suite / "candidates" / "one")
    found = recipes(
        suite,
        f="method: full\n",
        g="method: full\ncontinue_from: f\n",
        h="method: full\ncontinue_from: ./one\n",
        i="method: full\ncontinue_from: m\n",
        m="model: one\n",
    )
    assert (found["g"].parent, found["i"].parent) == (found["f"], found["m"])
    assert found["h"].outside == found["i"].outside == str(Path.cwd() / suite / "candidates" / "one")
    assert found["g"].outside == ""
    assert all(recipe.whole for recipe in found.values())
    assert len({recipe_digest(found[name]) for name in "fghi"}) == 4
    assert "'q' is an adapter, and `method: full` continues from a whole model" in fault(
        suite, q="merge: bf16\n", r="method: full\ncontinue_from: q\n"
    )
    for path in (suite / "candidates").glob("*.yaml"):
        path.unlink()
    assert "'m' is a whole model: it has no adapter to continue from" in fault(
        suite, m="model: one\n", r="continue_from: m\n"
    )


def test_room_counts_its_own_weights_in_its_own_precision(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tmp_path / "base"
    base.mkdir()
    weights(base / "model.safetensors", w=[100, 100])
    monkeypatch.setattr(room, "free_bytes", lambda: ("cuda", 10**9))
    recipe = Recipe(name="m", prompts={}, model=str(model(tmp_path / "m")))
    timed = SimpleNamespace(spec=SimpleNamespace(latency=None))
    found = room.room_beside(timed, ModelSpec(id="m"), base, (recipe,))  # type: ignore[arg-type]
    assert found is not None
    assert (found.base_bytes, found.whole_bytes) == (2 * 10_000, 4 * 27)


def test_a_project_with_one_needs_no_training_data_of_it(suite: Path) -> None:
    model(suite / "candidates" / "one")
    (suite / "candidates" / "theirs.yaml").write_text(HEAD + "model: one\n")
    freeze(suite, load_suite_spec(suite))
    [recipe] = load_project(suite).recipes
    assert replace(recipe, model="").taken == ""
    assert stored_dtype(Path(recipe.taken)) == "float32"
    assert [a(noun(kind)) for kind in ("adapter", "model")] == ["an adapter", "a whole model"]
