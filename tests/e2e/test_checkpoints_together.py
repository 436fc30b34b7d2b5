"""Checkpoints of a training in two real processes on the CPU: looked at when it is over, chosen by the same rule."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from recorder import Recorder
from test_checkpoints import Noting, Scripted, real_examiner, run, without_times
from test_launch import _on_cpu
from test_training import RECIPE, model_path

from evalgate.core.adapter_files import adapter_digest
from evalgate.core.drafts import Checkpoints
from evalgate.core.results import AdapterCard
from evalgate.core.training import Examined

pytestmark = pytest.mark.slow
__all__ = ["model_path"]
# 8 steps, looked at after 2, 4, 6 and 8; one look without a better one would be enough to stop a single process.
ONE = replace(RECIPE, method="lora", max_rows=32, dropout=0.0, checkpoints=Checkpoints(dev_items=8, patience=1))
TWO = replace(ONE, num_gpus=2)
SHARES = [0.0, 1.0, 0.0, 0.25]


@pytest.fixture(autouse=True)
def on_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    _on_cpu(monkeypatch)


class Interrupted(Scripted):
    """Ctrl-C at the third look."""

    def __call__(self, module: Any) -> Examined:
        if self.n_looks == 2:
            raise KeyboardInterrupt
        return super().__call__(module)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, model_path: str) -> Any:
    folder, examiner, progress = tmp_path_factory.mktemp("together"), Scripted(SHARES), Noting()
    with pytest.MonkeyPatch.context() as patch:
        _on_cpu(patch)
        with pytest.raises(KeyboardInterrupt):
            run(folder, model_path, TWO, examiner=Interrupted(SHARES))
        assert not (folder / "card.json").exists()
        return folder, run(folder, model_path, TWO, examiner=examiner, progress=progress), examiner, progress


def test_the_kept_adapter_is_that_of_the_best_checkpoint_and_all_steps_are_trained(trained: Any) -> None:
    import torch
    from safetensors.torch import load_file

    folder, card, examiner, progress = trained
    [choice] = card.choices
    assert (choice.step, choice.planned, choice.stopped, card.n_steps) == (4, 8, 0, 8)
    assert [e.score for e in choice.evaluations] == SHARES
    assert all(e.loss is not None and e.dev_loss is not None for e in choice.evaluations)
    saved = load_file(folder / "adapter_model.safetensors")
    for name, value in saved.items():
        stem, _, last = name.rpartition(".")
        assert torch.equal(examiner.weights[1][f"{stem}.default.{last}"], value)
        assert not torch.equal(examiner.weights[3][f"{stem}.default.{last}"], value) or "lora_A" in name
    assert adapter_digest(folder) == card.adapter_digest
    scores = {p.step: p.dev_score for p in card.curves if p.dev_score is not None}
    assert scores == dict(zip((2, 4, 6, 8), SHARES, strict=True))
    assert progress.notes == [
        "tiny: the checkpoint of step 4 of 8 is kept: its dev score is the best: 100.0%; drift +0.000 nats a token",
        "tiny overfits from step 4 on: the dev score fell from 100.0% to 25.0%, while the training loss went on "
        "falling",
    ]
    names = {"adapter_config.json", "adapter_model.safetensors", "card.json"}
    assert {path.name for path in folder.iterdir()} == names


def test_killed_between_training_and_choice_only_the_looks_are_taken_again(trained: Any, model_path: str) -> None:
    folder, card, _, progress = trained
    assert progress.stages == [["checkpoints tiny", 4, 0, 4]]
    assert run(folder, model_path, TWO, examiner=Scripted([])) == card, "and once chosen, nothing is"


def test_what_a_look_shows_is_what_it_shows_in_one_process(model_path: str, tmp_path: Path) -> None:
    settings = Checkpoints(dev_items=8, keep="last", evaluations=2)
    cards: list[AdapterCard] = []
    for recipe in (ONE, TWO):
        folder = tmp_path / str(recipe.num_gpus or 1)
        looks = real_examiner(model_path, settings)
        progress = Recorder()
        cards.append(run(folder, model_path, replace(recipe, checkpoints=settings), examiner=looks, progress=progress))
    ([one], [two]) = map(without_times, cards)
    assert (two.step, two.examiner, two.metrics, two.n_items) == (one.step, one.examiner, one.metrics, one.n_items)
    assert two.reason == "`keep: last` asks for it"
    for a, b in zip(one.evaluations, two.evaluations, strict=True):
        assert a.seen.scores == b.seen.scores
        assert b.seen.drift == pytest.approx(a.seen.drift, abs=1e-4)
        assert b.dev_loss == pytest.approx(a.dev_loss, rel=1e-4)
    assert abs(two.evaluations[-1].seen.drift) > 1e-3
